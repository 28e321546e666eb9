"""Make the confidences of a trained model mean what they say, on photos it did not learn from.

Platt scaling: each confidence's logit is stretched and shifted so that promises match outcomes.
Both heads end in a linear layer, which takes the change up; the architecture stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.train.clips import ClipMaker
from earvid.train.step import collate, predict_clips

BATCH = 4


@dataclass(frozen=True)
class Calibration:
    """What was done to the two heads: ``new logit = stretch * logit + shift``."""

    score_stretch: float
    score_shift: float
    presence_stretch: float
    presence_shift: float


def calibrate(model: SAM2Base, maker: ClipMaker, count: int = 80) -> Calibration:
    """Calibrate predicted IoU and presence of ``model``, in place.

    Args:
        model: a model with sigmoid predicted IoUs and presence, in evaluation mode.
        maker: makes clips from photos that the model did not learn from.
        count: how many clips to judge by.

    Returns:
        The changes.
    """
    presence, present, score, iou = _collect(model, maker, count)
    a, b = _platt(presence, present)
    here = present > 0
    c, d = _platt(torch.logit(score[here].clamp(1e-4, 1 - 1e-4)), iou[here])
    found = Calibration(c, d, a, b)
    apply_calibration(model, found)
    return found


def apply_calibration(model: SAM2Base, calibration: Calibration) -> None:
    """Do to an uncalibrated model, in place, what :func:`calibrate` did to its twin."""
    c, decoder = calibration, model.sam_mask_decoder
    _rescale(decoder.pred_obj_score_head.layers[-1], c.presence_stretch, c.presence_shift)
    _rescale(decoder.iou_prediction_head.layers[-1], c.score_stretch, c.score_shift)


def _collect(
    model: SAM2Base, maker: ClipMaker, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Presence logits and truths, predicted and true IoUs, of all frames of the clips."""
    columns: list[tuple[np.ndarray, ...]] = []
    for start in range(0, count, BATCH):
        clips = [maker.clip(10_000 + i) for i in range(start, min(start + BATCH, count))]
        batch = collate(clips, np.random.default_rng(start), mask_share=0.0)
        masks, scores, logits = predict_clips(model, batch)
        truth = batch.masks[:, :, 0].numpy()
        union = np.maximum((masks | truth).sum((-2, -1)), 1)
        ious = (masks & truth).sum((-2, -1)) / union
        columns.append((logits, batch.present.numpy(), scores, ious))
    parts = (np.concatenate([c[k].ravel() for c in columns]) for k in range(4))
    presence, present, score, iou = (torch.from_numpy(p.astype(np.float64)) for p in parts)
    return presence, present, score, iou


def _platt(logits: Tensor, outcomes: Tensor) -> tuple[float, float]:
    """Stretch and shift of logits that make outcomes (0..1) most likely, by cross-entropy."""
    change = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([change], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(change[0] * logits + change[1], outcomes)
        # A weak pull to "as it is", for a few clips without any absent ear.
        loss = loss + 1e-3 * ((change[0] - 1) ** 2 + change[1] ** 2)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    stretch, shift = change.detach().tolist()
    return max(stretch, 0.05), shift


@torch.no_grad()
def _rescale(layer: nn.Linear, stretch: float, shift: float) -> None:
    layer.weight.mul_(stretch)
    layer.bias.mul_(stretch).add_(shift)
