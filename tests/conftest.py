"""Fixtures that several rooms need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Files of tests run side by side, each on a core of its own, and so do programs that they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photos and clips, which are not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the development data in {SHARED.parent.name}/{SHARED.name}")
    return SHARED
