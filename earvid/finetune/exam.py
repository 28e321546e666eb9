"""What a model is examined on: held-out ears, always the same, prompted by boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from earvid.finetune.crops import photo_clip, track_clip
from earvid.finetune.gather import Collection
from earvid.finetune.module import boxed, moved
from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.photos import LazyStill, PhotoCache
from earvid.train.step import predict_clips
from earvid.train.stills import Still

PHOTOS, TRACKS, SYNTHESIZED, LENGTH = 48, 8, 8, 6
BATCH = 4
SEED = 77

T = TypeVar("T")
Make = Callable[[], TrainingClip]


@dataclass(frozen=True)
class Marks:
    """How a model did; None where there was nothing of a kind.

    An ear that is not seen counts as an empty mask, for so the tracker would have it.

    Args:
        score: what early stopping goes by: the mean of ``photos`` and ``clips``.
        photos: mean IoU on photos, from a box.
        clips: mean IoU on all frames of clips with an ear, from a box on the first.
        missed: share of frames with an ear on which none is seen.
        false_presence: share of frames without an ear on which one is seen.
    """

    score: float
    photos: float | None
    clips: float | None
    missed: float | None
    false_presence: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Answer:
    """One clip with its truth, and what a model made of it.

    Args:
        clip: the question.
        masks: ``(T, S, S)`` bool; empty where no ear is seen.
        seen: ``(T,)`` bool.
    """

    clip: TrainingClip
    masks: NDArray[np.bool_]
    seen: NDArray[np.bool_]


class Exam:
    """A fixed set of crops; they are cut anew each time, so that they need no memory.

    Args:
        held: whose ears.
        is_video: ask about clips too.
        side: of the model's input.
        cache: keeps decoded photos.
    """

    def __init__(
        self, held: Collection, is_video: bool, side: int, cache: PhotoCache[Still]
    ) -> None:
        stills = [LazyStill(photo, side, cache) for photo in held.photos]
        self._photos: list[Make] = [
            partial(_first_ear, still, side) for still in spread(stills, PHOTOS)
        ]
        self._clips: list[Make] = []
        if is_video:
            tracks = spread(held.tracks, TRACKS)
            self._clips += [partial(track_clip, t, LENGTH, side, cache) for t in tracks]
            if stills:
                maker = ClipMaker(stills, ClipSettings(side=side, length=LENGTH, shapes=0.0), SEED)
                self._clips += [partial(maker.clip, i) for i in range(SYNTHESIZED)]

    def __bool__(self) -> bool:
        return bool(self._photos or self._clips)

    def take(self, model: SAM2Base, device: torch.device) -> Marks:
        """Examine a model; it is left in evaluation mode."""
        photos = list(answers(model, self._photos, device, summary=True))
        clips = list(answers(model, self._clips, device, summary=True))
        return marks(photos, clips)

    def samples(self, photos: int, clips: int) -> list[Make]:
        """Some of the questions, to look at."""
        return spread(self._photos, photos) + spread(self._clips, clips)


def _first_ear(still: LazyStill, side: int) -> TrainingClip:
    return photo_clip(still, 0, side)


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most ``count`` items, evenly chosen."""
    if len(items) <= count:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def answers(
    model: SAM2Base, questions: Sequence[Make], device: torch.device, *, summary: bool = False
) -> Iterator[Any]:
    """Examine a model question by question.

    Args:
        model: is put into evaluation mode.
        questions: make clips; neighbors of one length are asked together.
        device: of the model.
        summary: yield the numbers of :func:`_grade` instead of masks.

    Yields:
        one :class:`Answer`, or its grade, per question.
    """
    model.eval()
    for start in range(0, len(questions), BATCH):
        clips = [make() for make in questions[start : start + BATCH]]
        for length in sorted({len(clip.present) for clip in clips}):
            alike = [clip for clip in clips if len(clip.present) == length]
            batch = moved(boxed(alike, np.random.default_rng((SEED, start))), device)
            masks, _, presence = predict_clips(model, batch)
            for b, clip in enumerate(alike):
                seen = presence[:, b] > 0
                answer = Answer(clip, masks[:, b] & seen[:, None, None], seen)
                yield _grade(answer) if summary else answer


@dataclass(frozen=True, eq=False)
class _Grade:
    """IoU per frame, NaN where there is no ear, and where one was and was seen."""

    iou: NDArray[np.float64]
    present: NDArray[np.bool_]
    seen: NDArray[np.bool_]


def _grade(answer: Answer) -> _Grade:
    truth = answer.clip.masks
    both, either = (answer.masks & truth).sum((1, 2)), (answer.masks | truth).sum((1, 2))
    present = answer.clip.present
    return _Grade(np.where(present, both / np.maximum(either, 1), np.nan), present, answer.seen)


def marks(photos: Sequence[_Grade], clips: Sequence[_Grade]) -> Marks:
    """Sum grades up."""
    parts = [_mean_iou(grades) for grades in (photos, clips)]
    every = [*photos, *clips]
    present = np.concatenate([g.present for g in every])
    seen = np.concatenate([g.seen for g in every])
    return Marks(
        score=float(np.mean([p for p in parts if p is not None])),
        photos=parts[0],
        clips=parts[1],
        missed=_share(~seen[present]),
        false_presence=_share(seen[~present]),
    )


def _mean_iou(grades: Sequence[_Grade]) -> float | None:
    return float(np.nanmean(np.concatenate([g.iou for g in grades]))) if grades else None


def _share(flags: NDArray[np.bool_]) -> float | None:
    return float(flags.mean()) if len(flags) else None
