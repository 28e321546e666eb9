"""Small operations on fields of numbers over pixels."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating[Any]]  # (H, W) or (H, W, C)
Picture = npt.NDArray[np.uint8]  # (H, W, C)
Points = npt.NDArray[np.float64]  # (N, 2), or (3, 3) for a map of the plane


def step(value: Plane, low: float, high: float) -> Plane:
    """A smooth step from 0 at `low` to 1 at `high`; it falls when `low` is above `high`."""
    at = ((value - low) / (high - low)).clip(0, 1)
    smooth: Plane = at * at * (3 - 2 * at)
    return smooth


def ease(share: float) -> float:
    """`step` for one number between 0 and 1."""
    return share * share * (3 - 2 * share)


def blurred(plane: Plane, radius: float) -> Plane:
    """A Gaussian blur of `radius` pixels."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), radius), plane.dtype)


def resized(plane: Plane, shape: tuple[int, int], *, smooth: bool = True) -> Plane:
    """A field resampled to `shape` (rows, columns), bicubically when smooth, else linearly."""
    method = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, shape[::-1], interpolation=method), plane.dtype)


def normals(height: Plane, per_unit: float) -> Plane:
    """(H, W, 3) unit vectors off a surface.

    Args:
        height: (H, W) towards the camera.
        per_unit: Pixels per unit of height.
    """
    down, across = np.gradient(height * per_unit)
    normal = np.stack([-across, -down, np.ones_like(height)], axis=-1)
    unit: Plane = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    return unit.astype(np.float32)
