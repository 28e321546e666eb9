"""Square crops around an ear, as the landmark network looks at them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

PAD_COLOR = (124, 116, 104)  # the ImageNet mean: zero after normalization
MARGIN = 1.3  # side of a crop over the diagonal of the ear's box


def box_crop(box: Box, side: int, *, turn: float = 0.0, zoom: float = 1.0) -> Float:
    """The map ``(2, 3)`` from source pixels to a crop around a box.

    Args:
        box: ``x0, y0, x1, y1``, pixels.
        side: of the crop, pixels.
        turn: rotation of the content, radians, clockwise as seen.
        zoom: enlargement of the content.
    """
    x0, y0, x1, y1 = box
    reach = max(float(np.hypot(x1 - x0, y1 - y0)), 1.0) * MARGIN / zoom
    return _about(np.array([x0 + x1, y0 + y1]) / 2, side / reach, turn, side)


def shape_crop(points: Float, mean: Float, side: int, *, turn: float = 0.0, zoom: float = 1.0
               ) -> Float:  # fmt: skip
    """The map ``(2, 3)`` to a crop in which an ear stands as the mean ear does.

    Args:
        points: ``(55, 2)`` landmarks, source pixels.
        mean: ``(55, 2)`` the mean shape, of any size.
        side: of the crop, pixels.
        turn: further rotation of the content, radians.
        zoom: further enlargement of the content.
    """
    linear, _ = similarity(points, mean)
    size = float(np.linalg.norm(linear[0]))
    angle = float(np.arctan2(linear[1, 0], linear[0, 0]))
    reach = float(np.linalg.norm(np.ptp(mean, axis=0))) / size * MARGIN / zoom
    upright = points @ linear.T
    center = np.linalg.solve(linear, (upright.min(0) + upright.max(0)) / 2)
    return _about(center, side / reach, angle + turn, side)


def similarity(points: Float, target: Float, weight: Float | None = None) -> tuple[Float, Float]:
    """Turn, scale and shift that bring points closest to others (Umeyama 1991), never a mirror.

    Args:
        points: ``(N, 2)``.
        target: ``(N, 2)``.
        weight: ``(N,)``, how much each point counts.

    Returns:
        ``linear`` (2, 2) and ``shift`` (2,), so that ``points @ linear.T + shift`` is near.
    """
    w = np.ones(len(points)) if weight is None else weight
    w = w / w.sum()
    middle, goal = w @ points, w @ target
    a, b = points - middle, target - goal
    power = max(float(w @ (a**2).sum(1)), 1e-12)
    same = float(w @ (a * b).sum(1)) / power
    cross = float(w @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / power
    linear = np.array([[same, -cross], [cross, same]])
    return linear, goal - linear @ middle


def _about(center: Float, scale: float, turn: float, side: int) -> Float:
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, (side - 1) / 2 - linear @ center])


def take(image: Image, matrix: Float, side: int) -> Image:
    """Cut a crop ``(side, side, 3)`` out of an image, without aliasing when it shrinks."""
    image, matrix = _nearby(image, matrix, side)
    shrink = 1 / max(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), 1e-6)
    if shrink > 1.5:
        height, width = image.shape[:2]
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        step = np.array([width / size[0], height / size[1]])
        # Pixel centers: small pixel i covers source pixels around (i + 0.5) * step - 0.5.
        shift = matrix[:, :2] @ (step / 2 - 0.5) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * step, shift])
    crop = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_CONSTANT, borderValue=PAD_COLOR)  # fmt: skip
    return np.asarray(crop, np.uint8)


def _nearby(image: Image, matrix: Float, side: int) -> tuple[Image, Float]:
    """Only the part of a large image that a crop can show."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], float) - 0.5
    there = to_source(corners, matrix)
    low = np.clip(np.floor(there.min(0)).astype(int) - 2, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(there.max(0)).astype(int) + 3, low + 1, [width, height])
    part = image[low[1] : high[1], low[0] : high[0]]
    return part, np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])


def to_source(points: Float, matrix: Float) -> Float:
    """Points ``(..., 2)`` of a crop in source pixels."""
    inverse = np.linalg.inv(matrix[:, :2])
    there: Float = (points - matrix[:, 2]) @ inverse.T
    return there


def to_crop(points: Float, matrix: Float) -> Float:
    """Points ``(..., 2)`` of the source in crop pixels."""
    here: Float = points @ matrix[:, :2].T + matrix[:, 2]
    return here
