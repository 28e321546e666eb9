"""How well a model segments and tracks ears that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import EarvidError
from earvid.evaluate.metrics import boundary_f, iou
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import FrameResult, Scout, Session, label_frame
from earvid.tracker.results import Box, mask_box
from earvid.train.clips import TrainingClip
from earvid.train.stills import Still
from earvid.video import Frame

Bools = NDArray[np.bool_]
DEFAULT_POLICY = "fifo"
UNKNOWN_LENGTH = 1000  # SAM 2 scales time codes by the clip's length up to 16; photos have none


@dataclass(frozen=True, eq=False)
class Judged:
    """Frames of clips, judged; all arrays ``(N,)``, frame after frame.

    Args:
        j: region similarity with the truth.
        f: contour accuracy.
        visible: share of the ear in view.
        present: whether enough of it is in view to count.
        seen: whether the tracker says that it is.
        score: predicted IoU.
        presence: predicted probability that it is.
        back: frames on which the whole ear is in view again after it was covered or away.
    """

    j: NDArray[np.float64]
    f: NDArray[np.float64]
    visible: NDArray[np.float64]
    present: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    score: NDArray[np.float64]
    presence: NDArray[np.float64]
    back: NDArray[np.bool_]

    def j_and_f(self, where: NDArray[np.bool_] | None = None) -> float:
        """Mean J&F over the frames with an ear, or those of them that are asked for."""
        chosen = self.present if where is None else self.present & where
        return float((self.j[chosen] + self.f[chosen]).mean() / 2) if chosen.any() else float("nan")

    @property
    def painted_anyway(self) -> float:
        """Share of the frames without any ear on which one is painted; NaN without such frames."""
        empty = self.visible == 0
        return float(self.seen[empty].mean()) if empty.any() else float("nan")

    @property
    def missed(self) -> float:
        """Share of the frames with at least half an ear on which none is painted."""
        half = self.visible >= 0.5
        return float((~self.seen[half]).mean()) if half.any() else float("nan")


@dataclass(frozen=True)
class PhotoScore:
    """One ear of a photo, segmented from its exact box.

    Args:
        name: the photo.
        ear: number of the ear, largest first.
        size: longer side of the ear's box, pixels.
        iou: with the truth.
        score: predicted IoU.
        brightness: median gray value of the ear, 0..255.
    """

    name: str
    ear: int
    size: float
    iou: float
    score: float
    brightness: float


def judge_photos(model: SAM2Base, stills: Sequence[Still]) -> list[PhotoScore]:
    """Segment every ear of every photo from its exact box, as ``earvid track`` does a keyframe."""
    scores = []
    for still in stills:
        for number, ear in enumerate(still.ears):
            box = mask_box(ear > 0)
            if box is None or box[2] - box[0] < 2 or box[3] - box[1] < 2:
                continue
            painted, score = _segment(model, still.image, box)
            size = max(box[2] - box[0], box[3] - box[1]) + 1
            light = float(np.median(still.image[ear > 0].mean(1)))
            scores.append(PhotoScore(still.name, number, size, iou(painted, ear > 0), score, light))
    return scores


def segment_photo(model: SAM2Base, still: Still, ear: int) -> tuple[Bools, Bools]:
    """The true and the predicted mask ``(H, W)`` of ear number ``ear`` of a photo."""
    truth = still.ears[ear] > 0
    box = mask_box(truth)
    assert box is not None
    return truth, _segment(model, still.image, box)[0]


def _segment(model: SAM2Base, image: NDArray[np.uint8], box: Box) -> tuple[Bools, float]:
    height, width = image.shape[:2]
    session = Session(model, _prompt(box, 0), width, height, UNKNOWN_LENGTH)
    result = session.step(Frame(0, 0.0, image))
    painted = label_frame(result.objects.values(), width, height).labels > 0
    return painted, result.objects[1].score


def judge_clips(
    model: SAM2Base,
    clips: Sequence[TrainingClip],
    *,
    middle: bool = False,
    policy: str = DEFAULT_POLICY,
    scout: Scout | None = None,
) -> Judged:
    """Track clips from a box on one frame and judge all others.

    Args:
        model: the model.
        clips: with the ear in view on their first frame.
        middle: prompt the frame in the middle, if the ear is in view there, and track both ways.
        policy: of the memory bank.
        scout: recognizes ears and finds lost ones, as ``earvid track`` does; ``None`` to track by
            memory alone.

    Raises:
        EarvidError: there are no clips.
    """
    if not clips:
        raise EarvidError("None of the clips shows its whole ear at first, so none can be judged.")
    parts = [_judge(clip, *_tracked(model, clip, middle, policy, scout)) for clip in clips]
    return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _tracked(
    model: SAM2Base, clip: TrainingClip, middle: bool, policy: str, scout: Scout | None
) -> tuple[dict[int, FrameResult], int]:
    length, height, width = clip.masks.shape
    half = length // 2
    keyframe = half if middle and clip.present[half] else 0
    box = mask_box(clip.masks[keyframe])
    assert box is not None
    session = Session(
        model, _prompt(box, keyframe), width, height, length, policy=policy, scout=scout
    )
    frames = [Frame(t, float(t), image) for t, image in enumerate(clip.images)]
    results = {t: session.step(frames[t]) for t in range(keyframe, length)}
    back = session.backward()
    results.update({t: back.step(frames[t]) for t in reversed(range(keyframe))})
    return results, keyframe


def _judge(
    clip: TrainingClip, results: dict[int, FrameResult], keyframe: int
) -> tuple[NDArray[np.generic], ...]:
    length, height, width = clip.masks.shape
    frames = [t for t in range(length) if t != keyframe]
    ears = [results[t].objects[1] for t in frames]
    painted = [label_frame([e], width, height).labels > 0 for e in ears]
    pairs = [(p, clip.masks[t]) for p, t in zip(painted, frames, strict=True)]
    lowest = np.minimum.accumulate(clip.visible)
    return (
        np.array([iou(p, m) for p, m in pairs]),
        np.array([boundary_f(p, m) for p, m in pairs]),
        clip.visible[frames],
        clip.present[frames],
        np.array([p.any() for p in painted]),
        np.array([e.score for e in ears]),
        np.array([e.presence for e in ears]),
        ((lowest < 0.3) & (clip.visible > 0.9))[frames],
    )


def _prompt(box: Box, keyframe: int) -> Prompt:
    ear = ObjectPrompt(id=1, name="ear", frames={keyframe: FramePrompt(box=box)})
    return Prompt((ear,))
