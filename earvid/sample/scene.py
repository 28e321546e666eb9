"""The picture plane on which a head is drawn, and where its parts lie on it."""

from dataclasses import dataclass

import cv2
import numpy as np

from earvid.sample.curves import through
from earvid.sample.planes import Plane, Points, blurred

_LEFT, _TOP, _RIGHT, _BOTTOM = -2.3, -2.05, 2.15, 2.05

# All in ear coordinates: the ear is one unit high, its center at (0, 0), the face to the right.
_SHORT_HEAD = np.array(
    ((0.3, -1.92), (-0.5, -1.82), (-1.15, -1.42), (-1.48, -0.85), (-1.5, -0.2), (-1.28, 0.35),
     (-0.98, 0.72), (-0.84, 1.0), (-0.86, 1.4), (-1.15, 1.72), (-1.9, 1.92), (-2.3, 2.2),
     (1.7, 2.3), (1.25, 1.85), (1.2, 1.6), (1.72, 1.5), (1.86, 1.1), (1.9, 0.5), (1.8, -0.1),
     (1.78, -0.9), (1.25, -1.6)),
)  # fmt: skip
_LONG_BACK = np.array(
    ((0.3, -1.95), (-0.6, -1.85), (-1.3, -1.45), (-1.62, -0.85), (-1.7, 0.0), (-1.7, 0.9),
     (-1.75, 1.6), (-1.8, 2.3)),
)  # fmt: skip
_LONG_HEAD = np.vstack([_LONG_BACK, _SHORT_HEAD[12:]])

_HAIRLINE = np.array(
    ((1.45, -1.45), (1.2, -0.95), (0.98, -0.66), (0.74, -0.42), (0.60, -0.20), (0.50, -0.02),
     (0.43, -0.06), (0.40, -0.25), (0.30, -0.44), (0.10, -0.50), (-0.15, -0.40), (-0.26, -0.15)),
)  # fmt: skip
_SHORT_NAPE = np.array(
    ((-0.32, 0.10), (-0.38, 0.32), (-0.46, 0.55), (-0.60, 0.80), (-0.80, 0.98), (-1.1, 0.95),
     (-1.8, 0.4), (-1.9, -1.2), (-1.0, -2.3), (0.8, -2.3)),
)  # fmt: skip
_LONG_FALL = np.array(
    ((-0.20, 0.10), (-0.20, 0.36), (-0.28, 0.70), (-0.36, 1.15), (-0.38, 1.7), (-0.40, 2.4),
     (-2.2, 2.4), (-2.2, -1.2), (-1.0, -2.3), (0.8, -2.3)),
)  # fmt: skip
_NECK = np.array(
    ((0.14, 0.46), (0.26, 0.72), (0.42, 0.95), (0.75, 1.15), (1.2, 1.36), (1.75, 1.55),
     (1.6, 2.5), (-2.5, 2.5), (-2.5, 0.6), (-0.4, 0.5)),
)  # fmt: skip
_COLLAR = np.array(
    ((-2.4, 1.75), (-1.3, 1.72), (-0.7, 1.62), (-0.1, 1.78), (0.5, 1.98), (1.1, 2.02),
     (1.9, 1.95), (2.4, 2.6), (-2.4, 2.6)),
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """The grid of pixels a head is drawn on.

    Args:
        size: Pixels per ear height.
    """

    size: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return round((_BOTTOM - _TOP) * self.size), round((_RIGHT - _LEFT) * self.size)

    def to_pixels(self, points: Points) -> Points:
        """Ear coordinates to pixels, integer = pixel center."""
        return (points - (_LEFT, _TOP)) * self.size

    def matrix(self) -> Points:
        """(3, 3) the same as `to_pixels`, for homogeneous points."""
        size = self.size
        return np.array([[size, 0, -_LEFT * size], [0, size, -_TOP * size], [0, 0, 1.0]])

    def grid(self, every: int = 1) -> tuple[Plane, Plane]:
        """Ear coordinates (x, y) of every pixel, or of one pixel in `every` each way."""
        rows, columns = self.shape
        y, x = np.mgrid[0:rows:every, 0:columns:every].astype(np.float32)
        return x / self.size + _LEFT, y / self.size + _TOP

    def filled(self, corners: Points, blur: float = 0.0) -> Plane:
        """(H, W) 1 within the smooth contour through `corners`, its edge `blur` wide."""
        drawn = np.zeros(self.shape, np.uint8)
        contour = self.to_pixels(through(corners, closed=True))
        cv2.fillPoly(drawn, [np.round(contour * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = drawn.astype(np.float32) / 255
        return blurred(soft, blur * self.size) if blur else soft

    def head(self, long_hair: bool) -> Plane:
        """(H, W) 1 where the person is."""
        return self.filled(_LONG_HEAD if long_hair else _SHORT_HEAD, 0.012)

    def scalp(self, long_hair: bool) -> Plane:
        """(H, W) 1 where hair covers the skin."""
        fall = _LONG_FALL if long_hair else _SHORT_NAPE
        return self.filled(np.vstack([_HAIRLINE, fall]), 0.045)

    def neck(self) -> Plane:
        """(H, W) 1 below the jaw."""
        return self.filled(_NECK, 0.09)

    def clothes(self) -> Plane:
        """(H, W) 1 below the collar."""
        return self.filled(_COLLAR, 0.01)
