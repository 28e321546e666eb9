"""From the ears of a clip to a prompt, or to a sentence that says why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from earvid.detect.candidates import Candidate, FoundEar, Progress, find_ears
from earvid.detect.detector import EarDetector, Side
from earvid.errors import NoEarError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.video import Clip

SURE = 0.5
"""Confidence from which an ear is tracked unasked; checkpoints/EAR_DETECTOR_CARD.md says why."""

SURE_BESIDE = 0.3
"""The same for the second ear of a head: where one ear is, the other is likely to be its mirror.

Such an ear of a confidence below :data:`SURE` is a weak find, and whoever tells of it says so.
"""

MOST_EARS = 8  # a crowd would take memory and time that nobody asked for
_TRIES = 3  # keyframes of an ear that are shown to the tracking model
_NAMED = 3  # candidates that a refusal names


class Verifier(Protocol):
    """The second look: whether the model that is to track sees an ear in the box, too."""

    def __call__(self, clip: Clip, candidate: Candidate) -> bool:
        """Whether the candidate is believable."""


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
        return [e for e in found if self.only in (None, e.name.split("_")[0])]


@dataclass(frozen=True)
class Judgment:
    """Whether an ear is tracked unasked.

    Args:
        ear: the ear.
        keyframe: where it is prompted; None if it is left out.
        why: it is left out, in a few words.
    """

    ear: FoundEar
    keyframe: Candidate | None
    why: str = ""


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
    """Decide which ears are tracked unasked, the most certain first; see :func:`find_prompt`."""
    judged: list[Judgment] = []
    for ear in ears:
        taken = {one.ear.name for one in judged if one.keyframe is not None}
        judged.append(_judgment(clip, ear, taken, verifier, wanted))
    return tuple(judged)


def _judgment(
    clip: Clip, ear: FoundEar, taken: Collection[str], verifier: Verifier | None, wanted: Wanted
) -> Judgment:
    needed = SURE_BESIDE if ear.beside in taken else SURE
    if ear.confidence < needed:
        return Judgment(ear, None, f"below {needed:g} over the clip")
    if len(taken) >= wanted.ears:
        return Judgment(ear, None, f"{wanted.ears} others are more certain")
    keyframe = _believable(clip, ear, verifier)
    return Judgment(ear, keyframe, "" if keyframe else "the tracking model sees no ear there")


def prompt_of(
    clip: Path, judged: Sequence[Judgment], detector: EarDetector, wanted: Wanted = Wanted()
) -> FoundPrompt:
    """Make a prompt of what :func:`judge_ears` gave.

    Raises:
        NoEarError: no ear is taken.
    """
    chosen = [(one.ear, one.keyframe) for one in judged if one.keyframe is not None]
    if not chosen:
        raise NoEarError(refusal(clip, [one.ear for one in judged]))
    objects = tuple(
        ObjectPrompt(id=n, name=ear.name, frames={key.frame: FramePrompt(box=key.box)})
        for n, (ear, key) in enumerate(chosen, 1)
    )
    return FoundPrompt(
        Prompt(objects),
        tuple(key for _, key in chosen),
        tuple(ear.confidence for ear, _ in chosen),
        note(detector, wanted, chosen),
    )


def _believable(clip: Clip, ear: FoundEar, verifier: Verifier | None) -> Candidate | None:
    tries = ear.candidates[:_TRIES]
    return next((c for c in tries if verifier is None or verifier(clip, c)), None)


def note(
    detector: EarDetector, wanted: Wanted, chosen: Sequence[tuple[FoundEar, Candidate]]
) -> dict[str, Any]:
    """What a store's provenance says of a prompt that was found."""
    return {
        **origin(detector, wanted),
        "ears": [
            {
                "name": ear.name,
                "confidence": round(ear.confidence, 4),
                "seen": ear.seen,
                "keyframe": key.frame,
                "quality": round(key.quality, 4),
            }
            for ear, key in chosen
        ],
    }


def origin(detector: EarDetector, wanted: Wanted) -> dict[str, Any]:
    """What decides which prompt is found in a clip."""
    return {"detector": detector.sha256, "most_ears": wanted.ears, "only": wanted.only}


def refusal(clip: Path, ears: Sequence[FoundEar]) -> str:
    """Say why nothing is tracked, and what to type instead."""
    if not ears:
        return f"No ear was found in {clip}: give --box X0,Y0,X1,Y1 --keyframe N, or --prompt FILE."
    best = [ear.best for ear in ears[:_NAMED]]
    told = "; ".join(
        f"{c.name} on frame {c.frame} at {box_text(c)} with confidence {ear.confidence:.2f}"
        for c, ear in zip(best, ears, strict=False)
    )
    return (
        f"No ear in {clip} is certain enough to be tracked unasked ({told}); "
        f"if one is right, run: {command_for(clip, best[0])}"
    )


def command_for(clip: Path, candidate: Candidate) -> str:
    """The command that tracks a candidate, quoted for a shell."""
    words = ["earvid", "track", str(clip), "--keyframe", str(candidate.frame)]
    return shlex.join([*words, "--box", box_text(candidate)])


def box_text(candidate: Candidate) -> str:
    """A box as ``--box`` takes it."""
    return ",".join(f"{value:g}" for value in candidate.box)
