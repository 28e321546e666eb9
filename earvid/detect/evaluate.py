"""How well a detector finds the ears of photos with masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.detect.detector import MIN_CONFIDENCE, Box, Detection, EarDetector, overlaps

HIT = 0.5  # IoU from which a box counts as found
_BINS = 10


@dataclass(frozen=True)
class DetectionScores:
    """Scores over a set of photos.

    Detections below :data:`~earvid.detect.detector.MIN_CONFIDENCE`, which nobody gets to see, do
    not count, unless recall and precision are asked for below it.

    Args:
        ears: true ears.
        recall: share of them found with at least the given confidence.
        precision: share of such detections that are ears.
        average_precision: area under the precision-recall curve over all detections that count
            (AP50).
        box_iou: mean IoU of the found boxes.
        calibration_error: mean distance of confidence from the share of hits, over ten bins
            (expected calibration error).
    """

    ears: int
    recall: float
    precision: float
    average_precision: float
    box_iou: float
    calibration_error: float

    def sentence(self) -> str:
        """The scores on one line."""
        return (
            f"{self.ears} ears: recall {self.recall:.3f}, precision {self.precision:.3f}, "
            f"AP50 {self.average_precision:.3f}, box IoU {self.box_iou:.3f}, "
            f"calibration error {self.calibration_error:.3f}"
        )


@dataclass(frozen=True)
class Judged:
    """One detection against the truth.

    Args:
        confidence: of the detection.
        iou: with the ear that it hits, 0 where it hits none.
    """

    confidence: float
    iou: float


def judge(found: Sequence[Detection], truth: Sequence[Box]) -> list[Judged]:
    """Match detections to true boxes, most confident first; an ear is found once."""
    iou = overlaps([d.box for d in found], truth)
    judged, taken = [], np.zeros(len(truth), bool)
    for k, detection in enumerate(found):
        free = np.where(taken, 0, iou[k]) if len(truth) else np.zeros(1)
        best = int(np.argmax(free))
        hit = free[best] >= HIT
        if hit:
            taken[best] = True
        judged.append(Judged(detection.confidence, float(free[best]) if hit else 0.0))
    return judged


def score_detector(
    detector: EarDetector,
    photos: Iterable[tuple[NDArray[np.uint8], Sequence[Box]]],
    confidence: float = 0.5,
) -> DetectionScores:
    """Look at photos and compare with the truth.

    Args:
        detector: the detector.
        photos: ``(H, W, 3)`` uint8 RGB images, each with the boxes of all its ears.
        confidence: from which a detection counts for recall and precision.
    """
    least = min(confidence, MIN_CONFIDENCE)
    judged: list[Judged] = []
    ears = 0
    for image, boxes in photos:
        judged += judge(detector.detect(image, min_confidence=least), boxes)
        ears += len(boxes)
    return summarize(judged, ears, confidence)


def summarize(judged: Sequence[Judged], ears: int, confidence: float) -> DetectionScores:
    """Turn judged detections of all photos into scores."""
    sure = [j for j in judged if j.confidence >= confidence]
    hits = [j.iou for j in sure if j.iou > 0]
    return DetectionScores(
        ears=ears,
        recall=len(hits) / max(1, ears),
        precision=len(hits) / max(1, len(sure)),
        average_precision=_average_precision(judged, ears),
        box_iou=float(np.mean(hits)) if hits else 0.0,
        calibration_error=_calibration_error(judged),
    )


def _average_precision(judged: Sequence[Judged], ears: int) -> float:
    ordered = sorted(judged, key=lambda j: -j.confidence)
    hits = np.cumsum([j.iou > 0 for j in ordered])
    if not len(hits) or not ears:
        return 0.0
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], hits / ears]))
    return float((envelope * steps).sum())


def _calibration_error(judged: Sequence[Judged]) -> float:
    if not judged:
        return 0.0
    confidence = np.array([j.confidence for j in judged])
    hit = np.array([j.iou > 0 for j in judged])
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for b in np.unique(place):
        inside = place == b
        error += inside.mean() * abs(confidence[inside].mean() - hit[inside].mean())
    return float(error)
