"""Corrections: what a changed prompt changes in a complete store, and what it leaves alone.

A store that is complete is corrected by tracking the same clip again with a prompt that has more
keyframes, another prompt on some of its keyframes, more ears, or other frames on which an ear is
said to be absent. This is what a correction means:

- **Span.** A keyframe that is new or was changed, at frame ``k`` of an ear, changes this ear from
  the keyframe before to the keyframe after ``k``, both left out, or to the ends of the clip. All
  other frames, those of other keyframes too, keep their values bit for bit.
- **Start.** From ``k`` the ear is tracked anew: forwards to the next keyframe, and backwards to the
  one before unless that is new, too, and has been tracked forwards from. Both ways begin with an
  empty memory but for all keyframes of the ear, with which every frame is conditioned. Nothing of
  the first run takes part, and so a correction depends on nothing but clip, prompt and settings.
- **Other ears** keep their masks to the pixel: where the corrected ear overlaps one that is not
  tracked anew on this frame, that one wins, for a store has no logits of it. Among ears that are,
  the higher logit wins, as ever. Pixels that the ear gives up become background.
- **New ears** are tracked through the whole clip, on the same terms.
- **Absence** on more or fewer frames changes these, and what follows from them; see
  :mod:`earvid.pipeline.absences`. An ear that is absent everywhere has no keyframes, and is out.
- **Status** is 2 on the frames of keyframes that are new or changed, but for a new ear's first, and
  on frames that are said to be without an ear, for as long as they are.
- **Refused** is a prompt that lacks an ear of the store, or a keyframe of it on which the ear is
  not absent now. Refused unless it is meant as a correction in so many words (``by_hand``) is one
  with an ear of which no keyframe is as it was (every frame of it would be lost), and one that the
  store had before it was corrected, which comes from running an old command again and would undo
  work done by hand.

A store that was corrected is thus not equal to that of a first run with the same prompt, where
every keyframe conditions every frame; ``--overwrite`` makes that one. The fingerprints differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earvid.errors import StoreError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.store import StorePath


@dataclass(frozen=True)
class Changes:
    """What is new in a prompt.

    Args:
        keyframes: by object id, those to track anew from.
        corrected: frames that a person came back to.
        added: by object id, the keyframes that the ear did not have; all of a new ear.
        dropped: by object id, the keyframes that it had, and is absent on now.
        gone: by object id, frames that are newly said to be without the ear.
        back: by object id, frames that no longer are.
    """

    keyframes: Mapping[int, tuple[int, ...]]
    corrected: frozenset[int]
    added: Mapping[int, tuple[int, ...]]
    dropped: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    gone: Mapping[int, frozenset[int]] = field(default_factory=dict)
    back: Mapping[int, frozenset[int]] = field(default_factory=dict)

    def touches_absence(self, object_id: int) -> bool:
        """Whether it is new of an ear where it is not."""
        return any(object_id in one for one in (self.gone, self.back))


@dataclass(frozen=True)
class Fill:
    """A stretch of frames on which one ear is tracked anew, away from a keyframe.

    Args:
        object_id: which ear.
        keyframe: where it starts; the first of the frames forwards, beside them backwards. None
            where there is nothing to track, for the ear is absent on all of the frames.
        frames: in the order in which they are tracked.
        lead: how many of them come first and stay as they were; they only lead to the others.
    """

    object_id: int
    keyframe: int | None
    frames: range
    lead: int = 0

    @property
    def kept(self) -> range:
        """The frames that are written anew."""
        return self.frames[self.lead :]

    @property
    def direction(self) -> int:
        """1 forwards, -1 backwards."""
        return self.frames.step


def keyframe_digests(prompt: Prompt) -> dict[str, dict[str, str]]:
    """The sha256 of what is prompted, by object id and frame, both as text."""
    return {
        str(ear.id): {str(index): _digest(frame) for index, frame in ear.frames.items()}
        for ear in prompt.objects
    }


def absent_ranges(prompt: Prompt) -> dict[str, list[list[int]]]:
    """Where ears are said not to be, by object id as text; without ears that are so nowhere."""
    return {str(ear.id): [list(one) for one in ear.absent] for ear in prompt.objects if ear.absent}


def moved_keyframes(lineage: Mapping[str, Any], prompt: Prompt) -> dict[int, tuple[int, ...]]:
    """Keyframes, by object id, of which more was changed than that landmarks were added.

    Args:
        lineage: of the store.
        prompt: the new one.
    """
    then = lineage["keyframes"]
    return {
        ear.id: tuple(
            t
            for t, frame in ear.frames.items()
            if then.get(str(ear.id), {}).get(str(t)) not in (_digest(frame), _bare_digest(frame))
        )
        for ear in prompt.objects
    }


def find_changes(
    path: StorePath, lineage: Mapping[str, Any], prompt: Prompt, *, by_hand: bool = False
) -> Changes:
    """Compare a prompt with the one that a store was made from.

    Args:
        path: of the store, for errors.
        lineage: of the store.
        prompt: the new one.
        by_hand: whether it is known to be meant as a correction.

    Raises:
        StoreError: it is not a correction; the sentence says why.
    """
    then, now = lineage["keyframes"], keyframe_digests(prompt)
    if prompt.digest() in lineage["earlier"] and not by_hand:
        kept = all(old.keys() <= now.get(ear, {}).keys() for ear, old in then.items())
        way = "go back to this one with 'earvid correct' and --prompt, " if kept else ""
        raise StoreError(
            f"{path} was corrected since it had this prompt: give the corrected one, {way}or "
            f"replace the store with --overwrite."
        )
    if lost := sorted(then.keys() - now.keys(), key=int):
        raise _no_correction(path, f"keeps every ear, and object {lost[0]} is missing")
    keyframes: dict[int, tuple[int, ...]] = {}
    corrected: set[int] = set()
    added: dict[int, tuple[int, ...]] = {}
    dropped: dict[int, tuple[int, ...]] = {}
    for ear in prompt.objects:
        old, new = then.get(str(ear.id), {}), now[str(ear.id)]
        _check_ear(path, ear, old, new, by_hand)
        changed = tuple(t for t in ear.frames if old.get(str(t)) != new[str(t)])
        if changed:
            keyframes[ear.id] = changed
            added[ear.id] = tuple(t for t in changed if str(t) not in old)
        known = str(ear.id) in then
        corrected |= set(changed) if known else set(changed) - {ear.first_keyframe}
        if taken := sorted(int(t) for t in old.keys() - new.keys()):
            dropped[ear.id] = tuple(taken)
    gone, back = _moved_absence(lineage.get("absent") or {}, prompt)
    corrected.update(*gone.values())
    return Changes(keyframes, frozenset(corrected), added, dropped, gone, back)


def _moved_absence(
    then: Mapping[str, Any], prompt: Prompt
) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """By object id, frames that are newly said to be without an ear, and that no longer are."""
    gone: dict[int, frozenset[int]] = {}
    back: dict[int, frozenset[int]] = {}
    for ear in prompt.objects:
        old, new = _frames(then.get(str(ear.id), ())), _frames(ear.absent)
        if new - old:
            gone[ear.id] = new - old
        if old - new:
            back[ear.id] = old - new
    return gone, back


def _frames(ranges: Iterable[Sequence[int]]) -> frozenset[int]:
    return frozenset(t for start, stop in ranges for t in range(start, stop))


def plan_fills(prompt: Prompt, changes: Changes, frame_count: int) -> tuple[Fill, ...]:
    """The stretches to track anew, which together are the spans of a correction."""
    fills: list[Fill] = []
    for ear in prompt.objects:
        changed = changes.keyframes.get(ear.id, ())
        borders = (-1, *ear.frames, frame_count)
        for before, at, after in zip(borders, borders[1:], borders[2:], strict=False):
            if at not in changed:
                continue
            fills.append(Fill(ear.id, at, range(at, after)))
            if before not in changed and before + 1 < at:
                fills.append(Fill(ear.id, at, range(at - 1, before, -1)))
    return tuple(fills)


def _check_ear(
    path: StorePath,
    ear: ObjectPrompt,
    old: Mapping[str, str],
    new: Mapping[str, str],
    by_hand: bool,
) -> None:
    """See that an ear is new, or has all of its keyframes and one of them unchanged.

    Keyframes on which it is said to be absent now need not be there.
    """
    if lost := sorted((t for t in old.keys() - new.keys() if not ear.is_absent(int(t))), key=int):
        raise _no_correction(path, f"keeps all keyframes, and that on frame {lost[0]} of "
                                   f"{ear.name} is missing")  # fmt: skip
    kept = old.keys() & new.keys()
    if kept and not by_hand and not any(new[t] == old[t] for t in kept):
        raise _no_correction(path, f"keeps a keyframe of every ear, and those of {ear.name} differ")


def _digest(frame: FramePrompt) -> str:
    return Prompt((ObjectPrompt(id=1, name="ear", frames={0: frame}),)).digest()


def _bare_digest(frame: FramePrompt) -> str | None:
    """The digest of the same without landmarks; None if there is nothing else."""
    if frame.box is None and frame.mask is None and not len(frame.points):
        return None
    bare = FramePrompt(
        box=frame.box, points=frame.points, labels=np.array(frame.labels), mask=frame.mask
    )
    return _digest(bare)


def _no_correction(path: StorePath, reason: str) -> StoreError:
    return StoreError(
        f"{path} was made from another prompt, and a correction {reason}: put it back, choose "
        f"another output to keep both results of this clip, or replace the store with --overwrite."
    )
