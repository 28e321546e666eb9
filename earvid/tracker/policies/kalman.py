"""A Kalman filter of a box that moves at constant velocity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.tracker.memory import Box

Vector = NDArray[np.float64]

POSITION, VELOCITY = 1 / 20, 1 / 160  # noise per frame, in heights of the box
_STEP = np.eye(8) + np.eye(8, k=4)


@dataclass(frozen=True, eq=False)
class BoxMotion:
    """Where a box is believed to be, and how it moves.

    The state is center x, center y, width over height, height, and how each of them changes per
    frame; all in source-frame pixels.

    Source: Wojke et al. 2017, "Simple Online and Realtime Tracking with a Deep Association Metric"
    (DeepSORT), whose noise model SAMURAI takes over.

    Args:
        mean: ``(8,)`` the state.
        covariance: ``(8, 8)`` its uncertainty.
    """

    mean: Vector
    covariance: Vector

    @classmethod
    def start(cls, box: Box) -> BoxMotion:
        """Begin at a box that is taken to be at rest."""
        seen = _measured(box)
        std = _std(seen[3], 2 * POSITION, 1e-2, 10 * VELOCITY, 1e-5)
        return cls(np.concatenate([seen, np.zeros(4)]), np.diag(std**2))

    def predict(self) -> BoxMotion:
        """One frame later."""
        noise = np.diag(_std(self.mean[3], POSITION, 1e-2, VELOCITY, 1e-5) ** 2)
        return BoxMotion(_STEP @ self.mean, _STEP @ self.covariance @ _STEP.T + noise)

    def update(self, box: Box) -> BoxMotion:
        """Having seen the box of the frame that was predicted."""
        noise = np.diag(_std(self.mean[3], POSITION, 1e-1, VELOCITY, 1e-5)[:4] ** 2)
        seen = self.covariance[:4, :4] + noise
        gain = np.linalg.solve(seen, self.covariance[:4]).T
        mean = self.mean + gain @ (_measured(box) - self.mean[:4])
        return BoxMotion(mean, self.covariance - gain @ seen @ gain.T)

    def box(self) -> Box:
        """The box of the state, outer edges."""
        x, y, shape, height = (float(v) for v in self.mean[:4])
        width = shape * height
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _measured(box: Box) -> Vector:
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / (y1 - y0), y1 - y0])


def _std(height: float, place: float, shape: float, speed: float, shape_speed: float) -> Vector:
    p, v = place * height, speed * height
    return np.array([p, p, shape, p, v, v, shape_speed, v])
