"""Targets and losses of the landmark network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor

from earvid.landmarks.guess.contours import tangents
from earvid.landmarks.guess.network import STRIDE, Heat, cells, moments
from earvid.train.landmark_crops import TrainingCrop

# Deviations of a heat spot, pixels: annotators differ more along a contour than across it.
ALONG, ACROSS = 5.5, 3.5
_ALONG_SHARE = 0.6  # of an error along the contour, beside one across
_WEIGHTS = {"heat": 1.0, "place": 0.6, "empty": 0.15, "facing": 0.3}


class Targets(NamedTuple):
    """What the network should say about a batch of crops.

    Args:
        heat: ``(B, 55, cells)`` shares of the cells, each sums to 1.
        points: ``(B, 55, 2)`` crop pixels.
        unit: ``(B, 55, 2)`` directions along the contours.
        weight: ``(B, 55)``; 0 in crops without an ear.
        empty: ``(B,)`` 1 for crops without an ear.
        facing: ``(B,)`` 1 right, 0 left, -1 unknown.
    """

    heat: Tensor
    points: Tensor
    unit: Tensor
    weight: Tensor
    empty: Tensor
    facing: Tensor


def make_targets(crops: Sequence[TrainingCrop]) -> Targets:
    """Targets of crops, which are all of one size."""
    side = crops[0].image.shape[0]
    points = torch.from_numpy(np.stack([c.points for c in crops]))
    unit = torch.from_numpy(
        np.stack([tangents(c.points.astype(float)) for c in crops]).astype(np.float32)
    )
    empty = torch.tensor([not c.ear for c in crops])
    heat = _spots(points, unit, cells(side // STRIDE, side // STRIDE))
    heat[empty] = 1 / heat.shape[-1]
    weight = torch.from_numpy(np.stack([c.weight for c in crops])) * ~empty[:, None]
    facing = torch.tensor([float(c.facing) for c in crops])
    return Targets(heat, points, unit, weight, empty.float(), facing)


def _spots(points: Tensor, unit: Tensor, place: Tensor) -> Tensor:
    off = place - points[:, :, None]
    along = (off * unit[:, :, None]).sum(-1)
    across = off[..., 0] * unit[:, :, None, 1] - off[..., 1] * unit[:, :, None, 0]
    return (-0.5 * ((along / ALONG) ** 2 + (across / ACROSS) ** 2)).softmax(-1)


def landmark_loss(heat: Heat, truth: Targets) -> dict[str, Tensor]:
    """Losses by name, and ``total``.

    The divergence of the maps from spots around the truth teaches them how uncertain a point is;
    the error of their means, split along and across the contour, makes them exact.
    """
    shares = heat.maps.flatten(2).log_softmax(-1)
    divergence = F.kl_div(shares, truth.heat, reduction="none").sum(-1)
    off = moments(heat.maps)[0] - truth.points
    along = (off * truth.unit).sum(-1)
    across = off[..., 0] * truth.unit[..., 1] - off[..., 1] * truth.unit[..., 0]
    place = (_robust(across) + _ALONG_SHARE * _robust(along)) / STRIDE
    known = truth.facing >= 0
    judged = truth.weight.sum().clamp(min=1.0)
    facing = F.binary_cross_entropy_with_logits(
        heat.facing, truth.facing.clamp(min=0), reduction="none"
    )
    losses = {
        "heat": (divergence * truth.weight).sum() / judged,
        "place": (place * truth.weight).sum() / judged,
        "empty": (divergence.mean(1) * truth.empty).mean(),
        "facing": (facing * known).mean(),
    }
    losses["total"] = torch.stack([_WEIGHTS[name] * x for name, x in losses.items()]).sum()
    return losses


def _robust(error: Tensor) -> Tensor:
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=1.0)
