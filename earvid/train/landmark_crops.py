"""Training crops for the landmark network: ears bent, turned, covered, and badly filmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.guess.contours import diagonal
from earvid.landmarks.guess.crops import PAD_COLOR, box_crop, shape_crop
from earvid.train.appearance import film, sample_look
from earvid.train.landmark_photos import LandmarkPhoto
from earvid.train.occluders import cover, paint, sample_occluder

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
_EAR = 70.0  # pixels of an ear in a crop, as the look of a recording counts them


@dataclass(frozen=True)
class CropSettings:
    """How far training crops are from the photos.

    Args:
        side: of a crop, pixels; the network's.
        aligned: share of crops in which the ear stands as the mean ear does, as in the second
            look that the first guess takes.
        turn: deviation of the rotation of other crops, radians.
        shift: deviation of the box's place, in diagonals.
        zoom: deviation of the logarithm of the box's size.
        stretch: deviation of the logarithm of the ear's proportions.
        bend: deviation of the elastic warp, in sides of the crop.
        tilt: deviation of the perspective terms, per crop side.
        occluded: share of crops with something in front of the ear.
        recolored: share of crops that take on the colors of another photo.
        empty: share of crops that show no ear; half as many again have theirs covered.
        mirrored: share of crops that face the wrong way, for the network to notice.
    """

    side: int = 128
    aligned: float = 0.45
    turn: float = 0.24
    shift: float = 0.06
    zoom: float = 0.13
    stretch: float = 0.12
    bend: float = 0.018
    tilt: float = 0.08
    occluded: float = 0.3
    recolored: float = 0.3
    empty: float = 0.04
    mirrored: float = 0.14


@dataclass(frozen=True, eq=False)
class TrainingCrop:
    """What the network sees and should say.

    Args:
        image: ``(S, S, 3)`` uint8 RGB.
        points: ``(55, 2)`` float32, crop pixels.
        weight: ``(55,)`` float32; 0 where nothing is to be said.
        ear: whether an ear is to be seen; if not, the maps are to be flat.
        facing: 1 when the face looks to image-right, 0 when to image-left, -1 unknown.
    """

    image: Image
    points: NDArray[np.float32]
    weight: NDArray[np.float32]
    ear: bool
    facing: int


class CropMaker:
    """Makes training crops; deterministic in ``(seed, index)``.

    Args:
        groups: lists of ears of one kind.
        shares: how often each kind is taken.
        grounds: photos and parts of photos that show no ear, to cover ears with and to show none.
        mean: ``(55, 2)`` the mean ear.
        settings: how far crops are from the photos.
        seed: of all randomness.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[LandmarkPhoto]],
        shares: Sequence[float],
        grounds: Sequence[Image],
        mean: Float,
        settings: CropSettings = CropSettings(),
        seed: int = 0,
    ) -> None:
        kept = [(list(g), s) for g, s in zip(groups, shares, strict=True) if g]
        self._groups = [group for group, _ in kept]
        weights = np.array([share for _, share in kept])
        self._shares = weights / weights.sum()
        self._grounds, self._mean = list(grounds), mean
        self.settings, self.seed = settings, seed

    def crop(self, index: int) -> TrainingCrop:
        """Make crop number ``index``."""
        rng = np.random.default_rng((self.seed, index))
        s = self.settings
        if self._grounds and rng.random() < s.empty:
            return _without_ear(self._film(rng, self._patch(rng)))
        photo = self._photo(rng)
        image, points = self._placed(rng, photo)
        if rng.random() < s.recolored:
            image = recolored(image, self._photo(rng).image, float(rng.uniform(0.4, 1.0)))
        if rng.random() < s.empty / 2:
            whole = cv2.fillConvexPoly(
                np.zeros(image.shape[:2], np.uint8), cv2.convexHull(points.round().astype(int)), 255
            )
            hidden = cover(image, np.asarray(whole, np.uint8), float(rng.uniform(0, 2 * np.pi)))
            return _without_ear(self._film(rng, hidden))
        if rng.random() < s.occluded:
            image = self._occluded(rng, image, points)
        image = self._film(rng, image)
        points32, weight = points.astype(np.float32), photo.weight.astype(np.float32)
        inside = ((points > -0.5) & (points < s.side - 0.5)).all(1)
        if rng.random() < s.mirrored:
            back = np.ascontiguousarray(image[:, ::-1])
            return TrainingCrop(back, points32, np.zeros_like(weight), True, 0)
        return TrainingCrop(image, points32, weight * inside, True, 1)

    def _photo(self, rng: np.random.Generator) -> LandmarkPhoto:
        group = self._groups[rng.choice(len(self._groups), p=self._shares)]
        return group[rng.integers(len(group))]

    def _placed(self, rng: np.random.Generator, photo: LandmarkPhoto) -> tuple[Image, Float]:
        """Bring an ear into a crop, bent and seen from elsewhere."""
        s = self.settings
        to_crop = np.vstack([self._pose(rng, photo.points), [0, 0, 1]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [*rng.normal(0, s.tilt / s.side, 2), 1.0]])
        half = (s.side - 1) / 2
        center = np.array([[1, 0, half], [0, 1, half], [0, 0, 1]])
        matrix = center @ tilt @ np.linalg.inv(center) @ to_crop
        bend = sample_bend(rng, s.side, s.bend * s.side * float(rng.uniform(0.2, 1.4)))
        image = bent_crop(photo.image, matrix, bend)
        return image, bent_points(photo.points, matrix, bend)

    def _pose(self, rng: np.random.Generator, points: Float) -> Float:
        s = self.settings
        aspect = float(np.exp(rng.normal(0, s.stretch)))
        lean = float(rng.normal(0, s.stretch / 2))
        linear = np.array([[aspect, lean], [0, 1 / aspect]])
        points = points @ linear.T
        if rng.random() < s.aligned:
            turn, zoom = rng.normal(0, 0.09), np.exp(rng.normal(0, 0.07))
            shift = rng.normal(0, 0.02, 2)
            placed = shape_crop(points, self._mean, s.side, turn=float(turn), zoom=float(zoom))
        else:
            wild = 1.0 if rng.random() < 0.75 else 2.0
            turn, zoom = wild * rng.normal(0, s.turn), np.exp(wild * rng.normal(0, s.zoom))
            shift = wild * rng.normal(0, s.shift, 2)
            cos, sin = np.cos(turn), np.sin(turn)
            turned = points @ np.array([[cos, -sin], [sin, cos]]).T
            low, high = turned.min(0), turned.max(0)
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            placed = box_crop(box, s.side, zoom=float(zoom))
            placed[:, :2] = placed[:, :2] @ np.array([[cos, -sin], [sin, cos]])
        size = float(np.sqrt(abs(np.linalg.det(placed[:, :2]))))
        placed[:, 2] += shift * diagonal(points) * size
        placed[:, :2] = placed[:, :2] @ linear
        return placed

    def _occluded(self, rng: np.random.Generator, image: Image, points: Float) -> Image:
        focus = points[rng.integers(len(points))] - (self.settings.side - 1) / 2
        occluder = sample_occluder(rng, 1, self.settings.side, self._patch(rng), focus)
        whole = np.full(image.shape[:2], 255, np.uint8)
        return paint(image, whole, occluder, 0)[0]

    def _patch(self, rng: np.random.Generator) -> Image:
        side = self.settings.side
        if not self._grounds or rng.random() < 0.1:
            color = PAD_COLOR if rng.random() < 0.5 else rng.integers(0, 256, 3)
            return np.full((side, side, 3), color, np.uint8)
        ground = self._grounds[rng.integers(len(self._grounds))]
        height, width = ground.shape[:2]
        size = max(8, int(min(height, width) * rng.uniform(0.4, 1.0)))
        y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
        return np.asarray(cv2.resize(ground[y : y + size, x : x + size], (side, side)), np.uint8)

    def _film(self, rng: np.random.Generator, image: Image) -> Image:
        if rng.random() < 0.1:
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        return film([image], replace(sample_look(rng, 1, ear=_EAR), codec=False), rng)[0]


def _without_ear(image: Image) -> TrainingCrop:
    nothing = np.zeros((55, 2), np.float32)
    return TrainingCrop(image, nothing, np.ones(55, np.float32), False, -1)


def sample_bend(rng: np.random.Generator, side: int, amount: float) -> NDArray[np.float32]:
    """A smooth field ``(side, side, 2)`` of offsets, pixels, a few waves across."""
    coarse = int(rng.integers(4, 7))
    # Interpolation shrinks the noise of the grid to about two thirds.
    grid = rng.normal(0, amount * 1.5, (coarse, coarse, 2)).astype(np.float32)
    field = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)


def bent_crop(image: Image, matrix: Float, bend: NDArray[np.float32]) -> Image:
    """Show an image through a homography into a crop whose pixels are then displaced."""
    side = bend.shape[0]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    back = np.linalg.inv(matrix).astype(np.float32)
    u, v = x + bend[..., 0], y + bend[..., 1]
    w = back[2, 0] * u + back[2, 1] * v + back[2, 2]
    there_x = (back[0, 0] * u + back[0, 1] * v + back[0, 2]) / w
    there_y = (back[1, 0] * u + back[1, 1] * v + back[1, 2]) / w
    crop = cv2.remap(image, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def bent_points(points: Float, matrix: Float, bend: NDArray[np.float32]) -> Float:
    """Where :func:`bent_crop` shows points: the inverse of its displacement, by iteration."""
    flat = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    goal = flat[:, :2] / flat[:, 2:]
    here = goal.copy()
    for _ in range(10):
        at = here.astype(np.float32)[None]
        off = cv2.remap(bend, at[..., 0], at[..., 1], cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REPLICATE)[0]  # fmt: skip
        here = goal - off
    return here


def recolored(image: Image, other: Image, strength: float) -> Image:
    """Give an image the mean and spread of another's colors (Reinhard et al. 2001)."""
    ours, theirs = (
        cv2.cvtColor(x, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float32)
        for x in (image, other[:: max(1, other.shape[0] // 64), :: max(1, other.shape[1] // 64)])
    )
    gain = np.clip((theirs.std(0) + 4) / (ours.std(0) + 4), 0.5, 2.0)
    moved = (ours - ours.mean(0)) * gain + theirs.mean(0)
    mixed = np.clip(ours + strength * (moved - ours), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(mixed.reshape(image.shape), cv2.COLOR_LAB2RGB), np.uint8)
