"""Drawn ears of four people, and a small untrained model."""

from __future__ import annotations

import pytest
from ear_data import FRAMES, draw, write_folder, write_nano, write_store


@pytest.fixture(scope="session")
def people():
    """Two photos each of four people."""
    return {f"p{n}": draw(n, 2) for n in range(4)}


@pytest.fixture(scope="session")
def clip_frames():
    """Consecutive frames of a fifth person."""
    return draw(5, FRAMES)


@pytest.fixture(scope="session")
def photos(tmp_path_factory, people):
    """They as a folder of photos and masks."""
    return write_folder(tmp_path_factory.mktemp("photos") / "ears", people)


@pytest.fixture(scope="session")
def store(tmp_path_factory, clip_frames):
    """The fifth as a store, all frames corrected by hand."""
    return write_store(tmp_path_factory.mktemp("clips"), "walk", clip_frames, [2] * FRAMES)


@pytest.fixture(scope="session")
def nano(tmp_path_factory):
    """Weights to start from."""
    return write_nano(tmp_path_factory.mktemp("start") / "nano.safetensors")
