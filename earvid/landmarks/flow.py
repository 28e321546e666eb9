"""How points moved between two charts, how alike their surroundings are, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.chart import SIDE, Float, Gray

WINDOW = 21  # side of the windows in which motion is measured, chart pixels
PATCH = 8  # half the side of the patches that are compared
FAILED = 99.0  # chart pixels, the error of a point that could not be tracked
FLOOR = 0.12  # chart pixels² of variance that the best measurement has
NOISE = 60.0  # variance of noise in a chart
LIKE = 6.0  # how much the difference between patches weighs

_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.03)


@dataclass(frozen=True, eq=False)
class Flow:
    """Where points of one chart are in another.

    Args:
        moved: ``(N, 2)`` displacements.
        error: ``(N,)`` how far from its start a point comes out when it is tracked back, chart
            pixels; ``FAILED`` where it could not be tracked.
    """

    moved: Float
    error: Float


def flow(source: Gray, target: Gray, points: Float, levels: int) -> Flow:
    """Track points by pyramidal Lucas-Kanade, there and back (Kalal et al. 2010).

    Args:
        source: ``(SIDE, SIDE)`` chart.
        target: ``(SIDE, SIDE)`` chart.
        points: ``(N, 2)`` in ``source``; in ``target`` they are expected at the same places.
        levels: of the pyramid, above the charts.
    """
    start = points.astype(np.float32)[:, None]
    there, found = _lucas_kanade(source, target, start, start.copy(), levels)
    back, again = _lucas_kanade(target, source, there, start.copy(), min(levels, 1))
    error = np.linalg.norm((back - start)[:, 0], axis=1)
    error = np.where(found & again, np.minimum(error, FAILED), FAILED)
    return Flow((there - start)[:, 0].astype(np.float64), error.astype(np.float64))


def _lucas_kanade(
    source: Gray,
    target: Gray,
    start: NDArray[np.float32],
    guess: NDArray[np.float32],
    levels: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        source,
        target,
        start,
        guess,
        winSize=(WINDOW, WINDOW),
        maxLevel=levels,
        criteria=_CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(moved, np.float32), np.asarray(found).ravel() == 1


class Patches:
    """The square surroundings of points, for comparison.

    Args:
        points: ``(N, 2)`` in the chart.
    """

    def __init__(self, points: Float) -> None:
        step = np.arange(-PATCH, PATCH + 1)
        x, y = (np.clip(np.rint(c).astype(int)[:, None] + step, 0, SIDE - 1) for c in points.T)
        self._flat = (y[:, :, None] * SIDE + x[:, None, :]).reshape(len(points), -1)

    def of(self, chart: Gray) -> NDArray[np.float32]:
        """``(N, P)`` patches of a chart, of mean 0 and length 1."""
        values = chart.ravel()[self._flat].astype(np.float32)
        values -= values.mean(1, keepdims=True)
        length = np.sqrt(np.einsum("np,np->n", values, values))
        return np.asarray(values / (length + 1e-3)[:, None], np.float32)


def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> Float:
    """``(N,)`` normalized cross-correlation of patches."""
    return np.asarray(np.einsum("np,np->n", a, b), np.float64)


class Texture:
    """How well motion can be measured at each point of a chart.

    Args:
        chart: where motion is measured from.
        points: ``(N, 2)`` in it.
    """

    def __init__(self, chart: Gray, points: Float) -> None:
        x, y = np.clip(np.rint(points), 0, SIDE - 1).astype(int).T
        size = (WINDOW, WINDOW)
        dx = cv2.Sobel(chart, cv2.CV_32F, 1, 0, scale=0.125)
        dy = cv2.Sobel(chart, cv2.CV_32F, 0, 1, scale=0.125)
        products = (dx * dx, dx * dy, dx * dy, dy * dy)
        sums = [cv2.boxFilter(v, cv2.CV_32F, size, normalize=False)[y, x] for v in products]
        tensor = np.stack(sums, 1).reshape(-1, 2, 2).astype(np.float64)
        self._strength, self._axes = np.linalg.eigh(tensor)
        mean = cv2.boxFilter(chart, cv2.CV_32F, size)
        square = cv2.sqrBoxFilter(chart, cv2.CV_32F, size)
        self._contrast = np.maximum(square - mean * mean, 0)[y, x].astype(np.float64)

    def information(self, likeness: Float, extra: Float) -> Float:
        """``(N, 2, 2)`` inverse covariance of displacements.

        Args:
            likeness: ``(N,)`` correlation of the patches at both ends.
            extra: ``(N,)`` further variance, chart pixels².
        """
        noise = NOISE + LIKE * 2 * np.clip(1 - likeness, 0, 2) * self._contrast
        variance = FLOOR + extra[:, None] + noise[:, None] / np.maximum(self._strength, 1e-3)
        information: Float = (self._axes / variance[:, None]) @ self._axes.transpose(0, 2, 1)
        return information
