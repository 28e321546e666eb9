"""From the ears of a clip to a prompt, or to a sentence that says why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from earvid.detect.candidates import Candidate, FoundEar, Progress, find_ears
from earvid.detect.detector import EarDetector, Side
from earvid.detect.verify import Check
from earvid.errors import NoEarError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.video import Clip

SURE = 0.5
"""Confidence from which an ear is tracked unasked; checkpoints/EAR_DETECTOR_CARD.md says why."""

SURE_BESIDE = 0.3
"""The same for the second ear of a head: where one ear is, the other is likely to be its mirror.

Such an ear of a confidence below :data:`SURE` is a weak find, and whoever tells of it says so.
"""

SURE_OTHERS = 0.95
"""The same for an ear of a further person.

Most clips are about one person, and what is found elsewhere is mostly clutter: on 27 real clips,
all five such finds were no ears, of confidences up to 0.94. Clearly seen ears of others reach 0.98.
"""

MOST_EARS = 8  # a crowd would take memory and time that nobody asked for
_TRIES = 4  # keyframes of an ear that are looked at twice, if the first do not convince
_APART = 12  # such keyframes are a twelfth of the clip apart: another pose, or another scene
_NAMED = 3  # candidates that a refusal names
_CLOSE = 0.15  # confidence below which a candidate is not worth a command


class Verifier(Protocol):
    """The second look: what the models that are to follow an ear make of a keyframe."""

    def __call__(self, clip: Clip, candidate: Candidate) -> Check:
        """What they make of it."""


@dataclass(frozen=True)
class Wanted:
    """Which ears are asked for.

    Args:
        ears: at most so many, the most certain first.
        only: of this side alone.
    """

    ears: int = MOST_EARS
    only: Side | None = None

    def of(self, found: Sequence[FoundEar]) -> list[FoundEar]:
        """The ears of the side that is asked for."""
        return [ear for ear in found if self.only in (None, ear.side)]


@dataclass(frozen=True)
class Judgment:
    """Whether an ear is tracked unasked.

    Args:
        ear: the ear.
        keyframe: where it is prompted; None if it is left out.
        confidence: probability that it is an ear, after the second look if there was one.
        why: it is left out, in a few words.
        could_be: whether it is left out for want of confidence alone.
        check: the second look at the keyframe, if there was one.
    """

    ear: FoundEar
    keyframe: Candidate | None
    confidence: float
    why: str = ""
    could_be: bool = False
    check: Check | None = None

    @property
    def best(self) -> Candidate:
        """The keyframe that it has, or would have."""
        return self.keyframe or self.ear.best


@dataclass(frozen=True, eq=False)
class FoundPrompt:
    """A prompt that was found, and how.

    Args:
        prompt: one object per ear, each with a box on its own keyframe.
        keyframes: the candidate that each object was made from, in the same order.
        confidence: of each ear, over the clip.
        note: plain values for the provenance of a store.
    """

    prompt: Prompt
    keyframes: tuple[Candidate, ...]
    confidence: tuple[float, ...]
    note: dict[str, Any]


def find_prompt(
    clip: Clip,
    detector: EarDetector,
    *,
    verifier: Verifier | None = None,
    wanted: Wanted = Wanted(),
    progress: Progress | None = None,
) -> FoundPrompt:
    """Find the ears of a clip and prompt each on its best keyframe.

    Args:
        clip: an open clip.
        detector: from :func:`load_detector`.
        verifier: a second look at each keyframe; an ear without a believable one is left out.
        wanted: which ears.
        progress: called with frames looked at and frames to look at.

    Raises:
        NoEarError: no ear is certain enough; the best candidates are named, and a command that
            would track one.
    """
    ears = wanted.of(find_ears(clip, detector, progress=progress))
    return choose_prompt(clip, ears, detector, verifier=verifier, wanted=wanted)


def choose_prompt(
    clip: Clip,
    ears: Sequence[FoundEar],
    detector: EarDetector,
    *,
    verifier: Verifier | None = None,
    wanted: Wanted = Wanted(),
) -> FoundPrompt:
    """Make a prompt of the ears that are likely enough; see :func:`find_prompt`."""
    judged = judge_ears(clip, ears, verifier=verifier, wanted=wanted)
    return prompt_of(Path(clip.info.path), judged, detector, wanted)


def judge_ears(
    clip: Clip,
    ears: Sequence[FoundEar],
    *,
    verifier: Verifier | None = None,
    wanted: Wanted = Wanted(),
) -> tuple[Judgment, ...]:
    """Decide which ears are tracked unasked, the most certain first; see :func:`find_prompt`.

    People are numbered anew: those with two ears that are taken first, then those with one, then
    those of whom none is, the most certain first in each.
    """
    judged: list[Judgment] = []
    for ear in ears:
        taken = [one for one in judged if one.keyframe is not None]
        judged.append(_unless_again(_judgment(clip, ear, taken, verifier, wanted), taken))
    return tuple(_numbered(judged))


def _needed(ear: FoundEar, taken: Sequence[Judgment]) -> float:
    """Confidence that an ear needs, by what is taken already."""
    people = {one.ear.person for one in taken}
    if ear.person in people:
        return SURE_BESIDE if ear.beside else SURE
    return SURE_OTHERS if people else SURE


def _unless_again(one: Judgment, taken: Sequence[Judgment]) -> Judgment:
    """Leave out what is an ear that is taken, seen at another time and place."""
    if one.keyframe is None or one.check is None:
        return one
    for other in taken:
        frames = {c.frame for c in other.ear.candidates}
        apart = not any(c.frame in frames for c in one.ear.candidates)
        alike = other.check is not None and one.check.is_like(other.check)
        if apart and alike and one.ear.side == other.ear.side:
            why = f"it is a {one.ear.side} ear that is taken, seen at another time"
            return replace(one, keyframe=None, why=why)
    return one


def _judgment(
    clip: Clip, ear: FoundEar, taken: Sequence[Judgment], verifier: Verifier | None, wanted: Wanted
) -> Judgment:
    if ear.rejected:
        return Judgment(ear, None, ear.confidence, ear.rejected)
    needed = _needed(ear, taken)
    if ear.confidence < _CLOSE:
        return _too_faint(Judgment(ear, ear.best, ear.confidence), needed)
    if len(taken) >= wanted.ears:
        many = f"{wanted.ears} others are more certain"
        return Judgment(ear, None, ear.confidence, many, could_be=True)
    if verifier is None:
        first = Judgment(ear, ear.best, ear.confidence)
        return first if ear.confidence >= needed else _too_faint(first, needed)
    judged: list[Judgment] = []
    for candidate in _spread(ear.candidates, len(clip)):
        check = verifier(clip, candidate)
        one = Judgment(ear, candidate, check.confidence(ear.confidence), check=check)
        if check.is_seen and one.confidence >= needed:
            return one
        judged.append(_too_faint(one, needed) if check.is_seen else _unseen(one, needed))
    return max(judged, key=lambda one: (one.could_be, one.confidence))


def _spread(candidates: Sequence[Candidate], frames: int) -> Iterator[Candidate]:
    """The best candidates, each away from those before it, so that not all show one mistake."""
    kept: list[Candidate] = []
    for candidate in candidates:
        if len(kept) == _TRIES:
            return
        if all(abs(candidate.frame - one.frame) * _APART >= frames for one in kept):
            kept.append(candidate)
            yield candidate


def _too_faint(one: Judgment, needed: float) -> Judgment:
    close = one.confidence >= _CLOSE
    return replace(one, keyframe=None, why=f"its confidence is below {needed:g}", could_be=close)


def _unseen(one: Judgment, needed: float) -> Judgment:
    # However sure the detector may be, nobody is told more than what is not enough.
    confidence = min(one.confidence, needed)
    return replace(one, keyframe=None, confidence=confidence,
                   why="the tracking model sees no ear there")  # fmt: skip


def _numbered(judged: Sequence[Judgment]) -> list[Judgment]:
    """Number the people anew, so that those who are tracked come first and leave no gap."""
    taken = [one.ear.person for one in judged if one.keyframe is not None]
    order = list(dict.fromkeys([*taken, *(one.ear.person for one in judged)]))
    order.sort(key=lambda person: -taken.count(person))
    numbers = {person: n for n, person in enumerate(order)}
    return [_renamed(one, numbers[one.ear.person]) for one in judged]


def _renamed(one: Judgment, person: int) -> Judgment:
    ear = one.ear.named(person)
    if one.keyframe is None:
        return replace(one, ear=ear)
    return replace(one, ear=ear, keyframe=replace(one.keyframe, name=ear.name))


def prompt_of(
    clip: Path, judged: Sequence[Judgment], detector: EarDetector, wanted: Wanted = Wanted()
) -> FoundPrompt:
    """Make a prompt of what :func:`judge_ears` gave.

    Raises:
        NoEarError: no ear is taken.
    """
    chosen = [one for one in judged if one.keyframe is not None]
    if not chosen:
        raise NoEarError(refusal(clip, judged))
    objects = tuple(
        ObjectPrompt(
            id=n, name=one.ear.name, frames={one.best.frame: FramePrompt(box=one.best.box)}
        )
        for n, one in enumerate(chosen, 1)
    )
    return FoundPrompt(
        Prompt(objects),
        tuple(one.best for one in chosen),
        tuple(one.confidence for one in chosen),
        note(detector, wanted, chosen),
    )


def note(detector: EarDetector, wanted: Wanted, chosen: Sequence[Judgment]) -> dict[str, Any]:
    """What a store's provenance says of a prompt that was found."""
    return {
        **origin(detector, wanted),
        "ears": [
            {
                "name": one.ear.name,
                "confidence": round(one.confidence, 4),
                "seen": one.ear.seen,
                "keyframe": one.best.frame,
                "quality": round(one.best.quality, 4),
            }
            for one in chosen
        ],
    }


def origin(detector: EarDetector, wanted: Wanted) -> dict[str, Any]:
    """What decides which prompt is found in a clip."""
    return {"detector": detector.sha256, "most_ears": wanted.ears, "only": wanted.only}


def refusal(clip: Path, judged: Sequence[Judgment]) -> str:
    """Say why nothing is tracked, and what to type instead.

    A command is named only for what lacks nothing but confidence: not for what no model takes for
    an ear, which may be a hand or a face.
    """
    where = "give --box X0,Y0,X1,Y1 --keyframe N, or --prompt FILE."
    if not judged:
        return f"No ear was found in {clip}: {where}"
    told = "; ".join(
        f"{one.ear.name} on frame {one.best.frame} at {box_text(one.best)}, confidence "
        f"{one.confidence:.2f}: {one.why}"
        for one in judged[:_NAMED]
    )
    close = next((one for one in judged if one.could_be), None)
    if close is None:
        return f"No ear was found in {clip} ({told}): if there is one, {where}"
    return (
        f"No ear in {clip} is certain enough to be tracked unasked ({told}); if "
        f"{close.ear.name} is right, run: {command_for(clip, close.best)}"
    )


def command_for(clip: Path, candidate: Candidate) -> str:
    """The command that tracks a candidate, quoted for a shell."""
    words = ["earvid", "track", str(clip), "--keyframe", str(candidate.frame)]
    return shlex.join([*words, "--box", box_text(candidate)])


def box_text(candidate: Candidate) -> str:
    """A box as ``--box`` takes it."""
    return ",".join(f"{value:g}" for value in candidate.box)
