"""Everything that is measured about a model: photos, clips, confidences, failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from earvid.detect import load_scout
from earvid.evaluate.accuracy import Judged, PhotoScore, judge_clips, judge_photos, segment_photo
from earvid.evaluate.calibration import Reliability, plot_reliability, reliability
from earvid.evaluate.scenes import SCENES, make_scenes
from earvid.train.geometry import ear_box
from earvid.train.stills import Still

LARGE_EAR = 200  # pixels; smaller ears would only be enlarged in the 480-pixel scenes
SIZES = (0, 40, 70, 150, 10_000)
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class ModelReport:
    """What was measured.

    Args:
        photos: scores of all ears, by photo folder.
        clips: judged frames, by scene.
        notes: sentences about how it was measured, where that is not as usual.
    """

    photos: dict[str, list[PhotoScore]]
    clips: dict[str, Judged]
    notes: tuple[str, ...] = ()

    @property
    def reliabilities(self) -> dict[str, Reliability]:
        """Reliability of predicted IoU and of presence over all clips."""
        judged = self.clips.values()
        shown = [j.present & j.seen for j in judged]
        return (
            {
                "score": reliability(
                    np.concatenate([j.score[w] for j, w in zip(judged, shown, strict=True)]),
                    np.concatenate([j.j[w] for j, w in zip(judged, shown, strict=True)]),
                ),
                "presence": reliability(
                    np.concatenate([j.presence for j in judged]),
                    np.concatenate([j.present.astype(float) for j in judged]),
                ),
            }
            if judged
            else {}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, rounded, for JSON and for printing."""
        return {
            "photos": {name: _photo_summary(scores) for name, scores in self.photos.items()},
            "clips": {kind: _clip_summary(judged) for kind, judged in self.clips.items()},
            "calibration": {
                title: {
                    "expected_calibration_error": _round(part.error),
                    "promised": [_round(x) for x in part.promised],
                    "seen": [_round(x) for x in part.seen],
                    "count": part.count.tolist(),
                }
                for title, part in self.reliabilities.items()
            },
            "notes": list(self.notes),
        }


def evaluate_model(
    model: SAM2Base,
    stills: Sequence[Still],
    *,
    clips: int = 12,
    seed: int = 9,
    progress: Progress = lambda _: None,
) -> ModelReport:
    """Measure a model on photos with masks, and on clips made from the close-ups among them.

    Without any close-up, clips are made from all photos, and the report says so.

    Args:
        model: the model, in evaluation mode.
        stills: photos that it did not learn from.
        clips: clips per scene; 0 leaves them out.
        seed: of the clips.
        progress: receives a few words before each part.
    """
    folders = sorted({s.name.rsplit("/", 1)[0] for s in stills})
    photos = {}
    for folder in folders:
        progress(f"photos of {folder}")
        chosen = [s for s in stills if s.name.rsplit("/", 1)[0] == folder]
        photos[folder] = judge_photos(model, chosen)
    judged = {}
    chosen, notes = _close_ups(stills) if clips else ([], ())
    for note in notes:
        progress(note)
    scout = load_scout() if clips else None
    for kind in SCENES if clips else ():
        progress(f"{kind} clips")
        made = make_scenes(chosen, kind, clips, seed)
        judged[kind] = judge_clips(model, made, middle=kind == "clean", scout=scout)
    return ModelReport({k: v for k, v in photos.items() if v}, judged, notes)


def write_report(
    report: ModelReport, model: SAM2Base, stills: Sequence[Still], folder: Path
) -> None:
    """Write ``reliability.png`` and ``worst.png``, the photos that went worst, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if report.clips:
        plot_reliability(report.reliabilities, folder / "reliability.png")
    ears = [score for scores in report.photos.values() for score in scores]
    worst = sorted(ears, key=lambda s: s.iou)[:12]
    by_name = {s.name: s for s in stills}
    tiles = [_tile(model, by_name[s.name], s) for s in worst]
    if tiles:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
        rows = [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]
        cv2.imwrite(str(folder / "worst.png"), np.vstack(rows)[..., ::-1])


def _close_ups(stills: Sequence[Still]) -> tuple[list[Still], tuple[str, ...]]:
    """Photos of large ears, or all photos, and a note where it had to be all."""
    large = [
        s for s in stills if max(np.ptp(np.reshape(ear_box(s.ears[0]), (2, 2)), 0)) >= LARGE_EAR
    ]
    if large:
        return large, ()
    return list(stills), (
        f"None of the photos is a close-up of an ear of at least {LARGE_EAR} pixels: clips are "
        "made from all photos, whose ears they enlarge, and their scores are no measure of clips "
        "that a camera recorded.",
    )


def _photo_summary(scores: list[PhotoScore]) -> dict[str, Any]:
    iou = np.array([s.iou for s in scores])
    size, light = np.array([s.size for s in scores]), np.array([s.brightness for s in scores])
    score = np.array([s.score for s in scores])
    cuts = np.quantile(light, [1 / 3, 2 / 3])
    tone = np.digitize(light, cuts)
    return {
        "ears": len(scores),
        "iou": _round(iou.mean()),
        "iou_median": _round(np.median(iou)),
        "score_error": _round(np.abs(score - iou).mean()),
        "by_longer_side": {
            f"{a} to {b} px" if b < SIZES[-1] else f"over {a} px": _group(
                iou, (size >= a) & (size < b)
            )
            for a, b in pairwise(SIZES)
            if ((size >= a) & (size < b)).any()
        },
        "by_brightness_of_the_ear": {
            name: _group(iou, tone == k) for k, name in enumerate(("dark", "middle", "light"))
        },
    }


def _group(values: NDArray[np.float64], where: NDArray[np.bool_]) -> dict[str, Any]:
    mean = values[where].mean() if where.any() else float("nan")
    return {"ears": int(where.sum()), "iou": _round(mean)}


def _clip_summary(judged: Judged) -> dict[str, Any]:
    return {
        "frames": len(judged.j),
        "j": _round(judged.j[judged.present].mean()),
        "f": _round(judged.f[judged.present].mean()),
        "j_and_f": _round(judged.j_and_f()),
        "j_and_f_after_return": _round(judged.j_and_f(judged.back)),
        "painted_without_ear": _round(judged.painted_anyway),
        "missed": _round(judged.missed),
    }


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _tile(model: SAM2Base, still: Still, score: PhotoScore, side: int = 300) -> NDArray[np.uint8]:
    """The ear of a photo with truth (green) and prediction (magenta)."""
    truth, painted = segment_photo(model, still, score.ear)
    image = still.image.copy()
    thick = max(1, round(score.size / 120))
    for mask, color in ((truth, (80, 220, 80)), (painted, (235, 60, 220))):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, contours, -1, color, thick)
    x0, y0, x1, y1 = ear_box(truth.astype(np.uint8))
    reach = max(x1 - x0, y1 - y0)
    top, left = max(0, int((y0 + y1) / 2 - reach)), max(0, int((x0 + x1) / 2 - reach))
    part = image[top : top + int(2 * reach) + 1, left : left + int(2 * reach) + 1]
    tile = np.ascontiguousarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA))
    said = f"{score.iou:.2f} ({score.score:.2f}) {still.name.rsplit('/', 1)[-1]}"
    cv2.putText(tile, said, (6, side - 8), 0, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, said, (6, side - 8), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)
