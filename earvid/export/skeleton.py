"""Which landmarks are drawn as a line, for formats that know of lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from earvid.prompt import IBUG55_NAMES

# First and last landmark of the four curves of https://ibug.doc.ic.ac.uk/resources/ibug-ears/:
# outer helix, inner helix, tragus to inferior crus, superior crus.
_CURVES = ((0, 19), (20, 34), (35, 49), (50, 54))


def edges(keypoints: Sequence[str]) -> list[tuple[int, int]]:
    """Neighbors on the curves of an ear, as places in `keypoints`; none for other schemes."""
    if tuple(keypoints) != IBUG55_NAMES:
        return []
    return [edge for first, last in _CURVES for edge in pairwise(range(first, last + 1))]
