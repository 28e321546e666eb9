"""Prompts as people give them: loose boxes, a click or two, a drawn mask."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAX_POINTS = 5  # two box corners and three clicks
PADDING = -1  # SAM's label for "no point"


def sample_points(
    rng: np.random.Generator, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Draw a box or clicks for a mask, as SAM point prompts.

    Args:
        rng: the source of randomness.
        mask: ``(S, S)`` bool, not empty.

    Returns:
        coordinates ``(5, 2)`` float32, crop pixels, and labels ``(5,)`` int32: 2 and 3 are a box's
        corners, 1 ear, 0 background, -1 padding.
    """
    coords: list[tuple[float, float]] = []
    labels: list[int] = []
    if rng.random() < 0.7:
        coords, labels = _loose_box(rng, mask)
        clicks = int(rng.random() < 0.15)
    else:
        clicks = int(rng.integers(1, 4))
    for k in range(clicks):
        # The first click means the ear; later ones sometimes say what it is not.
        ear = (k == 0 and not coords) or rng.random() < 0.7
        coords.append(_inside(rng, mask) if ear else _near(rng, mask))
        labels.append(int(ear))
    pad = MAX_POINTS - len(coords)
    return (
        np.array(coords + [(0.0, 0.0)] * pad, np.float32),
        np.array(labels + [PADDING] * pad, np.int32),
    )


def _loose_box(
    rng: np.random.Generator, mask: NDArray[np.bool_]
) -> tuple[list[tuple[float, float]], list[int]]:
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    spread = rng.choice([0.02, 0.06, 0.10])
    jitter = np.clip(rng.normal(0, spread, 4), -0.2, 0.2) * (w, h, w, h)
    # People rather draw a box around an ear than through it.
    jitter += np.array([-1, -1, 1, 1]) * abs(rng.normal(0, 0.03)) * max(w, h)
    box = np.array([x, y, x + w - 1, y + h - 1]) + jitter
    side = mask.shape[0]
    box = np.clip(box, 0, side - 1)
    return [(box[0], box[1]), (box[2], box[3])], [2, 3]


def _inside(rng: np.random.Generator, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """A point of the ear, rather in its middle than on its rim."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    ys, xs = np.nonzero(depth >= depth.max() * rng.uniform(0.15, 0.8))
    i = rng.integers(len(xs))
    return float(xs[i]), float(ys[i])


def _near(rng: np.random.Generator, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """A point of the background, most often close to the ear."""
    reach = int(rng.choice([15, 41, 91]))
    around = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    ys, xs = np.nonzero(around & ~mask)
    if len(xs) == 0:
        return _inside(rng, mask)
    i = rng.integers(len(xs))
    return float(xs[i]), float(ys[i])


def to_point_inputs(coords: NDArray[np.float32], labels: NDArray[np.int32]) -> dict[str, Tensor]:
    """Pack ``(B, P, 2)`` and ``(B, P)`` arrays as SAM 2's ``point_inputs``."""
    return {"point_coords": torch.from_numpy(coords), "point_labels": torch.from_numpy(labels)}
