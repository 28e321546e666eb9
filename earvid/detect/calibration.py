"""Turning a detector's raw scores into probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from numpy.typing import NDArray

from earvid.detect.detector import Box, EarDetector
from earvid.detect.evaluate import judge

_FLOOR = 0.003  # raw confidence below which nothing is worth a look
_STEPS = 60


def fit_confidence(
    detector: EarDetector, photos: Iterable[tuple[NDArray[np.uint8], Sequence[Box]]]
) -> EarDetector | None:
    """Fit the confidence to the share of hits on photos kept out of training (Platt 1999).

    Args:
        detector: whatever its calibration was.
        photos: images, each with the boxes of all its ears.

    Returns:
        The same network with a new ``slope`` and ``offset``; None if what it finds on the photos
        is not both hits and false alarms, between which a confidence could tell.
    """
    raw = recalibrated(detector, 1.0, 0.0)
    judged = [
        j for image, boxes in photos for j in judge(raw.detect(image, min_confidence=_FLOOR), boxes)
    ]
    hits = sum(j.iou > 0 for j in judged)
    if not 0 < hits < len(judged):
        return None
    p = torch.tensor([j.confidence for j in judged], dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
    # Platt's targets keep a fit on few photos from certainty.
    high, low = (hits + 1) / (hits + 2), 1 / (len(judged) - hits + 2)
    truth = torch.tensor([high if j.iou > 0 else low for j in judged], dtype=torch.float64)
    return recalibrated(detector, *_logistic(torch.logit(p), truth))


def _logistic(x: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(weights[0] * x + weights[1], truth)
        value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    slope, offset = weights.tolist()
    return max(slope, 0.05), offset


def recalibrated(detector: EarDetector, slope: float, offset: float) -> EarDetector:
    """The same weights, read with another ``slope`` and ``offset``."""
    config = replace(detector.config, slope=slope, offset=offset)
    return EarDetector(detector.network, detector.sha256, config)
