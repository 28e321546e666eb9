"""What ears look like as 55 points: a point distribution model (Cootes et al. 1995)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.guess.crops import similarity

Float = NDArray[np.float64]
_ROUNDS = 3
_UNSEEN = 0.014  # deviation, in diagonals, in ways that the people learned from do not show


@dataclass(frozen=True, eq=False)
class ShapePrior:
    """The mean ear, the ways in which ears differ, and how much.

    Args:
        mean: ``(55, 2)``, centered on 0, its box's diagonal 1.
        basis: ``(110, modes)``, orthonormal columns.
        variance: ``(modes,)`` of the modes, and ``(1,)`` at the end that of everything else.
    """

    mean: Float
    basis: Float
    variance: Float

    @property
    def covariance(self) -> Float:
        """``(110, 110)`` of the coordinates of an aligned ear."""
        modes = (self.basis * self.variance[:-1]) @ self.basis.T
        rest = max(float(self.variance[-1]), _UNSEEN**2)
        return np.asarray(modes + rest * np.eye(len(self.basis)))

    def refine(self, points: Float, noise: Float) -> Float:
        """The likeliest ear behind points that are uncertain.

        Args:
            points: ``(55, 2)``, any pixels.
            noise: ``(55, 2, 2)`` covariance of each, same pixels squared.

        Returns:
            ``(55, 2)`` points, same pixels.
        """
        prior = self.covariance
        weight = 1 / np.trace(noise, axis1=1, axis2=2)
        best = points
        for _ in range(_ROUNDS):
            linear, shift = similarity(best, self.mean, weight)
            seen = (points @ linear.T + shift - self.mean).ravel()
            gain = prior @ np.linalg.inv(prior + _blocks(linear @ noise @ linear.T))
            fitted = self.mean + (gain @ seen).reshape(-1, 2)
            back = np.linalg.inv(linear)
            best = (fitted - shift) @ back.T
        return best


def _blocks(small: Float) -> Float:
    """A block-diagonal matrix of ``(N, 2, 2)``."""
    count = len(small)
    whole = np.zeros((count, 2, count, 2))
    whole[np.arange(count), :, np.arange(count), :] = small
    return whole.reshape(2 * count, 2 * count)


def fit_shape(shapes: Sequence[Float], modes: int) -> ShapePrior:
    """Learn what ears look like from ``(55, 2)`` shapes of ears that all face one way."""
    mean = _centered(np.asarray(shapes[0], float))
    for _ in range(_ROUNDS):
        aligned = np.stack([_aligned(np.asarray(s, float), mean) for s in shapes])
        mean = _centered(aligned.mean(0))
    off = (aligned - aligned.mean(0)).reshape(len(shapes), -1)
    _, size, directions = np.linalg.svd(off, full_matrices=True)
    variance = np.zeros(off.shape[1])
    variance[: len(size)] = size**2 / max(1, len(shapes) - 1)
    rest = max(float(variance[modes:].sum()) / max(1, off.shape[1] - modes), 1e-6)
    return ShapePrior(mean, directions[:modes].T, np.append(variance[:modes] + rest, rest))


def _aligned(shape: Float, mean: Float) -> Float:
    linear, shift = similarity(shape, mean)
    moved: Float = shape @ linear.T + shift
    return moved


def _centered(shape: Float) -> Float:
    size = np.linalg.norm(np.ptp(shape, axis=0))
    middle = (shape.min(0) + shape.max(0)) / 2
    return np.asarray((shape - middle) / size)
