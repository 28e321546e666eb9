"""A camera that keeps an ear in the middle of a square of one size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

MARGIN = 1.5  # side of the square, by the longest side of the ear's boxes
SIGMA = 1.5  # frames; the outline of a mask wavers more than an ear moves from frame to frame


@dataclass(frozen=True, eq=False)
class Camera:
    """Where to look on each frame.

    Args:
        centers: (F, 2) float64 x, y in source-frame pixels.
        side: of the square, in pixels; even.
    """

    centers: NDArray[np.float64]
    side: int

    @classmethod
    def following(cls, boxes: NDArray[np.float32]) -> Self:
        """Follow an ear; where it is not visible, go straight to where it will be.

        Args:
            boxes: (F, 4) x0, y0, x1, y1 in source-frame pixels, NaN = not visible; one is not.
        """
        seen = np.flatnonzero(np.isfinite(boxes).all(axis=1))
        known = boxes[seen].astype(np.float64)
        longest = float((known[:, 2:] - known[:, :2] + 1).max())
        middle = (known[:, :2] + known[:, 2:]) / 2
        way = [np.interp(np.arange(len(boxes)), seen, middle[:, axis]) for axis in range(2)]
        centers = np.stack([_smoothed(values) for values in way], axis=1)
        return cls(centers, 2 * int(np.ceil(MARGIN * longest / 2)))

    def shoot(self, image: NDArray[np.uint8], at: int) -> NDArray[np.uint8]:
        """(side, side, 3) uint8, black beyond the frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            at: place of the frame in `centers`.
        """
        x, y = self.centers[at] - (self.side - 1) / 2
        shift = np.array([[1, 0, x], [0, 1, y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(image, shift, (self.side, self.side), flags=flags))


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh neighbors by a bell; beyond the ends, motion goes on as mirrored there."""
    reach = min(int(4 * SIGMA), len(values) - 1)
    if reach < 1:
        return values
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    padded = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return np.convolve(padded, bell / bell.sum(), mode="valid")
