"""The ear laid flat: a square picture in which the ear of every frame lies as on the keyframe.

A chart is 256 pixels wide whatever the size of the frame, and so all that is done in it costs the
same for every clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Gray = NDArray[np.uint8]
Box = tuple[float, float, float, float]

SIDE = 256  # of a chart, pixels
EAR = 150.0  # longer side of the keyframe's ear in it
SPACING = 16  # of the knots
KNOTS = SIDE // SPACING + 1
SMALL = 64  # side of masks, and of pictures in which an ear is searched for
BLANK = 128  # gray value of a chart without anything to see

_SPARE = 0.3  # of a frame pixel per chart pixel, up to which rather more than less are averaged
_MARGIN = 16  # chart pixels that are cut out beyond the chart, for where it moves to
_ALIKE = 0.2  # difference in the logarithm of scale that one part serves
_SQUARE = 9  # side of the square in which light is evened out, pixels of the small picture
_GAIN = 48.0  # gray values of a chart per standard deviation
_QUIET = 7.0  # gray values of contrast that may be noise


@cache
def knot_points() -> Float:
    """``(KNOTS², 2)`` chart coordinates of the knots, row after row; not to be written to."""
    at = np.arange(KNOTS) * float(SPACING)
    x, y = np.meshgrid(at, at)
    points = np.stack([x.ravel(), y.ravel()], 1)
    points.setflags(write=False)
    return points


def apply(affine: Float, points: Float) -> Float:
    """Map ``(N, 2)`` points through a ``(2, 3)`` map."""
    mapped: Float = points @ affine[:, :2].T + affine[:, 2]
    return mapped


def compose(outer: Float, inner: Float) -> Float:
    """The ``(2, 3)`` map that does ``inner`` first."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(affine: Float) -> Float:
    """The inverse of a ``(2, 3)`` map."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def gray_of(image: NDArray[np.uint8]) -> Gray:
    """``(H, W)`` uint8 of a frame ``(H, W, 3)`` RGB, or ``(H, W)`` gray as it is."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a chart lies in a frame: its points are moved by a smooth field, then mapped affinely.

    Args:
        affine: ``(2, 3)`` chart to frame pixels, after the field.
        field: ``(KNOTS², 2)`` displacement of the knots, chart pixels.
    """

    affine: Float
    field: Float

    @classmethod
    def on_box(cls, box: Box) -> Placed:
        """Upright on a box ``x0, y0, x1, y1`` of a frame, whose longer side gets ``EAR`` pixels."""
        x0, y0, x1, y1 = box
        scale = max(x1 - x0, y1 - y0, 8.0) / EAR
        middle = (SIDE - 1) / 2 * scale
        affine = np.array([[scale, 0, (x0 + x1) / 2 - middle], [0, scale, (y0 + y1) / 2 - middle]])
        return cls(affine, np.zeros((KNOTS * KNOTS, 2)))

    @property
    def scale(self) -> float:
        """Frame pixels per chart pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.affine[:, :2]))))

    def moved(self, inner: Float) -> Placed:
        """The same after an affine map ``(2, 3)`` of the chart."""
        return Placed(compose(self.affine, inner), self.field)

    def knots(self) -> Float:
        """``(KNOTS², 2)`` frame coordinates of the knots."""
        return apply(self.affine, knot_points() + self.field)


@dataclass(frozen=True, eq=False)
class Cover:
    """A mask over a region of the frame.

    Args:
        values: ``(h, w)`` uint8, 255 = ear.
        x0: left edge of the region, frame pixels.
        y0: top edge.
        width: of the region, frame pixels.
        height: of the region, frame pixels.
    """

    values: Gray
    x0: float
    y0: float
    width: float
    height: float

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_]) -> Cover:
        """Of a ``(H, W)`` mask of the whole frame."""
        height, width = mask.shape
        return cls(mask.astype(np.uint8) * 255, 0, 0, width, height)

    @property
    def empty(self) -> bool:
        """Whether there is no ear in it."""
        return not bool((self.values > 127).any())

    def box(self) -> Box:
        """The box ``x0, y0, x1, y1`` around the ear, frame pixels; of one that is not empty."""
        x, y, w, h = cv2.boundingRect((self.values > 127).astype(np.uint8))
        rows, columns = self.values.shape
        sx, sy = self.width / columns, self.height / rows
        left, top = self.x0 - 0.5 + x * sx, self.y0 - 0.5 + y * sy
        return left, top, left + w * sx, top + h * sy

    def share_within(self, placed: Placed, area: Gray) -> float:
        """Share of the mask that lies on a part of the chart; of one that is not empty.

        Args:
            placed: where the chart lies.
            area: ``(SMALL, SMALL)`` uint8, 255 = the part.
        """
        rows, columns = self.values.shape
        whole = np.count_nonzero(self.values > 127) * self.width / columns * self.height / rows
        pixel = (placed.scale * SIDE / SMALL) ** 2
        both = np.count_nonzero((self.on_chart(placed) > 127) & (area > 127))
        return float(both * pixel / whole)

    def on_chart(self, placed: Placed) -> Gray:
        """``(SMALL, SMALL)`` uint8: the mask as it lies on the chart."""
        rows, columns = self.values.shape
        per = np.array([columns / self.width, rows / self.height])
        where = _spread((placed.knots() - (self.x0, self.y0) + 0.5) * per - 0.5, SMALL)
        return _remapped(self.values, where, cv2.BORDER_CONSTANT)


class Picture:
    """A frame of which charts are drawn; the part about the ear is cut and shrunk only once.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, or ``(H, W)`` gray.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self._cut: _Cut | None = None

    def chart(self, placed: Placed) -> Gray:
        """``(SIDE, SIDE)`` uint8: the chart of the frame, with light and contrast evened out."""
        knots, scale = placed.knots(), placed.scale
        if self._cut is None or not self._cut.serves(knots, scale):
            self._cut = _Cut.about(self.image, knots, scale)
        if self._cut is None:
            return np.full((SIDE, SIDE), BLANK, np.uint8)
        where = _spread(self._cut.local(knots), SIDE)
        return even(_remapped(self._cut.gray, where, cv2.BORDER_REPLICATE))


@dataclass(frozen=True, eq=False)
class _Cut:
    """A part of a frame, gray, at about the scale of a chart.

    Args:
        gray: the part.
        low: its first corner, frame pixels.
        high: the corner after its last, frame pixels.
        size: width and height of the frame.
        times: frame pixels per pixel of it, each way.
        scale: frame pixels per chart pixel for which it was made.
    """

    gray: Gray
    low: Float
    high: Float
    size: tuple[int, int]
    times: int
    scale: float

    @classmethod
    def about(cls, image: NDArray[np.uint8], knots: Float, scale: float) -> _Cut | None:
        """Cut out the frame around knots; None where they are all beyond it."""
        height, width = image.shape[:2]
        margin = _MARGIN * scale
        low = np.clip(np.floor(knots.min(0) - margin), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(knots.max(0) + margin) + 1, 0, (width, height)).astype(int)
        times = max(1, int(scale + _SPARE))  # whole numbers are averaged much faster
        small = (high - low) // times
        if small.min() < 2:
            return None
        (x0, y0), (x1, y1) = low, low + small * times
        whole = gray_of(image[y0:y1, x0:x1])
        if times > 1:
            size = int(small[0]), int(small[1])
            whole = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(whole, low.astype(float), high.astype(float), (width, height), times, scale)

    def serves(self, knots: Float, scale: float) -> bool:
        """Whether knots at this scale can be drawn from it as well as from the frame."""
        first, last = np.clip(knots.min(0), 0, self.size), np.clip(knots.max(0), 0, self.size)
        inside = (first >= self.low).all() and (last <= self.high).all()
        return bool(inside) and abs(np.log(scale / self.scale)) < _ALIKE

    def local(self, knots: Float) -> Float:
        """Frame coordinates in its own pixels."""
        moved: Float = (knots - self.low + 0.5) / self.times - 0.5
        return moved


def even(gray: Gray, step: int = SIDE // SMALL) -> Gray:
    """Subtract the local mean and divide by the local contrast, for Lucas-Kanade knows no light.

    Args:
        gray: ``(S, S)`` uint8.
        step: pixels per pixel of the small picture in which light is measured.
    """
    side = gray.shape[0]
    small = cv2.resize(gray, (side // step, side // step), interpolation=cv2.INTER_AREA)
    coarse, square = small.astype(np.float32), (_SQUARE, _SQUARE)
    mean = cv2.boxFilter(coarse, cv2.CV_32F, square)
    spread = np.sqrt(np.maximum(cv2.sqrBoxFilter(coarse, cv2.CV_32F, square) - mean * mean, 0))
    gain = cv2.resize(_GAIN / (spread + _QUIET), (side, side))
    level = cv2.resize(mean, (side, side))
    apart = cv2.multiply(cv2.subtract(gray, level, dtype=cv2.CV_32F), gain)
    return np.asarray(cv2.addWeighted(apart, 1, level, 0, BLANK, dtype=cv2.CV_8U), np.uint8)


def _remapped(picture: Gray, where: NDArray[np.float32], border: int) -> Gray:
    # OpenCV's types do not know that the second map is left out when the first has both.
    drawn = cv2.remap(picture, where, None, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[call-overload]
    return np.asarray(drawn, np.uint8)


def _spread(knots: Float, side: int) -> NDArray[np.float32]:
    """Interpolate values at the knots for every pixel of a picture of the chart."""
    grid = knots.reshape(KNOTS, KNOTS, 2).astype(np.float32)
    step = SIDE / side / SPACING
    shift = (SIDE / side - 1) / 2 / SPACING
    matrix = np.array([[step, 0, shift], [0, step, shift]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(grid, matrix, (side, side), flags=how), np.float32)
