"""How an ear may move: rigidly, affinely, then smoothly bent, each as far as there is evidence.

Displacements in the chart are a Gaussian process: an affine map that is close to the identity, plus
a smooth bend, plus a little freedom of every point. So few or poor measurements give a shift and a
turn, and many good ones a bend like that of a thin plate. A solid ear that turns is seen to move
along one direction, more where its relief is higher (Koenderink and van Doorn 1991); bends that go
across the main direction are therefore small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earvid.landmarks.chart import EAR, SIDE, Float, knot_points

SHIFT = 25.0  # chart pixels that the ear may shift
TURN = 18.0  # what the linear part may move the rim of the ear, chart pixels
REACH = 0.5 * EAR  # over which the bends of two points go together
BEND = 5.0  # size of bends, chart pixels: what the relief of an ear does in a turn of 40°
ACROSS = 0.05  # size of bends across their main direction, as a share
FREE = 0.6  # chart pixels that a point may move by itself
KEPT = 4.0  # squared residuals above this many variances count little
SPAN = 40.0  # between the centers of the bends


@dataclass(frozen=True, eq=False)
class Fit:
    """Displacements that agree with measurements and with how ears move.

    Args:
        points: ``(N, 2)`` displacements of the points.
        knots: ``(KNOTS², 2)`` displacements of the knots, without the freedom of single points.
        deviation: ``(N,)`` standard deviation of the points, chart pixels.
        trust: ``(N,)`` 0..1, how far a measurement agrees with the others.
    """

    points: Float
    knots: Float
    deviation: Float
    trust: Float


class Shape:
    """The prior of one set of points.

    Args:
        points: ``(N, 2)`` in the chart.
    """

    def __init__(self, points: Float) -> None:
        low, high = points.min(0) - SPAN / 2, points.max(0) + SPAN / 2
        counts = np.maximum(np.ceil((high - low) / SPAN), 1).astype(int) + 1
        axes = [np.linspace(a, b, n) for a, b, n in zip(low, high, counts, strict=True)]
        self._centers = np.stack([m.ravel() for m in np.meshgrid(*axes)], 1)
        values, vectors = np.linalg.eigh(_kernel(self._centers, self._centers))
        kept = values > 2e-3 * values.max()
        self._whitened = vectors[:, kept] / np.sqrt(values[kept])
        self._points, self._knots = self._basis(points), self._basis(knot_points())
        self._count = self._points.shape[1]

    def fit(self, measured: Float, information: Float, rounds: int = 3) -> Fit:
        """Fit displacements.

        Args:
            measured: ``(N, 2)`` displacements.
            information: ``(N, 2, 2)`` inverse covariance of them, per chart pixel²; zero where
                nothing was measured. On an edge it is large across and small along it.
            rounds: of weighing measurements by how far they agree with the rest.
        """
        softened = _softened(information)
        trust = np.ones(len(measured))
        prior = np.eye(2 * self._count)
        for turn in range(rounds):
            precision, weights = self._solve(measured, softened * trust[:, None, None], prior)
            rest = measured - self._points @ weights
            error = np.einsum("ni,nij,nj->n", rest, softened, rest)
            trust = 1 / (1 + error / (2 * KEPT)) ** 2
            if turn == 0:
                prior = self._directed(weights)
        own = _own(rest, information * trust[:, None, None])
        return Fit(
            self._points @ weights + own, self._knots @ weights, self._deviation(precision), trust
        )

    def _basis(self, points: Float) -> Float:
        """``(N, B)`` functions whose weights have variance 1: three of an affine map, and bends."""
        offset = (points - (SIDE - 1) / 2) / (EAR / 2) * TURN
        flat = np.column_stack([np.full(len(points), SHIFT), offset])
        return np.hstack([flat, BEND * _kernel(points, self._centers) @ self._whitened])

    def _solve(self, measured: Float, information: Float, prior: Float) -> tuple[Float, Float]:
        """Precision ``(2B, 2B)`` and mean ``(B, 2)`` of the weights, given measurements."""
        basis, count = self._points, self._count
        precision = prior.copy()
        for i in range(2):
            for j in range(2):
                part = np.s_[i * count : (i + 1) * count, j * count : (j + 1) * count]
                precision[part] += basis.T @ (information[:, i, j, None] * basis)
        pull = np.einsum("nij,nj->ni", information, measured)
        found = np.linalg.solve(precision, (basis.T @ pull).T.ravel())
        return precision, found.reshape(2, count).T

    def _directed(self, weights: Float) -> Float:
        """A prior whose bends go along the main direction of those that were found."""
        count = self._count
        bends = self._points[:, 3:] @ weights[3:]
        _, axes = np.linalg.eigh(bends.T @ bends)
        precision = axes @ np.diag([ACROSS**-2, 1.0]) @ axes.T
        prior = np.eye(2 * count)
        at = np.arange(3, count)
        for i in range(2):
            for j in range(2):
                prior[i * count + at, j * count + at] = precision[i, j]
        return prior

    def _deviation(self, precision: Float) -> Float:
        covariance, count = np.linalg.inv(precision), self._count
        both = covariance[:count, :count] + covariance[count:, count:]
        variance = ((self._points @ both) * self._points).sum(1) / 2
        return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float64)


def _softened(information: Float) -> Float:
    """The information that is left when points also move by themselves."""
    return np.asarray(np.linalg.solve(np.eye(2) + FREE**2 * information, information), np.float64)


def _own(rest: Float, information: Float) -> Float:
    """What points move by themselves, given what is left of their measurements."""
    pull = np.einsum("nij,nj->ni", information, rest)
    own = np.linalg.solve(information + np.eye(2) / FREE**2, pull[..., None])[..., 0]
    return np.asarray(own, np.float64)


def _kernel(a: Float, b: Float) -> Float:
    distance = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-distance / (2 * REACH**2)), np.float64)
