"""Targets and losses of the ear detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from earvid.detect.network import STRIDE, Maps
from earvid.train.detector_photos import RIGHT, UNKNOWN
from earvid.train.detector_scenes import Scene

_SPREAD = 0.13  # deviation of a heat spot, in sides of the ear's box
_NEAR_CENTER = 0.6  # heat from which a cell must know the box and the side


@dataclass(frozen=True, eq=False)
class Targets:
    """What the network should say about a batch of scenes, per cell.

    Args:
        heat: ``(B, h, w)`` 0 to 1, 1 in the cell of an ear's center.
        weight: ``(B, h, w)`` 0 where nothing can be said.
        boxes: ``(B, 4, h, w)`` the ear whose center is near.
        near: ``(B, h, w)`` weight of the box, 0 away from centers.
        sides: ``(B, h, w)`` int64.
    """

    heat: Tensor
    weight: Tensor
    boxes: Tensor
    near: Tensor
    sides: Tensor


def make_targets(scenes: Sequence[Scene]) -> Targets:
    """Draw the targets of scenes of one size."""
    cells = scenes[0].image.shape[0] // STRIDE
    shape = (len(scenes), cells, cells)
    heat, weight, near = np.zeros(shape), np.ones(shape), np.zeros(shape)
    boxes, sides = np.zeros((len(scenes), 4, cells, cells)), np.full(shape, UNKNOWN)
    centers = np.arange(cells) * STRIDE + (STRIDE - 1) / 2
    for b, scene in enumerate(scenes):
        for x0, y0, x1, y1 in scene.doubtful:
            across = (centers > x0 - STRIDE) & (centers < x1 + STRIDE)
            down = (centers > y0 - STRIDE) & (centers < y1 + STRIDE)
            weight[b][np.ix_(down, across)] = 0
        for box, side in zip(scene.boxes, scene.sides, strict=True):
            spot = _spot(box, centers)
            mine = spot > heat[b]
            heat[b] = np.maximum(heat[b], spot)
            close = mine & (spot >= _NEAR_CENTER)
            near[b][close] = spot[close]
            boxes[b][:, close] = np.asarray(box)[:, None]
            sides[b][close] = side
    weight[heat == 1] = 1
    return Targets(
        heat=torch.from_numpy(heat).float(),
        weight=torch.from_numpy(weight).float(),
        boxes=torch.from_numpy(boxes).float(),
        near=torch.from_numpy(near).float(),
        sides=torch.from_numpy(sides),
    )


def _spot(box: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """A Gaussian around the box's center, exactly 1 in the nearest cell."""
    x0, y0, x1, y1 = box
    spread_x = max(_SPREAD * (x1 - x0), 0.4 * STRIDE)
    spread_y = max(_SPREAD * (y1 - y0), 0.4 * STRIDE)
    nearest = [centers[np.abs(centers - mid).argmin()] for mid in ((x0 + x1) / 2, (y0 + y1) / 2)]
    across = np.exp(-(((centers - nearest[0]) / spread_x) ** 2) / 2)
    down = np.exp(-(((centers - nearest[1]) / spread_y) ** 2) / 2)
    return np.outer(down, across)


def cell_boxes(reach: Tensor) -> Tensor:
    """Turn the ``(B, 4, h, w)`` distances of :class:`Maps` into boxes of that shape."""
    rows, columns = reach.shape[-2:]
    y = torch.arange(rows, device=reach.device) * STRIDE + (STRIDE - 1) / 2
    x = torch.arange(columns, device=reach.device) * STRIDE + (STRIDE - 1) / 2
    left, top, right, bottom = reach.unbind(1)
    return torch.stack([x - left, y[:, None] - top, x + right, y[:, None] + bottom], 1)


def detector_loss(maps: Maps, targets: Targets) -> dict[str, Tensor]:
    """Losses of heat, box and side, and their ``total``; all are scalars."""
    ears = (targets.heat == 1).sum().clamp(min=1)
    heat = _focal(maps.heat, targets) / ears
    near = targets.near > 0
    if bool(near.any()):
        found = cell_boxes(maps.reach).permute(0, 2, 3, 1)[near]
        truth = targets.boxes.permute(0, 2, 3, 1)[near]
        worth = targets.near[near]
        box = (generalized_box_iou_loss(found, truth) * worth).sum() / worth.sum()
    else:
        box = maps.reach.sum() * 0
    known = near & (targets.sides != UNKNOWN)
    if bool(known.any()):
        right = (targets.sides[known] == RIGHT).float()
        side = F.binary_cross_entropy_with_logits(maps.facing[known], right)
    else:
        side = maps.facing.sum() * 0
    return {"total": heat + 2 * box + 0.5 * side, "heat": heat, "box": box, "side": side}


def _focal(logits: Tensor, targets: Targets) -> Tensor:
    """The penalty-reduced focal loss of CornerNet (Law and Deng 2018), summed."""
    p = logits.sigmoid()
    center = targets.heat == 1
    miss = -F.logsigmoid(logits) * (1 - p) ** 2
    false = -F.logsigmoid(-logits) * p**2 * (1 - targets.heat) ** 4
    return (torch.where(center, miss, false) * targets.weight).sum()
