"""Boxes, warps and areas of ears on their way from a photo into a square crop."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.models.nano import PAD_COLOR

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]


def ear_box(mask: Image) -> tuple[float, float, float, float]:
    """The box ``x0, y0, x1, y1`` of a nonempty mask, pixel centers."""
    x, y, w, h = cv2.boundingRect(mask)
    return float(x), float(y), float(x + w - 1), float(y + h - 1)


def warp(source: Image, matrix: Matrix, side: int, border: int) -> Image:
    """Warp a photo or mask into a crop, without aliasing when it shrinks."""
    shrink = _shrink_factor(matrix, side)
    if shrink > 1.5:
        height, width = source.shape[:2]
        small = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        source = np.asarray(cv2.resize(source, small, interpolation=cv2.INTER_AREA), np.uint8)
        sx, sy = width / small[0], height / small[1]
        # Pixel centers: small pixel i covers source pixels around (i + 0.5) * s - 0.5.
        up = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1.0]])
        matrix = matrix @ up
    value = PAD_COLOR if source.ndim == 3 else (0, 0, 0)
    return np.asarray(
        cv2.warpPerspective(
            source,
            matrix,
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=border,
            borderValue=value,
        ),
        np.uint8,
    )


def area_in_crop(ear: Image, matrices: list[Matrix]) -> NDArray[np.float64]:
    """Approximate area of the whole ear in crop pixels, in view or not; one value per matrix."""
    pixels = float((ear > 127).sum())
    x0, y0, x1, y1 = ear_box(ear)
    return np.array([pixels * _local_area(m, (x0 + x1) / 2, (y0 + y1) / 2) for m in matrices])


def center_of(mask: Image, side: int) -> NDArray[np.float64]:
    """The centroid of a mask relative to the crop's center, pixels; 0 for an empty mask."""
    moments = cv2.moments(mask, binaryImage=True)
    if moments["m00"] == 0:
        return np.zeros(2)
    mid = (side - 1) / 2
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"] - mid


def _local_area(matrix: Matrix, x: float, y: float) -> float:
    """Crop pixels per photo pixel around the photo point ``(x, y)``: the Jacobian's determinant."""
    u, v, w = matrix @ np.array([x, y, 1.0])
    jacobian = (matrix[:2, :2] - np.outer((u / w, v / w), matrix[2, :2])) / w
    return float(abs(np.linalg.det(jacobian)))


def _shrink_factor(matrix: Matrix, side: int) -> float:
    """How many photo pixels fall on one crop pixel, along one axis, at the crop's center."""
    x, y, w = np.linalg.inv(matrix) @ np.array([side / 2, side / 2, 1.0])
    return float(1 / np.sqrt(max(_local_area(matrix, x / w, y / w), 1e-6)))
