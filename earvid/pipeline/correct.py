"""Correcting a complete store; what that means is said in :mod:`earvid.pipeline.changes`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from earvid import __version__
from earvid.models import LoadedModel
from earvid.pipeline.absences import all_fills
from earvid.pipeline.changes import Changes, Fill, find_changes, moved_keyframes
from earvid.pipeline.describe import make_spec
from earvid.pipeline.fills import Fills
from earvid.pipeline.guesses import (
    GUESSES,
    Guesses,
    kept_guesses,
    make_guesses,
    sureness,
    told,
    with_guesses,
)
from earvid.pipeline.merging import Merger
from earvid.pipeline.origin import Origin, Verdict
from earvid.pipeline.records import RecordMaker
from earvid.pipeline.report import TrackReport, spans, summarize
from earvid.pipeline.sessions import Sessions
from earvid.pipeline.settings import TrackSettings
from earvid.prompt import Prompt
from earvid.store import Store, StoreCorrection, StorePath, StoreSpec, begun_correction
from earvid.video import Clip

Spans = dict[str, tuple[tuple[int, int], ...]]


def correct(
    clip: Clip,
    origin: Origin,
    target: StorePath,
    verdict: Verdict,
    settings: TrackSettings,
    loaded: LoadedModel,
    progress: Callable[[int, int], None] | None,
    beside: int = 1,
) -> TrackReport:
    """Bring a complete store to a corrected prompt.

    Args:
        clip: the frames.
        origin: what the store is to follow from.
        target: the store.
        verdict: to correct it, with its header and the changes.
        settings: how to track.
        loaded: the model.
        progress: called with frames done and frames in all.
        beside: how many things may be computed side by side.

    Raises:
        EarvidError: one sentence on what is wrong; the store is then as it was.
    """
    assert verdict.changes is not None and verdict.head is not None
    began = time.monotonic()
    old, prompt = Store.open(target), origin.prompt
    sessions = Sessions(loaded, clip, settings, beside=beside)
    guesses = _guesses(clip, origin, sessions, old, verdict.changes, settings)
    marking = with_guesses(prompt, guesses)
    fills = all_fills(old, prompt, verdict.changes)
    anew = _spans(prompt, fills, len(clip))
    spec = _spec(clip, origin, settings, loaded, sessions, old, verdict.changes, anew, guesses)
    tracked = 0
    with StoreCorrection(target, spec, verdict.head) as correction:
        if correction.writer is not None:
            maker = RecordMaker(
                marking.prompt,
                spec.width,
                spec.height,
                spec.keypoints,
                spec.memory_slots,
                tidy=settings.roi != "off",
            )
            merger = Merger(maker, old, verdict.changes)
            writer = correction.writer
            tracked = Fills(
                clip,
                prompt,
                marking,
                sessions,
                fills,
                merger,
                writer,
                progress,
                landmarks=settings.follows_landmarks,
            ).run()
            ears = summarize(Store.open(correction.draft))
            writer.finish({"ears": [asdict(ear) for ear in ears]})
        correction.commit()
    return TrackReport(
        target,
        clip.info.frame_count,
        tracked,
        time.monotonic() - began,
        summarize(Store.open(target)),
        clip.info.warnings,
        anew,
        sureness(prompt, guesses),
    )


def planned(store: Store, prompt: Prompt) -> Spans:
    """What a correction would track anew: half-open spans of frames, by the name of the ear.

    Args:
        store: complete, and as it was.
        prompt: the corrected one, which is known to be meant as a correction.

    Raises:
        StoreError: it is not a correction; the sentence says why.
    """
    changes = find_changes(store.path, store.spec.lineage, prompt, by_hand=True)
    return _spans(prompt, all_fills(store, prompt, changes), len(store))


def _spans(prompt: Prompt, fills: tuple[Fill, ...], frame_count: int) -> Spans:
    flags = {ear.id: np.zeros(frame_count, bool) for ear in prompt.objects}
    for fill in fills:
        flags[fill.object_id][list(fill.kept)] = True
    return {ear.name: spans(flags[ear.id]) for ear in prompt.objects if flags[ear.id].any()}


def _absence(prompt: Prompt, changes: Changes, frame_count: int) -> dict[str, Any]:
    """What the history tells of frames without an ear: spans, by its name, that are new or not."""
    told: dict[str, Any] = {}
    for key, moved in (("absent", changes.gone), ("present", changes.back)):
        for ear in prompt.objects:
            flags = np.zeros(frame_count, bool)
            flags[list(moved.get(ear.id, ()))] = True
            if flags.any():
                told.setdefault(key, {})[ear.name] = [list(span) for span in spans(flags)]
    return told


def _guesses(
    clip: Clip,
    origin: Origin,
    sessions: Sessions,
    old: Store,
    changes: Changes,
    settings: TrackSettings,
) -> Guesses:
    """The guesses of the store; anew those of ears whose first keyframe is new or elsewhere now."""
    if settings.landmarks != "auto":
        return ()
    begun = begun_correction(old.path, origin.corrected_fingerprint(old.fingerprint))
    if begun is not None:  # which was stopped, and goes on with what it had
        return kept_guesses(begun["provenance"])
    prompt = origin.prompt
    moved = moved_keyframes(old.spec.lineage, prompt)
    elsewhere = {i: (*moved[i], *changes.dropped.get(i, ())) for i in moved}
    kept = kept_guesses(old.provenance, elsewhere)
    again = {
        ear.id for ear in prompt.objects if ear.first_keyframe in changes.keyframes.get(ear.id, ())
    } | changes.dropped.keys()
    lost = {one.object_id for one in kept_guesses(old.provenance)}
    return make_guesses(clip, prompt, sessions, kept, again | lost)


def _spec(
    clip: Clip,
    origin: Origin,
    settings: TrackSettings,
    loaded: LoadedModel,
    sessions: Sessions,
    old: Store,
    changes: Changes,
    anew: Spans,
    guesses: Guesses,
) -> StoreSpec:
    """The spec of the corrected store; what was a note on the prompt before is now history."""
    lineage = old.spec.lineage
    notes = ("prompt", "found", GUESSES)
    before = {key: old.provenance[key] for key in notes if key in old.provenance}
    entry: dict[str, Any] = {
        "earvid": __version__,
        "device": loaded.device,
        "before": {"fingerprint": old.fingerprint, "sha256": lineage["prompt"], **before},
        "sha256": origin.prompt.digest(),
        **_absence(origin.prompt, changes, len(clip)),
        "keyframes": {
            ear.name: list(changes.keyframes[ear.id])
            for ear in origin.prompt.objects
            if ear.id in changes.keyframes
        },
        "spans": {name: [list(span) for span in found] for name, found in anew.items()},
    }
    provenance = {
        **{key: value for key, value in old.provenance.items() if key not in ("found", GUESSES)},
        "prompt": origin.prompt.to_json(),
        **told(guesses),
        "corrections": [*old.provenance.get("corrections", []), entry],
    }
    return make_spec(
        clip,
        origin,
        settings,
        sessions.blank(origin.prompt),
        with_guesses(origin.prompt, guesses).prompt,
        fingerprint=origin.corrected_fingerprint(old.fingerprint),
        provenance=provenance,
        lineage=origin.lineage([*lineage["earlier"], lineage["prompt"]]),
        least_slots=old.spec.memory_slots,
        least_keypoints=old.keypoints,
    )
