"""Sets of landmarks: what their points are called, which of them follow one another on a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scheme:
    """A set of landmarks.

    Args:
        name: of the set; empty for one that a user made.
        names: of the landmarks, in order.
        contours: name of a curve to the places of its landmarks in ``names``, in order along it.
    """

    name: str
    names: tuple[str, ...]
    contours: dict[str, tuple[int, ...]]

    def segments(self) -> tuple[tuple[int, int], ...]:
        """Pairs of landmarks that are neighbors on a curve."""
        curves = self.contours.values()
        return tuple(pair for curve in curves for pair in pairwise(curve))

    def contour_of(self) -> tuple[int, ...]:
        """For each landmark the number of the curve that it is on, from 0; -1 on none."""
        places = {at: n for n, curve in enumerate(self.contours.values()) for at in curve}
        return tuple(places.get(at, -1) for at in range(len(self.names)))


IBUG55 = Scheme(
    "ibug55",
    tuple(str(index) for index in range(55)),
    {
        "outer helix": tuple(range(20)),
        "inner helix": tuple(range(20, 35)),
        "concha": tuple(range(35, 50)),
        "superior crus": tuple(range(50, 55)),
    },
)
"""The 55 landmarks of Zhou and Zafeiriou (2017): outer helix from its root down to the lobe, inner
helix, tragus over concha to inferior crus, superior crus."""


def scheme_of(names: Sequence[str]) -> Scheme:
    """The scheme with these landmarks: a known one, or one without curves."""
    if tuple(names) == IBUG55.names:
        return IBUG55
    return Scheme("", tuple(names), {})


def mirrored(points: NDArray[np.floating], width: int) -> NDArray[np.float32]:
    """Landmarks of the mirror image of a frame: that of the other ear, in the same order.

    Args:
        points: ``(..., 2)`` pixels.
        width: of the frame, pixels.
    """
    flipped = np.array(points, np.float32)
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped
