"""The good clip that all others are made from."""

from __future__ import annotations

import pytest
from clips import write_clip


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """Twelve small frames of an ear."""
    return write_clip(tmp_path_factory.mktemp("good") / "ear.mp4")


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """Runs within this process share networks; workers load their own."""
