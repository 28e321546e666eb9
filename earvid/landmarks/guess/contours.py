"""The curves on which the 55 landmarks lie, and errors along and across them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Half-open ranges of points that follow one another on a curve.
CONTOURS: dict[str, tuple[int, int]] = {
    "outer helix": (0, 20),
    "inner helix": (20, 35),
    "tragus to inferior crus": (35, 50),
    "superior crus": (50, 55),
}
_DENSE = 12  # points to a segment of a curve when distances to it are measured


def tangents(points: Float) -> Float:
    """Directions ``(55, 2)`` of length 1 of the curves at ``(55, 2)`` points."""
    along = np.concatenate([np.gradient(points[a:b], axis=0) for a, b in CONTOURS.values()])
    unit: Float = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return unit


def split_errors(found: Float, truth: Float) -> tuple[Float, Float]:
    """Errors ``(55,)`` along and across the true curves, pixels.

    Annotators agree on where a curve runs, far less on where along it a point belongs.

    Args:
        found: ``(55, 2)`` points.
        truth: ``(55, 2)`` points.
    """
    unit = tangents(truth)
    off = found - truth
    along = np.abs((off * unit).sum(1))
    across = np.abs(off[:, 0] * unit[:, 1] - off[:, 1] * unit[:, 0])
    return along, across


def contour_distances(found: Float, truth: Float) -> Float:
    """Distance ``(55,)`` of each point to the true curve of its group, pixels."""
    return np.concatenate([_to_curve(found[a:b], _dense(truth[a:b])) for a, b in CONTOURS.values()])


def diagonal(points: Float) -> float:
    """Diagonal of the box around points, by which errors are divided."""
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def faces_right(points: Float) -> bool:
    """Whether points are of an ear whose face looks to image-right, by the turn of the helix."""
    x, y = points[slice(*CONTOURS["outer helix"])].T
    return bool((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() < 0)


def _dense(curve: Float) -> Float:
    """Many points on a smooth curve through a few (Catmull and Rom 1974)."""
    padded = np.concatenate([2 * curve[:1] - curve[1:2], curve, 2 * curve[-1:] - curve[-2:-1]])
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, _DENSE, endpoint=False)[None, :, None]
    between = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
    between = (between + (3 * b - a - 3 * c + d) * t**3) / 2
    return np.concatenate([between.reshape(-1, 2), curve[-1:]])


def _to_curve(points: Float, curve: Float) -> Float:
    a, step = curve[:-1], np.diff(curve, axis=0)
    length = np.maximum((step**2).sum(1), 1e-12)
    share = ((points[:, None] - a) * step).sum(2) / length
    nearest = a + np.clip(share, 0, 1)[..., None] * step
    return np.asarray(np.linalg.norm(points[:, None] - nearest, axis=2).min(1))
