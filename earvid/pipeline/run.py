"""``track()``: one clip from prompt to store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from earvid.models import LoadedModel, check_quantize, pick_device, weights_file
from earvid.models.weights import file_sha256
from earvid.pipeline.correct import correct
from earvid.pipeline.describe import first_spec
from earvid.pipeline.guesses import (
    Guesses,
    kept_guesses,
    make_guesses,
    sureness,
    with_guesses,
)
from earvid.pipeline.marks import MarkTracks, marked_apart
from earvid.pipeline.origin import Origin, Verdict, judge
from earvid.pipeline.passes import Passes
from earvid.pipeline.records import RecordMaker
from earvid.pipeline.report import TrackReport, summarize
from earvid.pipeline.sessions import Sessions
from earvid.pipeline.settings import DEFAULTS, TrackSettings
from earvid.prompt import Prompt
from earvid.stages import Stages
from earvid.store import AnyPath, Decision, Store, StorePath, StoreWriter, settle, store_path
from earvid.threads import sharing
from earvid.video import Clip

Progress = Callable[[int, int], None]


def default_store(clip: Path) -> Path:
    """``<clip>.earvid.zarr`` beside the clip."""
    return clip.with_name(f"{clip.stem if clip.is_file() else clip.name}.earvid.zarr")


def track(
    clip: Path | str,
    prompt: Prompt,
    store: AnyPath | None = None,
    *,
    settings: TrackSettings = DEFAULTS,
    model: LoadedModel | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    found: Mapping[str, Any] | None = None,
    stages: Stages | None = None,
    by_hand: bool = False,
) -> TrackReport:
    """Track every ear of a prompt through a clip, into a zarr store.

    Killed at any instant and called again, it goes on from the last whole shard, and the store
    ends equal to that of an undisturbed run. A complete store whose prompt has got more keyframes
    or ears since, or other frames without an ear, is corrected: see :mod:`earvid.pipeline.changes`
    for what is tracked anew.

    Args:
        clip: a video file or a folder of images.
        prompt: the ears.
        store: where to, a path or ``s3://bucket/key.zarr``; ``<clip>.earvid.zarr`` beside the clip
            by default.
        settings: how to track.
        model: a loaded model to use for several clips; loaded from the settings by default.
        overwrite: replace a store that was made from another clip, prompt or settings.
        progress: called with frames done and frames in all, about once a frame.
        found: how the prompt was found, when nobody gave it; plain values for the provenance, which
            do not count for the comparison with an earlier run.
        stages: measures where the time goes; not in a correction.
        by_hand: the prompt is meant as a correction, though it may put an ear's only keyframe
            elsewhere, or be one that the store had before.

    Returns:
        What it came to. A store that is complete and was made the same way is left as it is.

    Raises:
        EarvidError: one sentence on what is wrong with clip, prompt, model or store.
    """
    target = default_store(Path(clip)) if store is None else store_path(store)
    if model is not None:
        settings = replace(settings, dtype=model.dtype, quantize=model.quantize)
    settle(target)  # a correction that was stopped on its last step comes first
    with Clip.open(clip, reader=settings.reader) as source:
        info = source.info
        origin, verdict = _judge(source, prompt, target, settings, model, overwrite, by_hand)
        if verdict.decision is Decision.SKIP:
            done = Store.open(target)
            guessed = sureness(prompt, kept_guesses(done.provenance))
            return TrackReport(
                target, info.frame_count, 0, 0.0, summarize(done), info.warnings, guessed=guessed
            )
        loaded = model or settings.load()
        with sharing(small=loaded.small) as share:
            beside = share.beside if loaded.device == "cpu" else 1
            if verdict.decision is Decision.CORRECT:
                return correct(source, origin, target, verdict, settings, loaded, progress, beside)
            return _track(
                source,
                origin,
                target,
                verdict,
                settings,
                loaded,
                progress,
                found,
                stages,
                beside,
                apart=share.cores > 1,
            )


def check(
    clip: Path | str,
    prompt: Prompt,
    store: AnyPath | None = None,
    *,
    settings: TrackSettings = DEFAULTS,
    overwrite: bool = False,
    by_hand: bool = False,
) -> tuple[StorePath, str]:
    """Check clip, prompt and store as :func:`track` would, without loading the model.

    Returns:
        the store, and what would happen to it: ``create``, ``resume``, ``skip`` or
            ``correct``.

    Raises:
        EarvidError: as :func:`track` would.
    """
    target = default_store(Path(clip)) if store is None else store_path(store)
    with Clip.open(clip, reader=settings.reader) as source:
        _, verdict = _judge(source, prompt, target, settings, None, overwrite, by_hand)
    return target, verdict.decision.value


def _judge(
    clip: Clip,
    prompt: Prompt,
    target: StorePath,
    settings: TrackSettings,
    model: LoadedModel | None,
    overwrite: bool,
    by_hand: bool,
) -> tuple[Origin, Verdict]:
    """Validate the prompt and look at the store, before a model is loaded."""
    info = clip.info
    prompt.validate(info.width, info.height, info.frame_count)
    device = pick_device(settings.device) if model is None else model.device
    check_quantize(settings.quantize, device)
    if model is None:
        weights = file_sha256(weights_file(settings.model, settings.checkpoint))
    else:
        weights = model.sha256 if model.tuned else f"{model.sha256} as it is"
    name = settings.model if model is None else model.name
    origin = Origin.make(clip.digest(), prompt, settings, name, weights)
    return origin, judge(target, origin, overwrite=overwrite, by_hand=by_hand)


def _track(
    clip: Clip,
    origin: Origin,
    target: StorePath,
    verdict: Verdict,
    settings: TrackSettings,
    loaded: LoadedModel,
    progress: Progress | None,
    found: Mapping[str, Any] | None,
    stages: Stages | None,
    beside: int,
    *,
    apart: bool,
) -> TrackReport:
    """Begin a store, or go on with one; landmarks may be followed apart."""
    info = clip.info
    # Before a store is begun, for it may fail.
    sessions = Sessions(loaded, clip, settings, beside=beside)
    session = sessions.prepared(origin.prompt)
    guesses = _guesses(clip, origin, verdict, settings, sessions)
    marking = with_guesses(origin.prompt, guesses)
    spec = first_spec(clip, origin, settings, loaded, session, guesses, found)
    began = time.monotonic()
    if verdict.decision is Decision.RESUME:
        opened = StoreWriter.resume(target, spec)
    else:
        opened = StoreWriter.create(target, spec, seen=verdict.head)
    with opened as writer:
        maker = RecordMaker(
            marking.prompt,
            info.width,
            info.height,
            spec.keypoints,
            spec.memory_slots,
            tidy=settings.roi != "off",
        )
        tracked = 0
        if writer.pending:  # killed while it finished, a store lacks nothing but that
            wanted = settings.follows_landmarks
            with marked_apart(clip, marking, wanted=wanted and apart) as far:
                marks = MarkTracks(clip, marking, wanted=wanted, apart=far)
                passes = Passes(
                    clip, session, marks, maker, writer, spec.shard_length, progress, stages
                )
                tracked = passes.run()
        ears = summarize(Store.open(target))
        writer.finish({"ears": [asdict(ear) for ear in ears]})
    seconds = time.monotonic() - began
    guessed = sureness(origin.prompt, guesses)
    return TrackReport(
        target, info.frame_count, tracked, seconds, ears, info.warnings, guessed=guessed
    )


def _guesses(
    clip: Clip, origin: Origin, verdict: Verdict, settings: TrackSettings, sessions: Sessions
) -> Guesses:
    """Landmarks of ears that have none; of a store that was begun, those it was begun with."""
    if settings.landmarks != "auto":
        return ()
    if verdict.decision is Decision.RESUME and verdict.head is not None:
        return kept_guesses(verdict.head["provenance"])
    return make_guesses(clip, origin.prompt, sessions)
