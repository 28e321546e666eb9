"""Drawing on an image in place: masks, boxes and landmarks."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from earvid.render._style import Color, Sizes

Image = npt.NDArray[np.uint8]
Region = npt.NDArray[np.bool_]

SHADE: Color = (16, 16, 16)
"""RGB of what lies under bright lines and text, so that they can be read on any background."""

RIM_OPACITY = 0.5

CURVE_OPACITY = 0.6
"""Of the lines between landmarks, so that the edges that they follow can be seen through them."""

SIDE_PER_LINE = 30
"""Pixels of an ear's side for each pixel of its contour's width."""

FILLED = -1
FRACTION_BITS = 4
"""OpenCV draws at fractions of a pixel when coordinates are integers of 1/16 pixel."""


def fill_mask(image: Image, region: Region, color: Color, opacity: float) -> None:
    """Tint the pixels of a mask.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        region: (H, W) bool.
        color: RGB.
        opacity: 0 to 1.
    """
    x, y, width, height = cv2.boundingRect(region.astype(np.uint8))
    part = image[y : y + height, x : x + width]
    inside = region[y : y + height, x : x + width]
    tinted = part[inside] * (1 - opacity) + np.array(color) * opacity
    part[inside] = np.round(tinted).astype(np.uint8)


def draw_contour(image: Image, region: Region, color: Color, sizes: Sizes) -> None:
    """Draw the outline of a mask, holes included, on a dark rim.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        region: (H, W) bool.
        color: RGB.
        sizes: Of lines, which get thinner on ears that they would cover.
    """
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    extent = np.sqrt(np.count_nonzero(region))
    width = max(1, min(sizes.line, round(extent / SIDE_PER_LINE)))
    rimmed = cv2.drawContours(image.copy(), outlines, -1, SHADE, width + 2, cv2.LINE_AA)
    cv2.addWeighted(rimmed, RIM_OPACITY, image, 1 - RIM_OPACITY, 0, dst=image)
    cv2.drawContours(image, outlines, -1, color, width, cv2.LINE_AA)


def draw_corners(
    image: Image, box: tuple[float, float, float, float], color: Color, sizes: Sizes
) -> None:
    """Draw the four corners of a box.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        box: `(x0, y0, x1, y1)` in pixels.
        color: RGB.
        sizes: Of lines.
    """
    x0, y0, x1, y1 = box
    arm = 0.2 * min(x1 - x0, y1 - y0)
    for x, along in ((x0, arm), (x1, -arm)):
        for y, down in ((y0, arm), (y1, -arm)):
            corner = _fixed([[x + along, y], [x, y], [x, y + down]])
            cv2.polylines(image, [corner], False, color, sizes.thin, cv2.LINE_AA, FRACTION_BITS)


def draw_landmarks(
    image: Image,
    points: npt.NDArray[np.float64],
    sure: npt.NDArray[np.bool_],
    color: Color,
    sizes: Sizes,
) -> None:
    """Draw landmarks as dots, filled where they are sure and hollow where not.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        points: (K, 2) `(x, y)` in pixels, NaN = none.
        sure: (K,) bool, see `are_sure`.
        color: RGB of the ear.
        sizes: Of dots.
    """
    placed = np.isfinite(points).all(axis=1)
    if not placed.any():
        return
    radius = _dot_radius(points[placed], sizes)
    for point, seen in zip(points[placed], sure[placed], strict=True):
        draw_dot(image, point, radius, _pale(color), filled=bool(seen))


def draw_dot(
    image: Image, center: npt.NDArray[np.float64], radius: float, color: Color, *, filled: bool
) -> None:
    """Draw one dot, on a dark rim.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        center: `(x, y)` in pixels.
        radius: In pixels.
        color: RGB.
        filled: Rather than hollow.
    """
    width = FILLED if filled else 1
    rim = min(1.0, max(0.0, radius - 1))  # none on the smallest dots, which it would join up
    if rim:
        _circle(image, center, radius + rim, SHADE, width)
    _circle(image, center, radius, color, width)


def draw_curves(
    image: Image,
    points: npt.NDArray[np.float64],
    visible: npt.NDArray[np.bool_],
    curves: Sequence[Sequence[int]],
    color: Color,
    sizes: Sizes,
) -> None:
    """Draw the curves that landmarks lie on, as far as both ends of a piece are visible.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        points: (K, 2) `(x, y)` in pixels, NaN = none.
        visible: (K,) bool.
        curves: Landmarks of each curve, in order; every curve has its own shade.
        color: RGB of the ear.
        sizes: Of lines.
    """
    shown = visible & np.isfinite(points).all(axis=1)
    drawn = image.copy()
    for number, curve in enumerate(curves):
        shade = _shaded(color, number, len(curves))
        for start, end in pairwise(curve):
            if shown[start] and shown[end]:
                piece = _fixed(points[[start, end]])
                cv2.polylines(drawn, [piece], False, shade, sizes.thin, cv2.LINE_AA, FRACTION_BITS)
    cv2.addWeighted(drawn, CURVE_OPACITY, image, 1 - CURVE_OPACITY, 0, dst=image)


def _shaded(color: Color, number: int, count: int) -> Color:
    """A shade of a color, from full to pale."""
    white = 0.75 * number / max(1, count - 1)
    red, green, blue = (round(value + (255 - value) * white) for value in color)
    return red, green, blue


def _dot_radius(points: npt.NDArray[np.float64], sizes: Sizes) -> float:
    """Keep dots apart on small ears: they shrink with the extent of the landmarks."""
    extent = float(np.hypot(*np.ptp(points, axis=0)))
    crowded = extent / (10 * np.sqrt(len(points)))
    return float(np.clip(crowded, 1.0, max(1.0, sizes.dot)))


def _circle(
    image: Image, center: npt.NDArray[np.float64], radius: float, color: Color, width: int
) -> None:
    x, y = (int(value) for value in _fixed(center))
    radius_fixed = int(_fixed(radius))
    cv2.circle(image, (x, y), radius_fixed, color, width, cv2.LINE_AA, FRACTION_BITS)


def _pale(color: Color) -> Color:
    red, green, blue = (round(255 - (255 - value) * 0.3) for value in color)
    return red, green, blue


def _fixed(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    return np.asarray(np.round(np.asarray(values, float) * 2**FRACTION_BITS)).astype(np.int32)
