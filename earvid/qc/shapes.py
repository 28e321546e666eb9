"""What the shape of a mask tells: where it is, in how many pieces, how far it changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Shape:
    """The mask of one ear on one frame.

    Args:
        left: column of the crop in the frame.
        top: row of the crop in the frame.
        crop: ``(h, w)`` bool, the mask within its bounding box.
        center: x, y of its centroid in source-frame pixels.
        area: in pixels.
        apart: share of the area that is not in its largest piece, 0..1.
        at_border: whether it touches the border of the frame.
    """

    left: int
    top: int
    crop: NDArray[np.bool_]
    center: tuple[float, float]
    area: int
    apart: float
    at_border: bool

    @property
    def side(self) -> int:
        """Longer side of the bounding box in pixels: the size of the ear."""
        height, width = self.crop.shape
        return int(max(height, width))


def shape_of(mask: NDArray[np.uint8], object_id: int) -> Shape | None:
    """Describe the mask of an ear; None where it has none.

    Args:
        mask: ``(H, W)`` uint8 object ids.
        object_id: which.
    """
    region = (mask == object_id).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(region)
    if not width:
        return None
    crop = region[y : y + height, x : x + width]
    _, _, stats, _ = cv2.connectedComponentsWithStats(crop, connectivity=8)
    pieces = stats[1:, cv2.CC_STAT_AREA]
    area = int(pieces.sum())
    rows, columns = np.nonzero(crop)
    return Shape(
        left=x,
        top=y,
        crop=crop.astype(bool),
        center=(x + float(columns.mean()), y + float(rows.mean())),
        area=area,
        apart=1 - float(pieces.max()) / area,
        at_border=x == 0 or y == 0 or x + width == mask.shape[1] or y + height == mask.shape[0],
    )


def overlap(before: Shape, after: Shape) -> float:
    """Intersection over union of two masks, the one moved so that their centroids meet.

    What is left is the change of outline alone: an ear that moves fast keeps its outline.

    Returns:
        0..1, exact to the rounding of the move to whole pixels.
    """
    left = before.left + round(after.center[0] - before.center[0]) - after.left
    top = before.top + round(after.center[1] - before.center[1]) - after.top
    shared = _window(before.crop, -left, -top, after.crop.shape)
    both = int(np.count_nonzero(shared & after.crop))
    return both / (before.area + after.area - both)


def _window(
    image: NDArray[np.bool_], left: int, top: int, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """A part of an image, which may reach beyond it; there it is empty."""
    window = np.zeros(shape, bool)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + shape[1]), min(image.shape[0], top + shape[0])
    if x0 < x1 and y0 < y1:
        window[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return window
