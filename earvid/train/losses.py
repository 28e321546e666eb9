"""Losses of mask, predicted IoU and presence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss.

    Args:
        dice: of the soft Dice loss of the mask.
        cross_entropy: of its cross-entropy per ear pixel.
        iou: of the error of the predicted IoU.
        presence: of the cross-entropy of presence.
        absent: how much more a frame without the ear counts in it, for such frames are few.
        alternatives: of the best of the decoder's further masks.
    """

    dice: float = 1.0
    cross_entropy: float = 1.0
    iou: float = 0.5
    presence: float = 1.0
    absent: float = 2.0
    alternatives: float = 0.25


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
        logits: ``(B, M, h, w)`` raw mask logits, before any gating by presence: the mask, and the
            decoder's alternatives to it if ``M`` > 1.
        iou_pred: ``(B, M)`` predicted IoU, 0..1.
        presence_logit: ``(B, 1)`` object-score logits.
        truth: ``(B, 1, S, S)`` float 0/1.
        present: ``(B,)`` bool.
        weights: how much each part counts.

    Returns:
        The loss; masks count only where the ear is present, as in SAM 2's training. Of the
        alternatives only the best one learns its mask, so that they come to differ.
    """
    here = present.float()
    count = here.sum().clamp(min=1)
    full = F.interpolate(logits[:, :1], truth.shape[-2:], mode="bilinear", align_corners=False)
    iou = _iou(full.detach(), truth)
    quality = _quality_loss(iou_pred[:, 0], iou)
    mask = _mask_loss(full, truth, weights) + weights.iou * quality
    if logits.shape[1] > 1 and weights.alternatives:
        mask = mask + weights.alternatives * _alternatives(logits, iou_pred, truth, weights)
    seen = F.binary_cross_entropy_with_logits(presence_logit[:, 0], here, reduction="none")
    weight = torch.where(present, 1.0, weights.absent)
    total = (mask * here).sum() / count + weights.presence * (weight * seen).sum() / weight.sum()
    right = ((presence_logit[:, 0] > 0) == present).float().mean()
    return FrameLoss(total, torch.where(present, iou, torch.nan), right.detach())


def _alternatives(logits: Tensor, iou_pred: Tensor, truth: Tensor, weights: LossWeights) -> Tensor:
    """Loss ``(B,)`` of the decoder's masks 1, 2 ... at their own, low resolution."""
    height, width = logits.shape[-2:]
    small = F.adaptive_avg_pool2d(truth, (height, width))
    each, quality = [], []
    for k in range(1, logits.shape[1]):
        mask = logits[:, k : k + 1]
        each.append(_mask_loss(mask, small, weights))
        quality.append(_quality_loss(iou_pred[:, k], _iou(mask.detach(), small)))
    return torch.stack(each).amin(0) + weights.iou * torch.stack(quality).mean(0)


def _quality_loss(predicted: Tensor, iou: Tensor) -> Tensor:
    """Absolute and squared error: robust, and yet right on average."""
    error = predicted - iou
    return error.abs() + 2 * error.square()


def _mask_loss(logits: Tensor, truth: Tensor, weights: LossWeights) -> Tensor:
    entropy = _balanced_bce(logits, truth)
    return weights.dice * _dice(logits, truth) + weights.cross_entropy * entropy


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
