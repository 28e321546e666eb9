"""A hand that covers the ear: palm, four fingers and a forearm.

Hand coordinates: the unit is an ear height, (0, 0) the middle of the palm, y down.
"""

from dataclasses import dataclass

import numpy as np

from earvid.sample.curves import distance, through
from earvid.sample.light import shade
from earvid.sample.params import EarParams
from earvid.sample.planes import Picture, Plane, Points, blurred, normals, step
from earvid.sample.raster import coverage
from earvid.sample.texture import encoded, skin

_LEFT, _TOP, _RIGHT, _BOTTOM = -1.0, -1.85, 1.0, 4.6
_PALM = np.array(
    ((-0.66, -0.62), (-0.2, -0.78), (0.3, -0.76), (0.68, -0.6), (0.74, 0.0), (0.68, 0.55),
     (0.5, 0.95), (0.44, 1.4), (0.5, 2.4), (0.56, 4.5), (-0.56, 4.5), (-0.46, 2.4),
     (-0.42, 1.4), (-0.55, 0.95), (-0.72, 0.5), (-0.74, 0.0)),
)  # fmt: skip
_FINGERS = (  # knuckle, tip and half the thickness
    ((-0.50, -0.45), (-0.66, -1.15), 0.155),
    ((-0.18, -0.55), (-0.22, -1.45), 0.170),
    ((0.17, -0.55), (0.19, -1.52), 0.172),
    ((0.50, -0.45), (0.58, -1.38), 0.165),
)


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand, drawn once.

    Args:
        picture: (H, W, 4) uint8 RGB times cover, and cover.
        to_pixels: (3, 3) hand coordinates to pixels of the picture.
        contours: (N, 2) polygons in hand coordinates that together are the hand.
    """

    picture: Picture
    to_pixels: Points
    contours: tuple[Points, ...]


def draw_hand(params: EarParams, size: float) -> Hand:
    """A hand of the color of `params.skin`, for an ear of `size` pixels."""
    columns, rows = round((_RIGHT - _LEFT) * size), round((_BOTTOM - _TOP) * size)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x, y = x / size + _LEFT, y / size + _TOP
    contours = _contours()
    to_pixels = np.array([[size, 0, -_LEFT * size], [0, size, -_TOP * size], [0, 0, 1.0]])
    cover = coverage([(c - (_LEFT, _TOP)) * size for c in contours], columns, rows)
    albedo = skin(np.random.default_rng([params.seed, 2]), (rows, columns), params.skin, size)
    color = encoded(albedo * _light(x, y, size, params)[..., None])
    picture = np.dstack([color * cover[..., None], cover]) * 255
    return Hand(picture.round().astype(np.uint8), to_pixels, contours)


def _contours() -> tuple[Points, ...]:
    return (through(_PALM, closed=True), *(_capsule(*finger) for finger in _FINGERS))


def _capsule(base: tuple[float, float], tip: tuple[float, float], radius: float) -> Points:
    """The contour of a finger."""
    start, end = np.array(base), np.array(tip)
    heading = np.arctan2(*(end - start)[::-1])
    round_tip = heading + np.linspace(-np.pi / 2, np.pi / 2, 24)
    arcs = [(end, round_tip), (start, round_tip + np.pi)]
    return np.vstack(
        [center + radius * np.stack([np.cos(a), np.sin(a)], axis=1) for center, a in arcs]
    )


def _light(x: Plane, y: Plane, size: float, params: EarParams) -> Plane:
    """(H, W) shade of the back of the hand, with dark lines between the fingers."""
    fingers = [_finger_height(x, y, finger) for finger in _FINGERS]
    palm = 0.14 * step(np.abs(x), 0.75, 0.3) * step(y, -1.0, -0.4)
    height = blurred(np.maximum.reduce([*fingers, palm]), 0.03 * size)
    around = blurred(height, 0.09 * size)
    open_sky = 1 - 5 * np.maximum(around - height, 0)
    lit = shade(normals(height, size), np.ones_like(x), open_sky.clip(0.2, 1), params)
    return np.float32(1.35) * lit


def _finger_height(
    x: Plane, y: Plane, finger: tuple[tuple[float, float], tuple[float, float], float]
) -> Plane:
    base, tip, radius = finger
    gap, _ = distance(x, y, np.linspace(base, tip, 8))
    height: Plane = np.sqrt((radius**2 - gap**2).clip(0, None))
    return height
