"""One clip of two ears, tracked once; tests that change something track their own."""

from __future__ import annotations

import pytest
from two_ears import KEYFRAME, make

import earvid


@pytest.fixture(scope="session")
def ears(tmp_path_factory):
    """The clip, in a folder with nothing else."""
    return make(tmp_path_factory.mktemp("ears"))


@pytest.fixture(scope="session")
def model():
    """The embedded model, loaded once."""
    from earvid.models import load_model

    return load_model()


@pytest.fixture(scope="session")
def recording(ears, model, tmp_path_factory):
    """What `earvid.track` returns."""
    store = tmp_path_factory.mktemp("store") / "two.earvid.zarr"
    return earvid.track(
        ears.clip, store=store, box=ears.boxes, landmarks=ears.landmarks, frame=KEYFRAME,
        model=model,
    )  # fmt: skip


@pytest.fixture(scope="session")
def bare(ears, model, tmp_path_factory):
    """The same with other settings and without landmarks."""
    from earvid.pipeline import TrackSettings

    return earvid.track(
        ears.clip, store=tmp_path_factory.mktemp("bare") / "two.earvid.zarr", box=ears.boxes,
        frame=KEYFRAME, policy="gated", landmarks="none",
        settings=TrackSettings(reentry="nearby"), model=model,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """Runs share networks."""
