"""The good clip that all others are made from."""

from __future__ import annotations

import pytest
from clips import write_clip


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """Twelve small frames of an ear."""
    return write_clip(tmp_path_factory.mktemp("good") / "ear.mp4")
