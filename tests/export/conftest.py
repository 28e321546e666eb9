"""A made store, written once, and a copy for tests that change something."""

from __future__ import annotations

import pytest
from made_store import make


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A complete store with its clip; tests write elsewhere."""
    return make(tmp_path_factory.mktemp("made") / "clips")


@pytest.fixture(scope="session")
def long(tmp_path_factory):
    """A store of 300 frames in many shards, with two landmarks."""
    return make(tmp_path_factory.mktemp("long") / "clips", frames=300, keypoints=("tragus", "lobe"))
