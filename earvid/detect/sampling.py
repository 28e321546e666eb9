"""Looking at some frames of a clip: spread over all of it, then more around the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.detect.detector import Box, Detection, EarDetector
from earvid.video import Clip

SPREAD = 24  # frames looked at first
NEARBY = 4  # more frames around each ear's best, on either side half of them
EDGE = 1.5  # pixels from the frame's border within which an ear may be cut off
_PATCH = 96  # pixels of the longer side at which sharpness is compared
_QUIET = 25.0  # variance of the Laplacian of an even, noiseless surface, about


@dataclass(frozen=True)
class Sighting:
    """A detection on one frame of a clip.

    Args:
        frame: index of the frame.
        time: seconds from the first frame.
        found: the detection.
        sharpness: variance of the Laplacian inside the box, scaled to one size.
        cut: the box touches the frame's border.
    """

    frame: int
    time: float
    found: Detection
    sharpness: float
    cut: bool

    @property
    def height(self) -> float:
        """Of the box, pixels."""
        return self.found.box[3] - self.found.box[1] + 1

    @property
    def center(self) -> tuple[float, float]:
        """Of the box, pixels."""
        x0, y0, x1, y1 = self.found.box
        return (x0 + x1) / 2, (y0 + y1) / 2


def spread(frames: int, count: int = SPREAD) -> tuple[int, ...]:
    """Evenly spaced frames, the middle of each of ``count`` equal parts of the clip."""
    count = min(frames, count)
    return tuple(int((part + 0.5) * frames / count) for part in range(count))


def nearby(frame: int, frames: int, looked_at: Iterable[int]) -> tuple[int, ...]:
    """Frames around one, out to half of the way to the next that was looked at."""
    reach = max(1, frames // (2 * min(frames, SPREAD)))
    steps = np.linspace(-reach, reach, NEARBY + 1).round().astype(int)
    wanted = {frame + int(step) for step in steps}
    return tuple(sorted(i for i in wanted - set(looked_at) if 0 <= i < frames))


def between(ears: Iterable[Chain], looked_at: Sequence[int]) -> tuple[int, ...]:
    """Frames in the middle between two that were looked at, where an ear is not simply the same.

    It appears or vanishes there, or moves by more than its own height.

    Args:
        ears: with their sightings, in the order of the frames.
        looked_at: ascending.

    Returns:
        at most :data:`SPREAD` frames, ascending; of more, every second, third and so on.
    """
    wanted: set[int] = set()
    for ear in ears:
        seen = {s.frame: s for s in ear.sightings}
        for one, other in pairwise(looked_at):
            a, b = seen.get(one), seen.get(other)
            if (a is None and b is None) or other - one < 2:
                continue
            if a is None or b is None or _moves(a, b):
                wanted.add((one + other) // 2)
    ordered = sorted(wanted)
    return tuple(ordered[:: -(-len(ordered) // SPREAD) or 1])


class Chain(Protocol):
    """An ear, or what may be one, over time."""

    @property
    def sightings(self) -> Sequence[Sighting]:
        """In the order of the frames."""


def _moves(one: Sighting, other: Sighting) -> bool:
    way = np.hypot(*np.subtract(one.center, other.center))
    return bool(way > (one.height + other.height) / 2)


def look(clip: Clip, frames: Sequence[int], detector: EarDetector) -> list[Sighting]:
    """Look for ears on some frames, in the order of time, one frame in memory at a time.

    Frames that cannot be decoded show nothing.
    """
    seen: list[Sighting] = []
    for index in sorted(frames):
        frame = clip.frame(index)
        if frame.damaged:
            continue
        height, width = frame.image.shape[:2]
        for found in detector.detect(frame.image):
            x0, y0, x1, y1 = found.box
            cut = min(x0, y0, width - 1 - x1, height - 1 - y1) < EDGE
            blur = sharpness(frame.image, found.box)
            seen.append(Sighting(index, frame.time, found, blur, cut))
    return seen


def sharpness(image: NDArray[np.uint8], box: Box) -> float:
    """Variance of the Laplacian of a part of an image, at a size at which parts can be compared.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        box: the part, pixels.
    """
    x0, y0, x1, y1 = (round(value) for value in box)
    part = image[max(0, y0) : y1 + 1, max(0, x0) : x1 + 1]
    if not part.size:
        return 0.0
    factor = _PATCH / max(part.shape[:2])
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    gray = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), size, interpolation=how)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var()) + _QUIET
