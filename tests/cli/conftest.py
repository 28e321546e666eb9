"""A small real clip with an ear, and the store of one run over it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter

FIRST, COUNT, WIDTH, HEIGHT = 40, 12, 160, 120  # of the sample clip, and the size it is shrunk to


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory):
    """12 frames of the sample clip at a quarter of its size."""
    path = tmp_path_factory.mktemp("clip") / "ear.mp4"
    with Clip.open(sample_path()) as clip, VideoWriter(path, WIDTH, HEIGHT) as writer:
        for frame in clip.frames(FIRST, FIRST + COUNT):
            writer.write(cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="session")
def ear_box():
    """The ear on frame 5 of the small clip, as an option's text."""
    mask = load_truth().masks[FIRST + 5]
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) * WIDTH / mask.shape[1]
    return ",".join(f"{value:.1f}" for value in box)


@pytest.fixture
def here(tmp_path, monkeypatch, small_clip):
    """The current folder, with the small clip in it as ``ear.mp4``."""
    shutil.copy(small_clip, tmp_path / "ear.mp4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EARVID_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="session")
def tracked(tmp_path_factory, small_clip, ear_box):
    """A folder with the small clip and its complete store."""
    from earvid.pipeline import track
    from earvid.prompt import prompt_from_options

    folder: Path = tmp_path_factory.mktemp("tracked")
    shutil.copy(small_clip, folder / "ear.mp4")
    track(folder / "ear.mp4", prompt_from_options([("box", ear_box)], 5))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """Calls within this process share networks; those that are processes load their own."""
