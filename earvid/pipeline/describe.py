"""What a store says about itself: its spec and its provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from earvid import __version__
from earvid.models import LoadedModel
from earvid.models.packing import can_pack
from earvid.pipeline.guesses import Guesses, told, with_guesses
from earvid.pipeline.origin import Origin
from earvid.pipeline.records import keypoint_names
from earvid.pipeline.settings import TrackSettings
from earvid.prompt import Prompt
from earvid.store import StoreSpec
from earvid.tracker import Session
from earvid.video import Clip


def first_spec(
    clip: Clip,
    origin: Origin,
    settings: TrackSettings,
    loaded: LoadedModel,
    session: Session,
    guesses: Guesses,
    found: Mapping[str, Any] | None,
) -> StoreSpec:
    """The spec of a store that is made in one run."""
    return make_spec(
        clip,
        origin,
        settings,
        session,
        with_guesses(origin.prompt, guesses).prompt,
        fingerprint=origin.fingerprint(),
        provenance={
            **_provenance(clip, origin, settings, loaded, session, found),
            **told(guesses),
        },
        lineage=origin.lineage(),
    )


def make_spec(
    clip: Clip,
    origin: Origin,
    settings: TrackSettings,
    session: Session,
    marked: Prompt,
    *,
    fingerprint: str,
    provenance: Mapping[str, Any],
    lineage: Mapping[str, Any],
    least_slots: int = 0,
    least_keypoints: tuple[str, ...] = (),
) -> StoreSpec:
    """The spec of a store of any kind.

    Args:
        clip: the frames.
        origin: what the store follows from.
        settings: how to track.
        session: whose policy tells how many frames a mask is conditioned on.
        marked: the prompt with all landmarks, guessed ones too.
        fingerprint: sha256 hex.
        provenance: how the store came about.
        lineage: what the fingerprint was made from.
        least_slots: room for memory frames that is needed in any case.
        least_keypoints: landmarks that have a place in any case.
    """
    info, ears = clip.info, origin.prompt.objects
    keyframes = max(len(ear.frames) for ear in ears)
    return StoreSpec(
        clip_name=Path(info.path).name,
        frame_count=info.frame_count,
        width=info.width,
        height=info.height,
        fps=info.fps,
        times=clip.times,
        object_ids=tuple(ear.id for ear in ears),
        object_names=tuple(ear.name for ear in ears),
        keypoints=_keypoints(marked, least_keypoints) if settings.follows_landmarks else (),
        memory_slots=max(least_slots, session.policy.slots(keyframes)),
        fingerprint=fingerprint,
        provenance=provenance,
        shard_bytes=settings.shard_bytes,
        lineage=lineage,
    )


def _keypoints(marked: Prompt, least: tuple[str, ...]) -> tuple[str, ...]:
    """Names of landmarks; those of frames that keep theirs come first."""
    return tuple(dict.fromkeys([*least, *keypoint_names(marked)]))


def _provenance(
    clip: Clip,
    origin: Origin,
    settings: TrackSettings,
    loaded: LoadedModel,
    session: Session,
    found: Mapping[str, Any] | None,
) -> dict[str, Any]:
    info = clip.info
    return {
        "earvid": __version__,
        "python": platform.python_version(),
        "clip": {
            "name": Path(info.path).name,
            "sha256": clip.digest(),
            "codec": info.codec,
            "pixel_format": info.pixel_format,
            "reader": info.reader,
            "reader_reason": info.reader_reason,
            "warnings": list(info.warnings),
        },
        "model": {
            "name": loaded.name,
            "weights": loaded.weights.name,
            "sha256": loaded.sha256,
            "device": loaded.device,
            "dtype": loaded.dtype,
            "quantize": loaded.quantize,
            "numbers": _numbers(loaded),
            "alternatives": session.engine.alternatives,
        },
        "settings": {
            "roi": settings.roi,
            "reentry": settings.reentry if settings.scouts else "nearby",
            "policy": session.policy.describe(),
            "landmarks": settings.landmarks,
        },
        "prompt": origin.prompt.to_json(),
        **({} if found is None else {"found": dict(found)}),
    }


def _numbers(loaded: LoadedModel) -> str:
    """The dtype of what a model computes, but for what it computes in eight bits."""
    rounds = loaded.quantize == "int8" and can_pack(getattr(torch, loaded.numbers))
    return loaded.numbers if rounds and loaded.tuned else loaded.dtype
