"""Ears of a clip, each with its best keyframes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from earvid.detect.detector import Box, EarDetector
from earvid.detect.linking import Ear, link
from earvid.detect.sampling import Sighting, look, nearby, spread
from earvid.video import Clip

_REFINED = 4  # ears that are looked at more closely
_PROFILE = 0.55  # width over height of an ear seen from the side, about
_FAINT = 0.15  # confidence below which an ear is not worth a mention
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
        name: ``left``, ``right``, ``left_2`` …
        confidence: probability-like, from its best sightings over the clip; see
            :attr:`Ear.confidence`.
        seen: frames on which it was seen, of those looked at.
        candidates: its keyframes, the best first.
        beside: name of the other ear of the same head, where both were seen on one frame.
    """

    name: str
    confidence: float
    seen: int
    candidates: tuple[Candidate, ...]
    beside: str = ""

    @property
    def best(self) -> Candidate:
        """The best keyframe."""
        return self.candidates[0]


def find_ears(
    clip: Clip, detector: EarDetector, *, progress: Progress | None = None
) -> tuple[FoundEar, ...]:
    """Look for ears on at most 24 frames spread over a clip, and on a few more around the best.

    Args:
        clip: an open clip; one frame of it is in memory at a time.
        detector: from :func:`load_detector`.
        progress: called with frames looked at and frames to look at.

    Returns:
        The ears, the most certain first; none where nothing looks like one.
    """
    first = spread(len(clip))
    seen = _look_with(clip, first, detector, progress, 0)
    ears = link(seen, len(first))
    more = tuple(
        sorted({f for ear in ears[:_REFINED] for f in nearby(_best(ear).frame, len(clip), first)})
    )
    seen += _look_with(clip, more, detector, progress, len(first))
    ears = link(seen, len(first) + len(more))
    return tuple(_found(ear) for ear in ears if ear.confidence >= _FAINT)


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
                ear.name,
                rounded(s.found.box),
                s.found.confidence,
                quality(s, ear.sightings),
            )
            for s in ear.sightings
        ),
        key=lambda c: (-c.quality, c.frame),
    )
    return FoundEar(ear.name, ear.confidence, len(ear.sightings), tuple(candidates), ear.beside)


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
