"""How good a model is on synthetic clips from held-out photos, in numbers and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.step import Batch, collate, predict_clips
from earvid.train.stills import Still


@dataclass(frozen=True)
class ValidationReport:
    """Scores on held-out clips.

    Args:
        iou_by_frame: mean IoU of frames with an ear, by distance from the prompt.
        iou: mean over all those frames.
        false_presence: share of frames without an ear on which one is seen.
        missed: share of frames with an ear on which none is seen.
        score_error: mean distance of the predicted IoU from the true one.
    """

    iou_by_frame: tuple[float, ...]
    iou: float
    false_presence: float
    missed: float
    score_error: float

    def sentence(self) -> str:
        """The scores on one line."""
        by_frame = " ".join(f"{x:.3f}" for x in self.iou_by_frame)
        return (
            f"IoU {self.iou:.3f} ({by_frame})  false presence {self.false_presence:.3f}  "
            f"missed {self.missed:.3f}  score error {self.score_error:.3f}"
        )


def held_maker(stills: Sequence[Still], settings: ClipSettings, seed: int) -> ClipMaker:
    """Makes clips of eight frames, of ears alone, to judge a model by; always the same."""
    return ClipMaker(stills, replace(settings, length=8, shapes=0.0), seed=seed)


def validate(model: SAM2Base, maker: ClipMaker, count: int) -> ValidationReport:
    """Track ``count`` clips from point and box prompts and score every frame."""
    ious, here, seen, scores = [], [], [], []
    for start in range(0, count, 6):
        clips = [maker.clip(i) for i in range(start, min(start + 6, count))]
        batch = collate(clips, np.random.default_rng(start), mask_share=0.0)
        masks, score, logits = predict_clips(model, batch)
        presence = logits > 0
        truth = batch.masks[:, :, 0].numpy()
        ious.append(_iou(masks & presence[..., None, None], truth))
        here.append(batch.present.numpy())
        seen.append(presence)
        scores.append(score)
    iou, present = np.concatenate(ious, 1), np.concatenate(here, 1)
    found, score = np.concatenate(seen, 1), np.concatenate(scores, 1)
    masked = np.where(present, iou, np.nan)
    return ValidationReport(
        iou_by_frame=tuple(round(float(x), 4) for x in np.nanmean(masked, axis=1)),
        iou=float(np.nanmean(masked)),
        false_presence=_share(found & ~present, ~present),
        missed=_share(~found & present, present),
        score_error=float(np.nanmean(np.abs(np.where(present & found, score - iou, np.nan)))),
    )


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(part.sum() / max(1, whole.sum()))


def _iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    union = (a | b).sum((-2, -1))
    return np.where(union > 0, (a & b).sum((-2, -1)) / np.maximum(union, 1), 1.0)


def sample_sheet(model: SAM2Base, maker: ClipMaker, path: Path, rows: int = 10) -> None:
    """Draw clips with truth (green) and prediction (magenta), one clip a row, as a PNG."""
    clips = [maker.clip(1000 + i) for i in range(rows)]
    batch = collate(clips, np.random.default_rng(1000), mask_share=0.0)
    masks, _, logits = predict_clips(model, batch)
    sheet = [
        np.hstack(
            [_draw(clip, t, masks[t, b], bool(logits[t, b] > 0)) for t in range(len(clip.present))]
        )
        for b, clip in enumerate(clips)
    ]
    _add_prompts(sheet, batch)
    cv2.imwrite(str(path), np.vstack(sheet)[::2, ::2])


def _draw(clip: TrainingClip, t: int, mask: NDArray[np.bool_], seen: bool) -> NDArray[np.uint8]:
    image = np.ascontiguousarray(clip.images[t][..., ::-1])
    layers = [(clip.masks[t], (80, 220, 80))]
    if seen:
        layers.append((mask, (220, 60, 220)))
    for layer, color in layers:
        contours, _ = cv2.findContours(layer.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, contours, -1, color, 2)
    if not seen:
        cv2.putText(image, "not visible", (8, 28), 0, 0.8, (60, 60, 240), 2, cv2.LINE_AA)
    return image


def _add_prompts(sheet: list[NDArray[np.uint8]], batch: Batch) -> None:
    assert batch.points is not None
    coords, labels = batch.points["point_coords"].numpy(), batch.points["point_labels"].numpy()
    for row, xy, label in zip(sheet, coords, labels, strict=True):
        points = np.round(xy).astype(int)
        if 2 in label:
            cv2.rectangle(row, points[0].tolist(), points[1].tolist(), (0, 220, 255), 2)
        for point, kind in zip(points, label, strict=True):
            if kind in (0, 1):
                color = (255, 160, 0) if kind else (0, 0, 255)
                cv2.circle(row, point.tolist(), 5, color, -1)
