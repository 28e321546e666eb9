"""Clips whose landmarks are known exactly: drawn, moved photos, and a turning mesh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.prompt import read_landmarks
from earvid.sample import SampleFrame, make_clip, random_ear
from earvid.train.appearance import film, sample_look
from earvid.train.geometry import Image, ear_box, warp
from earvid.train.motion import MotionRanges, Placement, crop_homographies, smooth
from earvid.train.occluders import Occluder, cover, paint
from earvid.train.rendered import EarMesh, render_clip
from earvid.train.stills import Still, find_stills, load_still

KINDS = ("clean", "occluded", "away", "turning", "still", "long")
SIDE = 480
LENGTH = 60
LONG = 2000
TRIES = 20

_MOTION = MotionRanges(zoom=(2.0, 4.0), shift=0.2, roll=0.2, yaw=0.25, rate=(0.02, 0.1))
_ZOOM = (1.8, 3.4)  # crop side over ear side


@dataclass(frozen=True, eq=False)
class LandmarkScene:
    """A clip whose landmarks are known; its first frame shows the whole ear.

    Args:
        kind: one of :data:`KINDS`.
        name: what it was made from.
        length: frames.
        frames: can be gone through more than once; a long clip is made on the way.
    """

    kind: str
    name: str
    length: int
    frames: Iterable[SampleFrame]


@dataclass(frozen=True, eq=False)
class MarkedStill:
    """A photo with landmarks.

    Args:
        still: the photo and its ears.
        points: ``(K, 2)`` of its largest ear, photo pixels.
    """

    still: Still
    points: NDArray[np.float64]


class _Drawn:
    """A drawn clip, drawn anew each time it is gone through."""

    def __init__(self, seed: int, length: int, kind: str) -> None:
        self._seed, self._length, self._kind = seed, length, kind

    def __iter__(self) -> Iterator[SampleFrame]:
        away = (self._length // 3, 2 * self._length // 3)
        return make_clip(
            random_ear(self._seed),
            self._length,
            480,
            360,
            30.0,
            self._seed,
            ear_height=0.5,
            occlude=away if self._kind == "occluded" else None,
            leave=away if self._kind == "away" else None,
        )


@dataclass(frozen=True, eq=False)
class EarModel:
    """A mesh with landmarks.

    Args:
        mesh: the ear.
        vertices: ``(K,)`` which of its vertices are landmarks.
    """

    mesh: EarMesh
    vertices: NDArray[np.int64]

    @classmethod
    def load(cls, mesh: Path, vertices: Path) -> EarModel:
        """Read a mesh, and the numbers of its vertices that are landmarks, one a line.

        Raises:
            EarvidError: a file is missing or holds something else.
        """
        loaded = EarMesh.load(mesh)
        try:
            numbers = np.array([int(line) for line in vertices.read_text().split()], np.int64)
        except (OSError, ValueError) as error:
            raise EarvidError(f"{vertices} does not hold one vertex number per line.") from error
        if not len(numbers) or numbers.min() < 0 or numbers.max() >= len(loaded.vertices):
            raise EarvidError(f"{vertices} names vertices that {mesh} does not have.")
        return cls(loaded, numbers)


def find_marked(folders: Iterable[Path]) -> list[MarkedStill]:
    """Load photos that have a mask and, in ``landmarks``, a file of points of the same name."""
    marked = []
    for folder in folders:
        files = {p.stem: p for p in (folder / "landmarks").glob("*.pts")}
        for ref in find_stills([folder]):
            still = load_still(ref) if ref.image.stem in files else None
            if still is not None:
                points = read_landmarks(files[ref.image.stem]).points
                marked.append(MarkedStill(still, np.array(list(points.values()), np.float64)))
    return marked


def make_landmark_scenes(
    kind: str,
    count: int,
    *,
    photos: Sequence[MarkedStill] = (),
    model: EarModel | None = None,
    seed: int = 9,
) -> list[LandmarkScene]:
    """Make clips of one kind.

    Args:
        kind: ``clean``: smooth motion, light and compression; ``occluded``: the same, and
            something passes over the ear; ``away``: the ear leaves the picture, or is hidden, for a
            third of the clip; ``turning``: a rendered ear turns by up to 40°; ``still``: only
            noise moves; ``long``: a drawn ear over 2,000 frames. The others are moved photos, or
            drawn ears where there are none.
        count: how many.
        photos: with landmarks.
        model: what turns.
        seed: of everything random.

    Raises:
        EarvidError: there is no such kind, or it needs a mesh.
    """
    if kind not in KINDS:
        raise EarvidError(f"There is no kind of scene {kind!r}; choose from {', '.join(KINDS)}.")
    return [_scene(kind, number, photos, model, seed) for number in range(count)]


def _scene(
    kind: str, number: int, photos: Sequence[MarkedStill], model: EarModel | None, seed: int
) -> LandmarkScene:
    rng = np.random.default_rng((seed, KINDS.index(kind), number))
    if kind == "turning":
        if model is None:
            raise EarvidError("A turning ear is rendered from a mesh; give one.")
        return LandmarkScene(kind, f"mesh-{number}", LENGTH, _turning(rng, model, photos))
    if kind == "long" or not photos:
        return _drawn(kind, seed + number)
    photo = photos[(7 * number) % len(photos)]
    for _ in range(TRIES):
        frames = _moved(rng, kind, photo, photos)
        if frames[0].visible.all():
            return LandmarkScene(kind, photo.still.name, LENGTH, frames)
    raise EarvidError(f"{photo.still.name} cannot be moved so that its whole ear is seen at first.")


def _drawn(kind: str, seed: int) -> LandmarkScene:
    length, name = (LONG if kind == "long" else LENGTH), f"drawn-{seed}"
    clip = _Drawn(seed, length, kind)
    if kind != "still":
        return LandmarkScene(kind, name, length, clip)
    first, rng = next(iter(clip)), np.random.default_rng((seed, 1))
    noisy = [
        np.clip(first.image + rng.normal(0, 2.0, first.image.shape), 0, 255).astype(np.uint8)
        for _ in range(length)
    ]
    truth = first.mask, first.landmarks, first.visible
    return LandmarkScene(kind, name, length, [SampleFrame(image, *truth) for image in noisy])


def _turning(
    rng: np.random.Generator, model: EarModel, photos: Sequence[MarkedStill]
) -> list[SampleFrame]:
    ground = _patch(rng, photos)
    zoom = rng.uniform(*_ZOOM)
    made = render_clip(rng, model.mesh, ground, LENGTH, zoom, turn=np.radians(40))
    frames = film(list(made.images), sample_look(rng, LENGTH, SIDE / zoom), rng)
    points = made.points[:, model.vertices].astype(np.float32)
    inside = ((points >= -0.5) & (points < SIDE - 0.5)).all(2)
    visible = made.front[:, model.vertices] & inside
    masks = made.masks > 127
    return [SampleFrame(*one) for one in zip(frames, masks, points, visible, strict=True)]


def _moved(
    rng: np.random.Generator, kind: str, photo: MarkedStill, photos: Sequence[MarkedStill]
) -> list[SampleFrame]:
    """Move a photo before the camera, and let things happen to it."""
    zoom = rng.uniform(*_ZOOM)
    place = Placement(zoom, (0.0, 0.0))
    motion = _MOTION if kind != "still" else MotionRanges(shift=0, roll=0, scale=0, yaw=0, tilt=0)
    box = ear_box(photo.still.ears[0])
    matrices = crop_homographies(rng, box, LENGTH, SIDE, motion, False, place)
    images = [warp(photo.still.image, m, SIDE, cv2.BORDER_REPLICATE) for m in matrices]
    masks = [warp(photo.still.ears[0], m, SIDE, cv2.BORDER_CONSTANT) for m in matrices]
    points = np.stack([_project(m, photo.points) for m in matrices])
    shown = [np.full((SIDE, SIDE), 255, np.uint8) for _ in matrices]
    if kind == "occluded":
        _pass_over(rng, images, masks, shown, points, _patch(rng, photos))
    if kind == "away":
        _take_away(rng, images, masks, shown, points)
    frames = film(images, sample_look(rng, LENGTH, SIDE / zoom), rng)
    visible = np.stack([_seen(one, at) for one, at in zip(shown, points, strict=True)])
    parts = zip(frames, masks, points.astype(np.float32), visible, strict=True)
    return [SampleFrame(image, mask > 127, at, seen) for image, mask, at, seen in parts]


def _pass_over(
    rng: np.random.Generator,
    images: list[Image],
    masks: list[Image],
    shown: list[Image],
    points: NDArray[np.float64],
    texture: Image,
) -> None:
    """Something as large as the ear comes from one side, covers it and goes on."""
    length = len(images)
    if rng.random() < 0.4:  # a plain sleeve or hand
        texture = np.broadcast_to(texture.mean((0, 1)), texture.shape).astype(np.uint8)
    centers = points.mean(1)
    reach = float(np.ptp(points[0], axis=0).max())
    angle = rng.uniform(0, 2 * np.pi)
    meet = rng.uniform(0.4, 0.6) * length
    along = (np.arange(length) - meet) * reach * rng.uniform(0.08, 0.16)
    path = centers - (SIDE - 1) / 2 + along[:, None] * np.array([np.cos(angle), np.sin(angle)])
    turn = np.rad2deg(smooth(rng, length, 0.3))
    occluder = Occluder(texture, _blob(rng, reach * rng.uniform(0.5, 0.9)), path, turn)
    for t in range(length):
        images[t], masks[t] = paint(images[t], masks[t], occluder, t)
        _, shown[t] = paint(images[t], shown[t], occluder, t)


def _take_away(
    rng: np.random.Generator,
    images: list[Image],
    masks: list[Image],
    shown: list[Image],
    points: NDArray[np.float64],
) -> None:
    """For the middle third the ear is out of the picture, or hidden under its surroundings."""
    length = len(images)
    leaves, direction = rng.random() < 0.6, rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(direction), np.sin(direction)]) * 1.6 * SIDE
    for t in range(length):
        # In and out within eight frames.
        depth = np.clip((min(t - length / 3, 2 * length / 3 - t) + 8) / 8, 0, 1)
        if leaves and depth > 0:
            shift = np.array([[1, 0, depth * away[0]], [0, 1, depth * away[1]]])
            for part, border in ((images, cv2.BORDER_REPLICATE), (masks, cv2.BORDER_CONSTANT)):
                part[t] = np.asarray(
                    cv2.warpAffine(part[t], shift, (SIDE, SIDE), borderMode=border), np.uint8
                )
            points[t] += depth * away
        elif depth == 1 and masks[t].any():
            images[t] = cover(images[t], masks[t], direction)
            masks[t], shown[t] = np.zeros_like(masks[t]), np.zeros_like(shown[t])


def _seen(shown: Image, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    at = np.rint(points).astype(int)
    inside = ((at >= 0) & (at < SIDE)).all(1)
    x, y = np.clip(at, 0, SIDE - 1).T
    return np.asarray(inside & (shown[y, x] > 127))


def _project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    flat: NDArray[np.float64] = mapped[:, :2] / mapped[:, 2:]
    return flat


def _patch(rng: np.random.Generator, photos: Sequence[MarkedStill]) -> Image:
    """Something to stand behind or before an ear: a part of a photo, or plain noise."""
    if not photos:
        coarse = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
    image = photos[int(rng.integers(len(photos)))].still.image
    side = min(image.shape[:2]) // 2
    y, x = (int(rng.integers(0, n - side)) for n in image.shape[:2])
    return np.asarray(cv2.resize(image[y : y + side, x : x + side], (SIDE, SIDE)), np.uint8)


def _blob(rng: np.random.Generator, radius: float) -> Image:
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    lengths = np.full(48, radius)
    for k in (2, 3, 4):
        lengths += radius * rng.uniform(0, 0.12) * np.cos(k * angles + rng.uniform(0, 6))
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * lengths[:, None] + SIDE / 2
    shape = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(shape, [np.round(points).astype(np.int32)], 255)
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), 1.5), np.uint8)
