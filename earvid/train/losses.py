"""Losses of mask, predicted IoU and presence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss."""

    dice: float = 1.0
    cross_entropy: float = 1.0
    iou: float = 0.5
    presence: float = 0.5


@dataclass(frozen=True, eq=False)
class FrameLoss:
    """Loss of one frame of a batch, and the IoU reached.

    Args:
        total: scalar, with gradient.
        iou: ``(B,)`` IoU of the raw mask with the truth, no gradient; NaN where there is no ear.
        presence: scalar share of right presence decisions.
    """

    total: Tensor
    iou: Tensor
    presence: Tensor


def frame_loss(
    logits: Tensor,
    iou_pred: Tensor,
    presence_logit: Tensor,
    truth: Tensor,
    present: Tensor,
    weights: LossWeights,
) -> FrameLoss:
    """Compare one frame's raw decoder outputs with the truth.

    Args:
        logits: ``(B, 1, h, w)`` raw mask logits, before any gating by presence.
        iou_pred: ``(B, 1)`` predicted IoU, 0..1.
        presence_logit: ``(B, 1)`` object-score logits.
        truth: ``(B, 1, S, S)`` float 0/1.
        present: ``(B,)`` bool.
        weights: how much each part counts.

    Returns:
        The loss; masks count only where the ear is present, as in SAM 2's training.
    """
    logits = F.interpolate(logits, truth.shape[-2:], mode="bilinear", align_corners=False)
    here = present.float()
    count = here.sum().clamp(min=1)
    mask = weights.dice * _dice(logits, truth) + weights.cross_entropy * _balanced_bce(
        logits, truth
    )
    iou = _iou(logits.detach(), truth)
    quality = (iou_pred[:, 0] - iou).abs()
    seen = F.binary_cross_entropy_with_logits(presence_logit[:, 0], here)
    total = (
        (mask * here).sum() / count
        + weights.iou * (quality * here).sum() / count
        + weights.presence * seen
    )
    right = ((presence_logit[:, 0] > 0) == present).float().mean()
    return FrameLoss(total, torch.where(present, iou, torch.nan), right.detach())


def _dice(logits: Tensor, truth: Tensor) -> Tensor:
    p = logits.sigmoid()
    overlap = (p * truth).sum((1, 2, 3))
    return 1 - (2 * overlap + 1) / (p.sum((1, 2, 3)) + truth.sum((1, 2, 3)) + 1)


def _balanced_bce(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy over the pixels, relative to the ear's size, so that small ears count too."""
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum((1, 2, 3))
    area = truth.sum((1, 2, 3))
    floor = 0.02 * truth[0].numel()
    return loss / (2 * area).clamp(min=floor)


def _iou(logits: Tensor, truth: Tensor) -> Tensor:
    p, t = logits > 0, truth > 0.5
    union = (p | t).sum((1, 2, 3))
    return torch.where(union > 0, (p & t).sum((1, 2, 3)) / union.clamp(min=1), 1.0)
