"""Clips with exact truth, made from still photos, in which an ear is covered or goes away."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.distractors import lay_over, sample_distractor
from earvid.train.geometry import Image
from earvid.train.motion import MotionRanges, smooth
from earvid.train.occluders import Occluder, cover, paint
from earvid.train.stills import Still

SIDE = 480
LENGTH = 24
SCENES = ("clean", "occluded", "away")

_MOTION = MotionRanges(zoom=(2.0, 4.5), shift=0.25, roll=0.2, yaw=0.25, rate=(0.02, 0.12))
_CALM = ClipSettings(
    side=SIDE,
    length=LENGTH,
    occluded=0.0,
    leaving=0.0,
    cut=0.0,
    covered=0.0,
    distracted=0.0,
    shapes=0.0,
    motion=_MOTION,
    borders=(cv2.BORDER_REPLICATE,),
)


def make_scenes(
    stills: Sequence[Still], kind: str, count: int, seed: int = 9
) -> list[TrainingClip]:
    """Make clips of 24 frames of 480×480 pixels.

    Args:
        stills: photos with masks; not those that a model learned from.
        kind: ``"clean"`` smooth motion, light and compression; ``"occluded"`` the same while
            something passes over the whole ear and goes on; ``"away"`` the ear is out of the
            picture, hidden, or replaced by another scene (with another's ear in half of the
            cases) for a third of the clip.
        count: how many.
        seed: of everything random.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind not in SCENES:
        raise ValueError(f"There is no scene {kind!r}; there are {', '.join(SCENES)}.")
    makers = {"clean": ClipMaker, "occluded": _Passing, "away": _Away}
    maker = makers[kind](stills, _CALM, seed)
    made: list[TrainingClip] = []
    index = 0
    while len(made) < count and index < 10 * count:
        clip = maker.clip(index)
        index += 1
        if clip.visible[0] > 0.9:
            made.append(clip)
    return made


class _Passing(ClipMaker):
    """Something large passes over the ear about the middle of the clip."""

    def stage(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
        still: Still,
        zoom: float,
    ) -> None:
        side, length = self.settings.side, len(images)
        angle = rng.uniform(0, 2 * np.pi)
        centers = np.stack([_center(m) for m in masks]) - (side - 1) / 2
        reach = 0.75 * side / zoom
        meet = rng.uniform(0.4, 0.6) * length
        along = (np.arange(length) - meet) * reach * rng.uniform(0.35, 0.7)
        path = centers + along[:, None] * np.array([np.cos(angle), np.sin(angle)])
        turn = np.rad2deg(smooth(rng, length, 0.3))
        texture = self.patch(rng)
        if rng.random() < 0.4:  # a plain sleeve or hand
            texture = np.broadcast_to(texture.mean((0, 1)), texture.shape).astype(np.uint8)
        occluder = Occluder(texture, _large_blob(rng, side, reach), path, turn)
        for t in range(length):
            images[t], masks[t] = paint(images[t], masks[t], occluder, t)


class _Away(ClipMaker):
    """For the middle third the ear is gone, in one of three ways."""

    def stage(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
        still: Still,
        zoom: float,
    ) -> None:
        gone = range(len(images) // 3, 2 * len(images) // 3)
        way = ("leave", "hide", "cut")[int(rng.integers(3))]
        direction = float(rng.uniform(0, 2 * np.pi))
        other = self._other(rng, still, zoom)
        for t in gone:
            if way == "leave":
                images[t] = _shifted(images[t], masks[t], direction)
            elif way == "hide":
                images[t] = cover(images[t], masks[t], direction)
            else:
                images[t] = other
            masks[t] = np.zeros_like(masks[t])

    def _other(self, rng: np.random.Generator, still: Still, zoom: float) -> Image:
        patch = self.patch(rng)
        another = self.draw_another(rng, still)
        if another is None or rng.random() < 0.5:
            return patch
        s = self.settings
        ear = sample_distractor(rng, another, 1, s.side, s.motion, zoom)
        return lay_over(patch, np.zeros((s.side, s.side), np.uint8), ear, 0)[0]


def _center(mask: Image) -> NDArray[np.float64]:
    x, y, w, h = cv2.boundingRect(mask)
    return np.array([x + w / 2, y + h / 2])


def _large_blob(rng: np.random.Generator, side: int, radius: float) -> Image:
    """A rounded shape that covers everything within ``radius`` of the crop's center."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    bumps = sum(rng.uniform(0, 0.12) * np.cos(k * angles + rng.uniform(0, 6)) for k in (2, 3, 4))
    lengths = radius * (1.3 + np.asarray(bumps))
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * lengths[:, None] + side / 2
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.round(points).astype(np.int32)], 255)
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), 1.5), np.uint8)


def _shifted(image: Image, mask: Image, direction: float) -> Image:
    """The picture moved until its ear is outside, the border drawn out."""
    x, y, w, h = cv2.boundingRect(mask)
    side = image.shape[0]
    # Along the direction, far enough for the ear's box to pass the border on that side.
    need = [side - x if np.cos(direction) > 0 else x + w, 0.0]
    if abs(np.sin(direction)) > abs(np.cos(direction)):
        need = [0.0, side - y if np.sin(direction) > 0 else y + h]
    sign = np.sign([np.cos(direction), np.sin(direction)])
    dx, dy = 1.05 * np.array(need) * sign
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    # Reflected borders would show the ear again.
    moved = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
