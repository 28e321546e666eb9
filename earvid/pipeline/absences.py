"""What follows from saying that an ear is not on some frames, or no longer saying so.

Nobody has to look for an ear that a person says is not there: these frames are written anew, empty,
without the model. What the tracker made of them lives on, though, where it *saw* the ear there: in
its memory, and so in what follows up to the next keyframe, in the direction in which this stretch
was tracked. That is tracked anew, and likewise what follows from frames that are no longer said to
be without the ear, and these. All before stays as it is, bit for bit.

Such a stretch is tracked from the keyframe on as ever, for memory begins there; what that gives for
frames before the change is not kept. A keyframe that a person took back by an absence had its say
from the keyframe before to the one after it, and all of that is tracked anew.

Frames on which an ear yielded its place to another (``duplicate_of``) are given back to it where
that other one is tracked anew or is out, and are treated as those that are no longer said to be
without the ear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from earvid.pipeline.changes import Changes, Fill, plan_fills
from earvid.prompt import ObjectPrompt, Prompt
from earvid.store import Store


def all_fills(store: Store, prompt: Prompt, changes: Changes) -> tuple[Fill, ...]:
    """The stretches to track or to write anew, which together are the spans of a correction.

    Args:
        store: complete, as it is before the correction.
        prompt: the corrected one.
        changes: what is new in it.
    """
    first = plan_fills(prompt, changes, len(store))
    free: dict[int, frozenset[int]] = {}
    while True:
        ears = (e for e in prompt.objects if changes.touches_absence(e.id) or e.id in free)
        more = (fill for e in ears for fill in _fills_of(store, e, changes, free.get(e.id)))
        fills = (*first, *more)
        if (now := _given_back(store, prompt, fills)) == free:
            return fills
        free = now  # what these ears leave may be the place of others again


def _given_back(store: Store, prompt: Prompt, fills: Iterable[Fill]) -> dict[int, frozenset[int]]:
    """By object id, frames on which an ear yielded to one that is tracked or written anew there."""
    anew: dict[int, set[int]] = {}
    for fill in fills:
        anew.setdefault(fill.object_id, set()).update(fill.kept)
    given: dict[int, frozenset[int]] = {}
    for ear in prompt.objects:
        if ear.id not in store.object_ids:
            continue
        winners = store.tracks.duplicate_of[:, store.object_ids.index(ear.id)]
        frames = {t for i, at in anew.items() for t in at if i != ear.id and winners[t] == i}
        if frames:
            given[ear.id] = frozenset(frames)
    return given


def _fills_of(
    store: Store, ear: ObjectPrompt, changes: Changes, free: frozenset[int] | None
) -> Iterator[Fill]:
    """The stretches of an ear that no keyframe has tracked anew already."""
    anew = changes.keyframes.get(ear.id, ())
    for before, after in pairwise((-1, *ear.frames, len(store))):
        if before not in anew and after not in anew:
            yield from _between(store, ear, changes, free or frozenset(), before, after)


def _between(
    store: Store,
    ear: ObjectPrompt,
    changes: Changes,
    free: frozenset[int],
    before: int,
    after: int,
) -> Iterator[Fill]:
    """The stretches between two keyframes, or ends of the clip, that both are as they were."""
    gone = changes.gone.get(ear.id, frozenset())
    back = changes.back.get(ear.id, frozenset()) | free
    lost = any(before < t < after for t in changes.dropped.get(ear.id, ()))
    direction = 1 if before >= 0 else -1
    if not lost and before >= 0 and after < len(store):
        direction = _direction(store, ear, before, after)
    frames = range(before + 1, after)[::direction]
    seen = _seen(store, ear)
    first = (n for n, t in enumerate(frames) if lost or t in back or (t in gone and seen[t]))
    start = next(first, len(frames))
    if all(ear.is_absent(t) for t in frames[start:]):
        start = len(frames)  # nothing to look for follows
    if start < len(frames):
        keyframe = before if direction > 0 else after
        led = range(before, after) if direction > 0 else frames
        yield Fill(ear.id, keyframe, led, lead=len(led) - len(frames[start:]))
    yield from (Fill(ear.id, None, run) for run in _runs(gone.intersection(frames[:start])))


def _direction(store: Store, ear: ObjectPrompt, before: int, after: int) -> int:
    """In which direction a stretch between keyframes was tracked: forwards, but for corrections.

    Masks are conditioned on the frames that were tracked just before them.
    """
    column = store.object_ids.index(ear.id)
    for t in range(before + 1, after):
        memory = store.tracks.memory[t, column]
        # What lies beyond is keyframes, some of which may have been taken back since.
        recent = memory[(memory > before) & (memory < after)]
        if len(recent):
            return 1 if recent[np.abs(recent - t).argmin()] < t else -1
    return 1


def _seen(store: Store, ear: ObjectPrompt) -> NDArray[np.bool_]:
    """``(T,)`` frames on which an ear was seen; none of an ear that is new."""
    if ear.id not in store.object_ids:
        return np.zeros(len(store), bool)
    return np.asarray(store.tracks.area[:, store.object_ids.index(ear.id)] > 0)


def _runs(frames: Iterable[int]) -> Iterator[range]:
    """Frames in a row, as ranges."""
    ordered = sorted(frames)
    breaks = [n for n in range(1, len(ordered)) if ordered[n] - ordered[n - 1] > 1]
    for start, stop in pairwise((0, *breaks, len(ordered))):
        if start < stop:
            yield range(ordered[start], ordered[stop - 1] + 1)
