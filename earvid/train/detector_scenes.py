"""Training scenes for the ear detector: photos at all sizes, beside and over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.models.nano import PAD_COLOR
from earvid.train.appearance import film, sample_look
from earvid.train.detector_photos import UNKNOWN, Photo
from earvid.train.geometry import ear_box, warp
from earvid.train.occluders import cover, paint, sample_occluder
from earvid.train.photos import patch_without_ear

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]
_SMALLEST = 7.0  # recorded pixels of an ear's longer side that one can tell it by


@dataclass(frozen=True)
class SceneSettings:
    """What scenes are made of.

    Args:
        side: of a scene, pixels.
        ear: shortest and longest longer side of an ear, pixels.
        mosaic: share of scenes made of four photos.
        empty: share of scenes without any ear.
        covered: share of photos whose ears are hidden under their surroundings.
        occluded: share of scenes with things in front.
        alarms: share of photos with ears that are shown for what else in them was taken for one.
        rotation: of a photo, degrees, one deviation.
    """

    side: int = 288
    ear: tuple[float, float] = (11.0, 260.0)
    mosaic: float = 0.2
    empty: float = 0.1
    covered: float = 0.08
    occluded: float = 0.3
    alarms: float = 0.4
    rotation: float = 9.0


@dataclass(eq=False)
class Scene:
    """A training image and what is in it.

    Args:
        image: ``(S, S, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` float32 ears, pixels.
        sides: ``(N,)`` int64, ``LEFT``, ``RIGHT`` or ``UNKNOWN``.
        doubtful: ``(M, 4)`` float32 ears that are too hidden or too small to be judged.
    """

    image: Image
    boxes: NDArray[np.float32]
    sides: NDArray[np.int64]
    doubtful: NDArray[np.float32]


@dataclass(eq=False)
class _Ear:
    mask: Image  # what is visible of it in the scene
    side: int
    area: float  # of the whole ear, pixels


@dataclass(eq=False)
class _Canvas:
    image: Image
    ears: list[_Ear] = field(default_factory=list)
    ignored: list[Image] = field(default_factory=list)  # masks of what is not judged

    def lay(
        self,
        image: Image,
        alpha: NDArray[np.bool_],
        ears: Sequence[_Ear],
        ignored: Image | None = None,
    ) -> None:
        """Lay a photo over what is there; ears below vanish where it covers them."""
        self.image = np.where(alpha[..., None], image, self.image)
        for ear in self.ears:
            ear.mask = np.where(alpha, 0, ear.mask).astype(np.uint8)
        for ear in ears:
            ear.mask = np.where(alpha, ear.mask, 0).astype(np.uint8)
        self.ears += ears
        self.ignored = [np.where(alpha, 0, mask).astype(np.uint8) for mask in self.ignored]
        if ignored is not None:
            self.ignored.append(np.where(alpha, ignored, 0).astype(np.uint8))


class SceneMaker:
    """Makes scenes from photos; deterministic in ``(seed, index)``.

    Args:
        groups: lists of photos of one kind.
        shares: how often each kind is taken.
        settings: what scenes are made of.
        seed: of all randomness.

    Attributes:
        alarms: what an earlier detector took for ears, by the ``id`` of the photo; see
            :mod:`earvid.train.detector_mining`.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Photo]],
        shares: Sequence[float],
        settings: SceneSettings = SceneSettings(),
        seed: int = 0,
    ) -> None:
        kept = [(list(g), s) for g, s in zip(groups, shares, strict=True) if g]
        self._groups = [group for group, _ in kept]
        weights = np.array([share for _, share in kept])
        self._shares = weights / weights.sum()
        self.settings, self.seed = settings, seed
        self.alarms: Mapping[int, Sequence[tuple[float, float, float, float]]] = {}

    @property
    def photos(self) -> list[Photo]:
        """All photos that scenes are made of."""
        return [photo for group in self._groups for photo in group]

    def scene(self, index: int) -> Scene:
        """Make scene number ``index``."""
        rng = np.random.default_rng((self.seed, index))
        s = self.settings
        canvas = _Canvas(self._ground(rng))
        if rng.random() >= s.empty:
            self._lay_photos(rng, canvas)
        if rng.random() < s.occluded:
            self._occlude(rng, canvas)
        look = replace(sample_look(rng, 1), codec=False)
        image = film([canvas.image], look, rng)[0]
        scene = _labelled(image, canvas.ears, smallest=_SMALLEST * max(1.0, look.reduce))
        more = [box for mask in canvas.ignored for box in _boxes(mask)]
        if more:
            scene.doubtful = np.concatenate([scene.doubtful, np.array(more, np.float32)])
        return scene

    def _lay_photos(self, rng: np.random.Generator, canvas: _Canvas) -> None:
        side = self.settings.side
        if rng.random() < self.settings.mosaic:
            x, y = (int(v) for v in rng.uniform(0.3, 0.7, 2) * side)
            for columns in (slice(0, x), slice(x, side)):
                for rows in (slice(0, y), slice(y, side)):
                    self._lay_photo(rng, canvas, rows, columns)
        else:
            if rng.random() < 0.25:  # a crowd: something else is seen behind
                self._lay_photo(rng, canvas, slice(0, side), slice(0, side))
            self._lay_photo(rng, canvas, slice(0, side), slice(0, side))

    def _lay_photo(
        self, rng: np.random.Generator, canvas: _Canvas, rows: slice, columns: slice
    ) -> None:
        photo, side = self._photo(rng), self.settings.side
        matrix, flipped = self._placement(rng, photo, rows, columns)
        beyond = int(rng.choice([cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT]))
        image = warp(photo.image, matrix, side, beyond)
        scale = abs(float(np.linalg.det(matrix[:2, :2])))
        ears = []
        for mask, facing in zip(photo.ears, photo.sides, strict=True):
            whole = scale * float(np.count_nonzero(mask))
            seen = warp(mask, matrix, side, cv2.BORDER_CONSTANT)
            if rng.random() < self.settings.covered and seen.any():
                image = cover(image, seen, float(rng.uniform(0, 2 * np.pi)))
            else:
                known = facing != UNKNOWN and flipped
                ears.append(_Ear(seen, 1 - facing if known else facing, whole))
        if rng.random() < 0.7:
            whole_photo = np.full(photo.image.shape[:2], 255, np.uint8)
            inside = warp(whole_photo, matrix, side, cv2.BORDER_CONSTANT)
        else:
            inside = np.full((side, side), 255, np.uint8)
        alpha = np.zeros((side, side), bool)
        alpha[rows, columns] = inside[rows, columns] > 127
        ignored = None
        if photo.ignore is not None:
            ignored = warp(photo.ignore, matrix, side, cv2.BORDER_CONSTANT)
        canvas.lay(image, alpha, ears, ignored)

    def _placement(
        self, rng: np.random.Generator, photo: Photo, rows: slice, columns: slice
    ) -> tuple[Matrix, bool]:
        """A map that brings one of the photo's ears somewhere, at some size."""
        s = self.settings
        x0, y0, x1, y1 = self._anchor(rng, photo)
        room = min(rows.stop - rows.start, columns.stop - columns.start)
        largest = max(s.ear[0] + 1, min(s.ear[1], 0.9 * room))
        target = float(np.exp(rng.uniform(np.log(s.ear[0]), np.log(largest))))
        scale = target / max(x1 - x0, y1 - y0, 1.0)
        stretch = float(np.exp(rng.normal(0, 0.15)))
        flip = bool(rng.random() < 0.5)
        angle = np.deg2rad(np.clip(rng.normal(0, s.rotation), -30, 30))
        spare = max(0.0, room - 0.6 * target) / room
        u, v = 0.5 + spare * rng.uniform(-0.5, 0.5, 2)
        at_x = columns.start + u * (columns.stop - columns.start)
        at_y = rows.start + v * (rows.stop - rows.start)
        across = scale * stretch * (-1 if flip else 1)
        cos, sin = np.cos(angle), np.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([across, scale / stretch])
        shift = np.array([at_x, at_y]) - linear @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        return np.vstack([np.column_stack([linear, shift]), [0, 0, 1]]), flip

    def _anchor(self, rng: np.random.Generator, photo: Photo) -> tuple[float, float, float, float]:
        """The box of one of the photo's ears, or of what was taken for one, or could be."""
        alarms = self.alarms.get(id(photo), ())
        if alarms and (not photo.ears or rng.random() < self.settings.alarms):
            return alarms[int(rng.integers(len(alarms)))]
        if photo.ears:
            return ear_box(photo.ears[rng.integers(len(photo.ears))])
        # As large beside the photo as ears in photos of heads mostly are.
        height, width = photo.image.shape[:2]
        tall = min(height, width) * float(np.exp(rng.uniform(np.log(0.06), np.log(0.4))))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        return x - 0.3 * tall, y - 0.5 * tall, x + 0.3 * tall, y + 0.5 * tall

    def _occlude(self, rng: np.random.Generator, canvas: _Canvas) -> None:
        side = self.settings.side
        texture = self._patch(rng)
        focus = rng.uniform(-0.5, 0.5, 2) * side
        if canvas.ears and rng.random() < 0.6:
            ear = canvas.ears[rng.integers(len(canvas.ears))]
            x0, y0, x1, y1 = ear_box(ear.mask)
            focus = np.array([x0 + x1, y0 + y1]) / 2 - side / 2
        occluder = sample_occluder(rng, 1, side, texture, focus)
        clear = np.full((side, side), 255, np.uint8)
        canvas.image, left = paint(canvas.image, clear, occluder, 0)
        for ear in canvas.ears:
            ear.mask = np.minimum(ear.mask, left)

    def _photo(self, rng: np.random.Generator) -> Photo:
        group = self._groups[rng.choice(len(self._groups), p=self._shares)]
        return group[rng.integers(len(group))]

    def _ground(self, rng: np.random.Generator) -> Image:
        """What is behind all photos: a place without ears, a color, or noise."""
        side = self.settings.side
        kind = rng.random()
        if kind < 0.75:
            return self._patch(rng)
        if kind < 0.9:
            color = PAD_COLOR if rng.random() < 0.6 else rng.integers(0, 256, 3)
            return np.full((side, side, 3), color, np.uint8)
        coarse = int(2 ** rng.uniform(1, np.log2(side)))
        noise = rng.integers(0, 256, (coarse, coarse, 3)).astype(np.uint8)
        return np.asarray(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)

    def _patch(self, rng: np.random.Generator) -> Image:
        """A square patch of a photo that shows no annotated ear."""
        return patch_without_ear(rng, lambda: self._photo(rng), self.settings.side, widest=0.9)


def _boxes(mask: Image) -> list[tuple[float, float, float, float]]:
    """A box around each piece of a mask."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8))
    return [(x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5) for x, y, w, h, _ in stats[1:]]


def _labelled(image: Image, ears: Sequence[_Ear], smallest: float) -> Scene:
    """Box the visible parts of the ears; those too hidden or too small to tell are doubtful."""
    boxes, sides, doubtful = [], [], []
    for ear in ears:
        seen = (ear.mask > 127).astype(np.uint8)
        share = float(seen.sum()) / max(ear.area, 1.0)
        if share < 0.08 or not seen.any():
            continue
        x, y, w, h = cv2.boundingRect(seen)
        box = (x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5)
        if share < 0.35 or max(w, h) < smallest:
            doubtful.append(box)
        else:
            boxes.append(box)
            sides.append(ear.side)
    return Scene(
        image,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(sides, np.int64),
        np.array(doubtful, np.float32).reshape(-1, 4),
    )
