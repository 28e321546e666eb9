"""Landmarks for ears that only have masks: what the model itself finds there, if it fits the mask.

Self-training (Lee 2013): the mask judges which guesses are worth learning from, and corrects the
outer helix, which lies on its border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from earvid.landmarks.guess.contours import CONTOURS, diagonal
from earvid.landmarks.guess.model import LandmarkModel, Side
from earvid.train.geometry import ear_box
from earvid.train.landmark_photos import LandmarkPhoto, around_ear

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
_OFF = 0.035  # mean distance of the outer helix to the mask's border, in diagonals, at most
_SNAP = 0.05  # distance from which a point is not moved onto the border
_KEPT = 0.75  # share of fitting guesses that is used, the least doubtful
_WEIGHT, _SNAPPED = 0.4, 0.7  # of a guessed point, and of one that lies on the border
_PARTS = ("image", "points", "weight")
_SMALLEST = 36.0  # pixels of the diagonal of an ear that is worth guessing


@dataclass(frozen=True, eq=False)
class MaskedEar:
    """An ear without landmarks.

    Args:
        name: of the photo.
        image: ``(H, W, 3)`` uint8 RGB.
        mask: ``(H, W)`` uint8, 0 or 255.
        side: whose ear it is, if it is known.
    """

    name: str
    image: Image
    mask: Image
    side: Side | None


def pseudo_photos(model: LandmarkModel, ears: Sequence[MaskedEar]) -> list[LandmarkPhoto]:
    """Ears on which the model's guess fits the mask, with the guess as landmarks."""
    found = []
    for ear in ears:
        x0, y0, x1, y1 = box = ear_box(ear.mask)
        if np.hypot(x1 - x0, y1 - y0) < _SMALLEST:
            continue
        look, mirrored = model.look(ear.image, box, ear.side)
        points = look.points * [-1, 1] + [ear.image.shape[1] - 1, 0] if mirrored else look.points
        snapped, weight, off = _onto_border(points, ear.mask)
        if off <= _OFF:
            found.append((look.overall, around_ear(ear.name, ear.image, snapped, weight)))
    found.sort(key=lambda item: item[0])
    return [photo for _, photo in found[: round(_KEPT * len(found))]]


def _onto_border(points: Float, mask: Image) -> tuple[Float, Float, float]:
    """Move the outer helix onto the mask's border; weights, and how far it was, in diagonals."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    border = np.concatenate(contours)[:, 0].astype(float)
    size = max(diagonal(points), 1.0)
    start, stop = CONTOURS["outer helix"]
    rim = np.arange(start + 1, stop - 1)  # the ends run onto the cheek
    gap = np.linalg.norm(points[rim, None] - border, axis=2)
    nearest, away = border[gap.argmin(1)], gap.min(1) / size
    weight = np.full(len(points), _WEIGHT)
    moved = points.copy()
    near = away < _SNAP
    moved[rim[near]] = (points[rim] + nearest)[near] / 2
    weight[rim[near]] = _SNAPPED
    return moved, weight, float(away.mean())


def pack(photos: Sequence[LandmarkPhoto]) -> list[dict[str, Any]]:
    """Ears as plain values and tensors, which a checkpoint can hold."""
    return [
        {"name": p.name, **{k: torch.from_numpy(getattr(p, k)) for k in _PARTS}} for p in photos
    ]


def unpack(plain: Sequence[dict[str, Any]]) -> list[LandmarkPhoto]:
    """Ears as :func:`pack` stored them."""
    return [LandmarkPhoto(p["name"], *(p[k].numpy() for k in _PARTS)) for p in plain]
