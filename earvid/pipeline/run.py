"""``track()``: one clip from prompt to store."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from earvid import __version__
from earvid.models import LoadedModel, load_model, pick_device, weights_file
from earvid.models.weights import file_sha256
from earvid.pipeline.alternatives import has_alternatives
from earvid.pipeline.passes import Passes
from earvid.pipeline.records import RecordMaker, keypoint_names
from earvid.pipeline.report import TrackReport, summarize
from earvid.pipeline.settings import DEFAULTS, TrackSettings
from earvid.prompt import Prompt
from earvid.store import Decision, Store, StoreSpec, StoreWriter, decide
from earvid.tracker import RoiSettings, Session
from earvid.video import Clip

Progress = Callable[[int, int], None]
STATE_VERSION = 3  # of what the fingerprint covers; a change makes old stores "different"


def default_store(clip: Path) -> Path:
    """``<clip>.earvid.zarr`` beside the clip."""
    return clip.with_name(f"{clip.stem if clip.is_file() else clip.name}.earvid.zarr")


def track(
    clip: Path | str,
    prompt: Prompt,
    store: Path | str | None = None,
    *,
    settings: TrackSettings = DEFAULTS,
    model: LoadedModel | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    found: Mapping[str, Any] | None = None,
) -> TrackReport:
    """Track every ear of a prompt through a clip, into a zarr store.

    Killed at any instant and called again, it goes on from the last whole shard, and the store
    ends equal to that of an undisturbed run.

    Args:
        clip: a video file or a folder of images.
        prompt: the ears.
        store: where to; ``<clip>.earvid.zarr`` beside the clip by default.
        settings: how to track.
        model: a loaded model to use for several clips; loaded from the settings by default.
        overwrite: replace a store that was made from another clip, prompt or settings.
        progress: called with frames done and frames in all, about once a frame.
        found: how the prompt was found, when nobody gave it; plain values for the provenance, which
            do not count for the comparison with an earlier run.

    Returns:
        What it came to. A store that is complete and was made the same way is left as it is.

    Raises:
        EarvidError: one sentence on what is wrong with clip, prompt, model or store.
    """
    target = Path(store) if store is not None else default_store(Path(clip))
    with Clip.open(clip, reader=settings.reader) as source:
        info = source.info
        mark, decision = _decide(source, prompt, target, settings, model, overwrite)
        if decision is Decision.SKIP:
            done = Store.open(target)
            return TrackReport(target, info.frame_count, 0, 0.0, summarize(done), info.warnings)
        loaded = model or load_model(
            settings.model, checkpoint=settings.checkpoint, device=settings.device
        )
        session = _session(loaded, prompt, source, settings)  # before a store is begun: it may fail
        spec = _spec(source, prompt, settings, loaded, session, mark, found)
        began = time.monotonic()
        open_writer = StoreWriter.resume if decision is Decision.RESUME else StoreWriter.create
        with open_writer(target, spec) as writer:
            maker = RecordMaker(
                prompt,
                info.width,
                info.height,
                spec.keypoints,
                spec.memory_slots,
                tidy=settings.roi != "off",
            )
            tracked = 0
            if writer.pending:  # killed while it finished, a store lacks nothing but that
                tracked = Passes(source, session, maker, writer, spec.shard_length, progress).run()
            ears = summarize(Store.open(target))
            writer.finish({"ears": [asdict(ear) for ear in ears]})
    seconds = time.monotonic() - began
    return TrackReport(target, info.frame_count, tracked, seconds, ears, info.warnings)


def check(
    clip: Path | str,
    prompt: Prompt,
    store: Path | str | None = None,
    *,
    settings: TrackSettings = DEFAULTS,
    overwrite: bool = False,
) -> tuple[Path, str]:
    """Check clip, prompt and store as :func:`track` would, without loading the model.

    Returns:
        the store, and what would happen to it: ``create``, ``resume`` or ``skip``.

    Raises:
        EarvidError: as :func:`track` would.
    """
    target = Path(store) if store is not None else default_store(Path(clip))
    with Clip.open(clip, reader=settings.reader) as source:
        _, decision = _decide(source, prompt, target, settings, None, overwrite)
    return target, decision.name.lower()


def _decide(
    clip: Clip,
    prompt: Prompt,
    target: Path,
    settings: TrackSettings,
    model: LoadedModel | None,
    overwrite: bool,
) -> tuple[str, Decision]:
    """Validate the prompt and compare fingerprints, before a model is loaded."""
    info = clip.info
    prompt.validate(info.width, info.height, info.frame_count)
    pick_device(settings.device)
    if model is None:
        weights = file_sha256(weights_file(settings.model, settings.checkpoint))
    else:
        weights = model.sha256
    name = settings.model if model is None else model.name
    mark = fingerprint(clip.digest(), prompt, settings, name, weights)
    return mark, decide(target, mark, overwrite=overwrite)


def fingerprint(
    video: str, prompt: Prompt, settings: TrackSettings, model: str, weights: str
) -> str:
    """Hash all that decides what the arrays of a store will hold.

    Args:
        video: sha256 of the clip's bytes.
        prompt: the ears.
        settings: only what changes results takes part.
        model: name in the zoo; one file can fit several architectures.
        weights: sha256 of the weights file.

    Returns:
        sha256, hex.
    """
    parts = {
        "version": STATE_VERSION,
        "video": video,
        "prompt": prompt.digest(),
        "model": model,
        "weights": weights,
        "roi": asdict(RoiSettings()) if settings.roi == "follow" else "off",
        "policy": settings.make_policy().describe(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _session(loaded: LoadedModel, prompt: Prompt, clip: Clip, settings: TrackSettings) -> Session:
    """A session that knows all keyframes, so that the frames before them profit too.

    Raises:
        PromptError: a keyframe cannot be decoded.
    """
    model, info = loaded.model, clip.info
    session = Session(
        model,
        prompt,
        info.width,
        info.height,
        info.frame_count,
        roi=RoiSettings() if settings.roi == "follow" else None,
        policy=settings.make_policy,
        alternatives=has_alternatives(loaded.weights),
    )
    for index in sorted({t for ear in prompt.objects for t in ear.frames}):
        frame = clip.frame(index)
        if frame.damaged:
            session.skip(index)  # says whose keyframe it is
        session.prepare(frame)
    return session


def _spec(
    clip: Clip,
    prompt: Prompt,
    settings: TrackSettings,
    loaded: LoadedModel,
    session: Session,
    fingerprint: str,
    found: Mapping[str, Any] | None,
) -> StoreSpec:
    info = clip.info
    keyframes = max(len(ear.frames) for ear in prompt.objects)
    return StoreSpec(
        clip_name=Path(info.path).name,
        frame_count=info.frame_count,
        width=info.width,
        height=info.height,
        fps=info.fps,
        times=clip.times,
        object_ids=tuple(ear.id for ear in prompt.objects),
        object_names=tuple(ear.name for ear in prompt.objects),
        keypoints=keypoint_names(prompt),
        memory_slots=session.policy.slots(keyframes),
        fingerprint=fingerprint,
        provenance=_provenance(clip, prompt, settings, loaded, session, found),
        shard_bytes=settings.shard_bytes,
    )


def _provenance(
    clip: Clip,
    prompt: Prompt,
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
            "alternatives": session.engine.alternatives,
        },
        "settings": {"roi": settings.roi, "policy": session.policy.describe()},
        "prompt": prompt.to_json(),
        **({} if found is None else {"found": dict(found)}),
    }
