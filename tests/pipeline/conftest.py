"""Runs of this room share the networks that they load."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """No run of this room is about loading."""
