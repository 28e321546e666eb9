"""Overlaps of boxes ``x0, y0, x1, y1`` given by their edges.

``torchvision.ops`` has the same, but importing it brings PyTorch's compiler along, which takes
seconds and 200 MB: too much for a handful of boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every box with every other.

    Args:
        boxes: ``(N, 4)``.
        others: ``(M, 4)``.

    Returns:
        ``(N, M)``; 0 for boxes without an area.
    """
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    joint = _areas(boxes)[:, None] + _areas(others)[None] - common
    return torch.where(common > 0, common / joint, 0.0)


def suppress(boxes: Tensor, scores: Tensor, most: float) -> Tensor:
    """Non-maximum suppression: leave out boxes that overlap a better one.

    Args:
        boxes: ``(N, 4)``.
        scores: ``(N,)``.
        most: IoU above which two boxes are of one thing.

    Returns:
        ``(K,)`` int64, which ones are kept, the best first.
    """
    order = scores.argsort(descending=True, stable=True)
    clashes = (iou(boxes, boxes) > most)[order][:, order].tolist()
    kept: list[int] = []
    for n, row in enumerate(clashes):
        if not any(row[k] for k in kept):
            kept.append(n)
    return order[kept]


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(-1)
