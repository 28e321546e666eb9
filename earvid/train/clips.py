"""Short training clips synthesized from still photos with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.appearance import apply_look, sample_look
from earvid.train.motion import MotionRanges, crop_homographies
from earvid.train.occluders import cover, paint, sample_occluder
from earvid.train.stills import Still

Image = NDArray[np.uint8]
PAD_COLOR = (124, 116, 104)  # the ImageNet mean: zero after normalization, as in the tracker
MIN_VISIBLE = 0.04  # share of the ear below which a frame counts as without ear


@dataclass(frozen=True)
class ClipSettings:
    """What clips are made of.

    Args:
        side: crop side, pixels.
        length: frames per clip.
        occluded: share of clips with occluders.
        leaving: share of clips in which the ear leaves the crop.
        cut: share of clips with a cut to another photo without the ear.
        covered: share of clips in which the ear is hidden for a while, as by hair.
        motion: how far things move.
        borders: OpenCV border modes for what lies beyond the photo, one drawn per clip.
    """

    side: int = 256
    length: int = 4
    occluded: float = 0.4
    leaving: float = 0.15
    cut: float = 0.1
    covered: float = 0.12
    motion: MotionRanges = field(default_factory=MotionRanges)
    borders: tuple[int, ...] = (
        cv2.BORDER_CONSTANT,
        cv2.BORDER_REFLECT_101,
        cv2.BORDER_REPLICATE,
    )


@dataclass(frozen=True, eq=False)
class TrainingClip:
    """One clip with its truth.

    Args:
        images: ``(T, S, S, 3)`` uint8 RGB.
        masks: ``(T, S, S)`` bool.
        present: ``(T,)`` bool: enough of the ear is in view.
        name: the photo it was made from.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    present: NDArray[np.bool_]
    name: str


class ClipMaker:
    """Makes clips from a list of decoded photos; deterministic in ``(seed, index)``."""

    def __init__(self, stills: Sequence[Still], settings: ClipSettings, seed: int = 0) -> None:
        self.stills = list(stills)
        self.settings = settings
        self.seed = seed
        folders = [s.name.rsplit("/", 1)[0] for s in self.stills]
        # Every folder counts alike in the square root of its size, so that few good photos are
        # neither drowned nor worn out.
        weight = np.array([folders.count(f) ** -0.5 for f in folders])
        self._weight = weight / weight.sum()

    def clip(self, index: int) -> TrainingClip:
        """Make clip number ``index``; the ear is in view on frame 0."""
        rng = np.random.default_rng((self.seed, index))
        for _ in range(20):
            made = self._attempt(rng)
            if made.present[0]:
                return made
        return made

    def _attempt(self, rng: np.random.Generator) -> TrainingClip:
        s = self.settings
        still = self.stills[rng.choice(len(self.stills), p=self._weight)]
        ear = still.ears[rng.integers(len(still.ears))]
        matrices = crop_homographies(
            rng, ear_box(ear), s.length, s.side, s.motion, rng.random() < s.leaving
        )
        border = int(rng.choice(s.borders))
        images = [warp(still.image, m, s.side, border) for m in matrices]
        masks = [warp(ear, m, s.side, cv2.BORDER_CONSTANT) for m in matrices]
        whole = [max(1, int((m > 127).sum())) for m in masks]
        if rng.random() < s.occluded:
            self._occlude(rng, images, masks)
        if rng.random() < s.covered:
            self._cover(rng, images, masks)
        if rng.random() < s.cut:
            self._cut(rng, images, masks)
        look = sample_look(rng, s.length)
        seen = np.stack(masks) > 127
        ear_area = _area_in_crop(ear, matrices)
        present = seen.sum((1, 2)) >= np.maximum(MIN_VISIBLE * np.maximum(ear_area, whole), 12)
        frames = [apply_look(im, look, t, rng) for t, im in enumerate(images)]
        return TrainingClip(np.stack(frames), seen & present[:, None, None], present, still.name)

    def _occlude(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
    ) -> None:
        side = self.settings.side
        for _ in range(int(rng.integers(1, 3))):
            focus = _center(masks[0], side)
            texture = self._patch(rng)
            occluder = sample_occluder(rng, len(images), side, texture, focus)
            for t in range(len(images)):
                images[t], masks[t] = paint(images[t], masks[t], occluder, t)

    def _cut(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
    ) -> None:
        """Replace a stretch of frames by a patch of another photo without an ear."""
        other = self._patch(rng)
        for t in _stretch(rng, len(images)):
            images[t] = other
            masks[t] = np.zeros_like(masks[t])

    def _cover(self, rng: np.random.Generator, images: list[Image], masks: list[Image]) -> None:
        """Hide the ear under its surroundings for a stretch of frames."""
        direction = float(rng.uniform(0, 2 * np.pi))
        for t in _stretch(rng, len(images)):
            if masks[t].any():
                images[t] = cover(images[t], masks[t], direction)
                masks[t] = np.zeros_like(masks[t])

    def _patch(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A square patch of a random photo that shows no annotated ear."""
        side = self.settings.side
        for _ in range(8):
            still = self.stills[rng.integers(len(self.stills))]
            height, width = still.image.shape[:2]
            size = int(min(height, width) * rng.uniform(0.15, 0.7))
            y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
            if not any(ear[y : y + size, x : x + size].any() for ear in still.ears):
                patch = still.image[y : y + size, x : x + size]
                return np.asarray(cv2.resize(patch, (side, side)), np.uint8)
        return np.full((side, side, 3), PAD_COLOR, np.uint8)


def _stretch(rng: np.random.Generator, length: int) -> range:
    """Some consecutive frames of a clip, never its first."""
    start = int(rng.integers(1, length))
    return range(start, int(rng.integers(start + 1, length + 1)))


def ear_box(mask: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The box ``x0, y0, x1, y1`` of a nonempty mask, pixel centers."""
    x, y, w, h = cv2.boundingRect(mask)
    return float(x), float(y), float(x + w - 1), float(y + h - 1)


def warp(
    source: NDArray[np.uint8], matrix: NDArray[np.float64], side: int, border: int
) -> NDArray[np.uint8]:
    """Warp a photo or mask into a crop, without aliasing when it shrinks."""
    shrink = _shrink_factor(matrix, side)
    if shrink > 1.5:
        height, width = source.shape[:2]
        small = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        source = np.asarray(cv2.resize(source, small, interpolation=cv2.INTER_AREA), np.uint8)
        sx, sy = width / small[0], height / small[1]
        # Pixel centers: small pixel i covers source pixels around (i + 0.5) * s - 0.5.
        up = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1.0]])
        matrix = matrix @ up
    value = PAD_COLOR if source.ndim == 3 else (0, 0, 0)
    return np.asarray(
        cv2.warpPerspective(
            source,
            matrix,
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=border,
            borderValue=value,
        ),
        np.uint8,
    )


def _local_area(matrix: NDArray[np.float64], x: float, y: float) -> float:
    """Crop pixels per photo pixel around the photo point ``(x, y)``: the Jacobian's determinant."""
    u, v, w = matrix @ np.array([x, y, 1.0])
    jacobian = (matrix[:2, :2] - np.outer((u / w, v / w), matrix[2, :2])) / w
    return float(abs(np.linalg.det(jacobian)))


def _shrink_factor(matrix: NDArray[np.float64], side: int) -> float:
    """How many photo pixels fall on one crop pixel, along one axis, at the crop's center."""
    x, y, w = np.linalg.inv(matrix) @ np.array([side / 2, side / 2, 1.0])
    return float(1 / np.sqrt(max(_local_area(matrix, x / w, y / w), 1e-6)))


def _area_in_crop(
    ear: NDArray[np.uint8], matrices: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Approximate area of the whole ear in crop pixels, in view or not."""
    pixels = float((ear > 127).sum())
    x0, y0, x1, y1 = ear_box(ear)
    return np.array([pixels * _local_area(m, (x0 + x1) / 2, (y0 + y1) / 2) for m in matrices])


def _center(mask: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    moments = cv2.moments(mask, binaryImage=True)
    if moments["m00"] == 0:
        return np.zeros(2)
    mid = (side - 1) / 2
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"] - mid
