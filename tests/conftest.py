"""Fixtures that several rooms need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from earvid.models import LoadedModel

# Files of tests run side by side, each on a core of its own, and so do programs that they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photos and clips, which are not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the development data in {SHARED.parent.name}/{SHARED.name}")
    return SHARED


@pytest.fixture(scope="session")
def quick_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model for an input of half its size: a bit worse, and twice as fast."""
    from earvid.models import DEFAULT_MODEL, read_weights, save_weights, weights_file

    path: Path = tmp_path_factory.mktemp("quick") / "quick.safetensors"
    weights, about = read_weights(weights_file(DEFAULT_MODEL))
    save_weights(path, weights, {**about["config"], "image_size": 128}, about["notes"])
    return path


@pytest.fixture(scope="session")
def quick_model(quick_weights: Path) -> LoadedModel:
    """The same, loaded: for tests of what is done with masks rather than of how good they are."""
    from earvid.models import load_model

    return load_model(checkpoint=quick_weights)


def _kept(load: Callable[..., Any]) -> Callable[..., Any]:
    """What loads a network that ships with earvid, but does so once."""
    known: dict[Any, Any] = {}

    def loading(*given: Any, **named: Any) -> Any:
        if named.get("checkpoint") is not None:  # a file, which may be another one next time
            return load(*given, **named)
        key = given, tuple(sorted(named.items()))
        if key not in known:
            known[key] = load(*given, **named)
        return known[key]

    return loading


@pytest.fixture(scope="session")
def _kept_loaders() -> dict[str, Callable[..., Any]]:
    from earvid.detect import load_detector, load_scout
    from earvid.landmarks.guess import load_landmark_model
    from earvid.models import load_model

    return {
        "earvid.pipeline.settings.load_model": _kept(load_model),
        "earvid.pipeline.sessions.load_scout": _kept(load_scout),
        "earvid.pipeline.guesses.load_landmark_model": _kept(load_landmark_model),
        "earvid.detect.load_detector": _kept(load_detector),
    }


@pytest.fixture(scope="module")
def loaded_once(_kept_loaders: dict[str, Callable[..., Any]]) -> Iterator[None]:
    """Runs within this process share networks, as the clips of a batch do.

    Loading takes as long as tracking a dozen small frames. Whatever starts a process of its own
    loads them as usual.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, load in _kept_loaders.items():
            patch.setattr(name, load)
        yield
