"""Short training clips synthesized from still photos with masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.appearance import film, sample_look
from earvid.train.distractors import lay_over, lay_under, sample_distractor
from earvid.train.geometry import Image, area_in_crop, center_of, ear_box, warp
from earvid.train.motion import MotionRanges, Placement, crop_homographies, sample_zoom
from earvid.train.occluders import cover, paint, sample_occluder
from earvid.train.photos import patch_without_ear
from earvid.train.rendered import EarMesh, render_clip
from earvid.train.shapes import shape_still
from earvid.train.stills import Still

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
        distracted: share of clips with another ear in view.
        shapes: share of clips about a textured shape instead of an ear.
        rendered: share of clips about a rendered ear, where there are meshes.
        motion: how far things move.
        borders: OpenCV border modes for what lies beyond the photo, one drawn per clip.
    """

    side: int = 256
    length: int = 4
    occluded: float = 0.4
    leaving: float = 0.22
    cut: float = 0.1
    covered: float = 0.15
    distracted: float = 0.3
    shapes: float = 0.1
    rendered: float = 0.08
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
        visible: ``(T,)`` about which share of the ear is in view.
        name: the photo it was made from.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    present: NDArray[np.bool_]
    visible: NDArray[np.float64]
    name: str


class ClipMaker:
    """Makes clips from a list of decoded photos; deterministic in ``(seed, index)``."""

    def __init__(
        self,
        stills: Sequence[Still],
        settings: ClipSettings,
        seed: int = 0,
        meshes: Sequence[EarMesh] = (),
    ) -> None:
        self.stills, self.meshes = list(stills), list(meshes)
        self.settings = settings
        self.seed = seed
        folders = [s.name.rsplit("/", 1)[0] for s in self.stills]
        sizes = Counter(folders)
        # Every folder counts alike in the square root of its size, so that few good photos are
        # neither drowned nor worn out.
        weight = np.array([sizes[f] ** -0.5 for f in folders])
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
        zoom = sample_zoom(rng, s.motion.zoom)
        still = self._subject(rng)
        if self.meshes and rng.random() < s.rendered:
            images, masks, whole = self._render(rng, zoom)
        else:
            images, masks, whole = self._photograph(rng, still, zoom)
        self.stage(rng, images, masks, still, zoom)
        seen = np.stack(masks) > 127
        pixels = seen.sum((1, 2))
        visible = pixels / np.maximum(whole, 1)
        present = (visible >= MIN_VISIBLE) & (pixels >= 12)
        frames = np.stack(film(images, sample_look(rng, s.length, s.side / zoom), rng))
        return TrainingClip(frames, seen & present[:, None, None], present, visible, still.name)

    def _photograph(
        self, rng: np.random.Generator, still: Still, zoom: float
    ) -> tuple[list[Image], list[Image], NDArray[np.float64]]:
        """Move a photo; returns frames, masks, and the area of the whole ear on each frame."""
        s = self.settings
        ear = still.ears[rng.integers(len(still.ears))]
        shift = rng.normal(0, 0.10, 2)
        place = Placement(zoom, (float(shift[0]), float(shift[1])))
        leaves = rng.random() < s.leaving
        matrices = crop_homographies(rng, ear_box(ear), s.length, s.side, s.motion, leaves, place)
        border = int(rng.choice(s.borders))
        images = [warp(still.image, m, s.side, border) for m in matrices]
        masks = [warp(ear, m, s.side, cv2.BORDER_CONSTANT) for m in matrices]
        shown = np.array([(m > 127).sum() for m in masks])
        return images, masks, np.maximum(area_in_crop(ear, matrices), shown)

    def _render(
        self, rng: np.random.Generator, zoom: float
    ) -> tuple[list[Image], list[Image], NDArray[np.float64]]:
        """Turn a rendered ear; returns what :meth:`_photograph` does."""
        s = self.settings
        mesh = self.meshes[rng.integers(len(self.meshes))]
        leaves = rng.random() < s.leaving
        made = render_clip(rng, mesh, self.patch(rng), s.length, zoom, leave=leaves)
        shown = (made.masks > 127).sum((1, 2)).astype(np.float64)
        return list(made.images), list(made.masks), np.full(s.length, shown.max())

    def stage(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
        still: Still,
        zoom: float,
    ) -> None:
        """Let things happen to a clip, in place, before it is filmed.

        Args:
            rng: the source of randomness.
            images: ``(S, S, 3)`` uint8 RGB frames.
            masks: ``(S, S)`` uint8 masks, 0 or 255.
            still: the photo they show.
            zoom: crop side over ear side.
        """
        s = self.settings
        if rng.random() < s.covered:
            self._cover(rng, images, masks)
        if rng.random() < s.distracted:
            self._distract(rng, images, masks, still, zoom)
        if rng.random() < s.occluded:
            self._occlude(rng, images, masks)
        if rng.random() < s.cut:
            self._cut(rng, images, masks, still, zoom)

    def _subject(self, rng: np.random.Generator) -> Still:
        still = self.draw(rng)
        if rng.random() < self.settings.shapes:
            return shape_still(rng, self.patch(rng), still)
        return still

    def draw(self, rng: np.random.Generator) -> Still:
        """A random photo."""
        return self.stills[rng.choice(len(self.stills), p=self._weight)]

    def draw_another(self, rng: np.random.Generator, still: Still) -> Still | None:
        """A random photo of somebody else, or ``None`` when none was found."""
        # The same person's ear in another photo would be the tracked ear come back.
        drawn = (self.draw(rng) for _ in range(20))
        return next((other for other in drawn if other.subject != still.subject), None)

    def _distract(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
        still: Still,
        zoom: float,
    ) -> None:
        """Put another ear beside, behind or before the target, in all frames."""
        source = still if rng.random() < 0.35 else self.draw(rng)
        s = self.settings
        other = sample_distractor(rng, source, len(images), s.side, s.motion, zoom)
        lay = lay_over if rng.random() < 0.25 else lay_under
        for t in range(len(images)):
            images[t], masks[t] = lay(images[t], masks[t], other, t)

    def _occlude(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
    ) -> None:
        side = self.settings.side
        for _ in range(int(rng.integers(1, 3))):
            focus = center_of(masks[0], side)
            texture = self.patch(rng)
            occluder = sample_occluder(rng, len(images), side, texture, focus)
            for t in range(len(images)):
                images[t], masks[t] = paint(images[t], masks[t], occluder, t)

    def _cut(
        self,
        rng: np.random.Generator,
        images: list[Image],
        masks: list[Image],
        still: Still,
        zoom: float,
    ) -> None:
        """Replace a stretch of frames by another photo: without an ear, or with another's."""
        other = self.patch(rng)
        another = self.draw_another(rng, still)
        if another is not None and rng.random() < 0.6:
            s = self.settings
            ear = sample_distractor(rng, another, 1, s.side, s.motion, zoom)
            other = ear.images[0] if rng.random() < 0.7 else lay_over(other, masks[0], ear, 0)[0]
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

    def patch(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A square patch of a random photo that shows no annotated ear."""

        def any_still() -> Still:
            return self.stills[rng.integers(len(self.stills))]

        return patch_without_ear(rng, any_still, self.settings.side, widest=0.7)


def _stretch(rng: np.random.Generator, length: int) -> range:
    """Some consecutive frames of a clip, never its first."""
    start = int(rng.integers(1, length))
    return range(start, int(rng.integers(start + 1, length + 1)))
