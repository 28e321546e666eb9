"""The masks that a model proposes for one object on one frame, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.tracker.results import Box, mask_box, without_specks
from earvid.tracker.roi import Roi


@dataclass(frozen=True, eq=False)
class Candidates:
    """Masks of an object that is in view.

    Args:
        index: the frame.
        masks: ``(K, h, w)`` bool over ``region``, a quarter of the model's input.
        scores: ``(K,)`` float64 predicted IoUs, 0..1.
        preferred: which one the model would take by itself.
        region: the part of the frame that the model looks at.
    """

    index: int
    masks: NDArray[np.bool_]
    scores: NDArray[np.float64]
    preferred: int
    region: Roi

    def boxes(self) -> list[Box | None]:
        """The box of each mask, as in :class:`~earvid.tracker.MemoryEntry`."""
        return [extent(mask, self.region) for mask in self.masks]


@dataclass(frozen=True, eq=False)
class Choice:
    """Which candidate becomes the mask.

    Args:
        index: into the candidates.
        marks: numbers about this frame that its memory entry shall carry.
    """

    index: int
    marks: Mapping[str, float] = field(default_factory=dict)


def extent(mask: NDArray[np.bool_], region: Roi) -> Box | None:
    """The outer edges of a mask's box in source-frame pixels, specks left out.

    Args:
        mask: ``(h, w)`` bool over ``region``.
        region: a part of the frame.

    Returns:
        ``x0, y0, x1, y1``; pixel centers are integers, so that a mask of the one pixel 3 reaches
        from 2.5 to 3.5. ``None`` for an empty mask.
    """
    box = mask_box(without_specks(mask))
    if box is None:
        return None
    height, width = mask.shape
    across, down = region.width / width, region.height / height
    return (
        region.x0 - 0.5 + across * box[0],
        region.y0 - 0.5 + down * box[1],
        region.x0 - 0.5 + across * (box[2] + 1),
        region.y0 - 0.5 + down * (box[3] + 1),
    )


def covered(mask: NDArray[np.bool_], region: Roi) -> float:
    """The area of a ``(h, w)`` mask over a region, source-frame pixels."""
    return float(np.count_nonzero(mask)) * region.width * region.height / mask.size


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes given by their edges."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (areas - both)


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a ``(h, w)`` mask; the first of equals, none of none."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return mask
    return np.asarray(parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), np.bool_)
