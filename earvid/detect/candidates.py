"""Ears of a clip, each with its best keyframes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from earvid.detect.detector import Box, EarDetector, Side
from earvid.detect.linking import Ear, link
from earvid.detect.sampling import Sighting, between, look, nearby, spread
from earvid.video import Clip

_REFINED = 4  # ears that are looked at more closely
_PROFILE = 0.55  # width over height of an ear seen from the side, about
_FAINT = 0.15  # confidence below which an ear is not worth a mention
_LIKELY = 0.3  # the same, for whose sake more frames are looked at
_CUT = 0.35  # what an ear at the frame's border is worth
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Candidate:
    """One ear on one frame that could be its keyframe.

    Args:
        frame: index of the frame.
        time: seconds from the first frame.
        name: of the ear: ``left``, ``right``, ``left_2`` …
        box: ``x0, y0, x1, y1`` in source-frame pixels, integer = pixel center.
        confidence: probability that the box holds an ear.
        quality: 0 to 1, how good a keyframe it is: certain, sharp, large, from the side, uncut.
    """

    frame: int
    time: float
    name: str
    box: Box
    confidence: float
    quality: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "frame": self.frame,
            "time": round(self.time, 3),
            "name": self.name,
            "box": list(self.box),
            "confidence": round(self.confidence, 4),
            "quality": round(self.quality, 4),
        }


@dataclass(frozen=True)
class FoundEar:
    """An ear of a clip.

    Args:
        side: the person's ``left`` or ``right`` ear.
        person: whose it is, from 0.
        confidence: probability-like, from its best sightings over the clip; see
            :attr:`Ear.confidence`.
        seen: frames on which it was seen, of those looked at.
        candidates: its keyframes, the best first.
        beside: whether the other ear of the same head was seen on one of the frames, too.
        rejected: why it is no ear that could be tracked, in a few words; see :attr:`Ear.rejected`.
    """

    side: Side
    person: int
    confidence: float
    seen: int
    candidates: tuple[Candidate, ...]
    beside: bool = False
    rejected: str = ""

    @property
    def name(self) -> str:
        """``left``, ``right``, and of further people ``left_2``, ``right_2`` and so on."""
        return ear_name(self.side, self.person)

    def named(self, person: int) -> FoundEar:
        """The same ear, of a person of another number."""
        name = ear_name(self.side, person)
        renamed = tuple(replace(candidate, name=name) for candidate in self.candidates)
        return replace(self, person=person, candidates=renamed)

    @property
    def best(self) -> Candidate:
        """The best keyframe."""
        return self.candidates[0]


def ear_name(side: Side, person: int) -> str:
    """The name of an ear: its side, and from the second person on whose it is."""
    return f"{side}_{person + 1}" if person else side


def find_ears(
    clip: Clip, detector: EarDetector, *, progress: Progress | None = None
) -> tuple[FoundEar, ...]:
    """Look for ears on frames spread over a clip, where things move, and around the best.

    At most 24 frames are spread; up to as many follow where an ear appears, vanishes or moves by
    more than itself between two of them; and a few around the best sight of each ear.

    Args:
        clip: an open clip; one frame of it is in memory at a time.
        detector: from :func:`load_detector`.
        progress: called with frames looked at and frames to look at.

    Returns:
        The ears, the most certain first, then what was rejected; none where nothing looks like one.
    """
    frames = spread(len(clip))
    seen = _look_with(clip, frames, detector, progress, 0)
    for wanted in (_unsettled, _around_the_best):
        more = wanted(link(seen, len(frames)), frames, len(clip))
        seen += _look_with(clip, more, detector, progress, len(frames))
        frames = tuple(sorted({*frames, *more}))
    ears = link(seen, len(frames))
    return tuple(_found(ear) for ear in ears if ear.confidence >= _FAINT)


def _unsettled(ears: Sequence[Ear], frames: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Frames between two that were looked at and do not tell how the one leads to the other."""
    likely = [ear for ear in ears if not ear.rejected and ear.confidence >= _LIKELY]
    return between(likely, frames)


def _around_the_best(ears: Sequence[Ear], frames: tuple[int, ...], count: int) -> tuple[int, ...]:
    best = [_best(ear).frame for ear in ears[:_REFINED] if not ear.rejected]
    return tuple(sorted({f for frame in best for f in nearby(frame, count, frames)}))


def _look_with(
    clip: Clip,
    frames: Sequence[int],
    detector: EarDetector,
    progress: Progress | None,
    before: int,
) -> list[Sighting]:
    seen: list[Sighting] = []
    for done, frame in enumerate(frames, 1):
        seen += look(clip, (frame,), detector)
        if progress is not None:
            progress(before + done, before + len(frames))
    return seen


def _found(ear: Ear) -> FoundEar:
    candidates = sorted(
        (
            Candidate(
                s.frame,
                s.time,
                ear_name(ear.side, ear.person),
                rounded(s.found.box),
                s.found.confidence,
                quality(s, ear.sightings),
            )
            for s in ear.sightings
        ),
        key=lambda c: (-c.quality, c.frame),
    )
    return FoundEar(
        ear.side,
        ear.person,
        ear.confidence,
        len(ear.sightings),
        tuple(candidates),
        ear.beside,
        ear.rejected,
    )


def quality(sighting: Sighting, all_of_ear: Sequence[Sighting]) -> float:
    """How good a keyframe is, 0 to 1, beside the other sightings of the same ear."""
    x0, y0, x1, y1 = sighting.found.box
    sharp = sighting.sharpness / max(s.sharpness for s in all_of_ear)
    large = sighting.height / max(s.height for s in all_of_ear)
    sideways = min(1.0, (x1 - x0 + 1) / (y1 - y0 + 1) / _PROFILE)
    whole = _CUT if sighting.cut else 1.0
    return float(sighting.found.confidence * sharp**0.25 * large**0.5 * sideways**0.5 * whole)


def _best(ear: Ear) -> Sighting:
    return max(ear.sightings, key=lambda s: (quality(s, ear.sightings), -s.frame))


def rounded(box: Box) -> Box:
    """A box to a tenth of a pixel, as people write it down."""
    x0, y0, x1, y1 = (round(value, 1) for value in box)
    return x0, y0, x1, y1
