"""Square crops of ears, out of photos and of stretches of clips, plain or varied."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.finetune.stores import Track
from earvid.train.appearance import film, sample_look
from earvid.train.clips import MIN_VISIBLE, TrainingClip
from earvid.train.geometry import Image, Matrix, area_in_crop, ear_box, warp
from earvid.train.motion import MotionRanges, sample_zoom
from earvid.train.photos import PhotoCache
from earvid.train.stills import Still

PLAIN_ZOOM = 2.0  # crop side over ear side, as the tracker's crops have it
MIN_PIXELS = 12  # an ear of fewer cannot be told
MAX_STRIDE = 3

Float = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """How a crop looks at an ear.

    Args:
        zoom: crop side over ear side.
        roll: in-plane rotation, radians.
        flip: mirrored.
        aspect: factor of the width.
        shift: ``(x, y)`` of the ear off the crop's center, in crop sides.
        lag: how far the crop stays behind a moving ear, 0 (not at all) to 1 (it stands still).
    """

    zoom: float = PLAIN_ZOOM
    roll: float = 0.0
    flip: bool = False
    aspect: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    lag: float = 0.0


def random_view(rng: np.random.Generator) -> View:
    """Draw a view: turned, mirrored, off center, from close up to far away."""
    shift = rng.normal(0, 0.10, 2)
    return View(
        zoom=sample_zoom(rng, MotionRanges().zoom),
        roll=float(rng.normal(0, 0.25)),
        flip=bool(rng.random() < 0.5),
        aspect=float(np.exp(rng.normal(0, 0.12))),
        shift=(float(shift[0]), float(shift[1])),
        lag=float(rng.choice([0.0, rng.uniform(0, 0.6), 1.0], p=[0.4, 0.45, 0.15])),
    )


def photo_clip(
    still: Still, ear: int, side: int, rng: np.random.Generator | None = None
) -> TrainingClip:
    """Cut one ear out of a photo, as a clip of one frame.

    Args:
        still: the photo.
        ear: which of its ears.
        side: of the crop, pixels.
        rng: varies view and light; None cuts plainly.
    """
    mask = still.ears[ear]
    for _ in range(10):
        view = random_view(rng) if rng is not None else View()
        center, extent = _center_extent(ear_box(mask))
        matrix = _matrix(center, extent, side, view)
        clip = _film([still.image], [mask], [matrix], side, still.name, rng)
        if clip.present[0]:
            break
    return clip


def track_clip(
    track: Track,
    length: int,
    side: int,
    cache: PhotoCache[Still],
    rng: np.random.Generator | None = None,
) -> TrainingClip:
    """Cut an ear out of consecutive frames of a clip; it is in view on the first.

    Args:
        track: the stretch to choose frames from.
        length: frames; a shorter stretch is run through back and forth.
        side: of the crop, pixels.
        cache: keeps decoded frames.
        rng: chooses frames and varies view and light; None takes the first frames with the ear.
    """
    for _ in range(10):
        numbers = choose_frames(track.visible, length, rng)
        # Decoding is cheap only forwards.
        decoded = {n: track.still(n, side, cache) for n in sorted(set(numbers))}
        stills = [decoded[n] for n in numbers]
        masks = [still.ears[0] for still in stills]
        view = random_view(rng) if rng is not None else View()
        matrices = _following(masks, side, view)
        clip = _film([s.image for s in stills], masks, matrices, side, track.name, rng)
        if clip.present[0]:
            break
    return clip


def choose_frames(
    visible: NDArray[np.bool_], length: int, rng: np.random.Generator | None
) -> list[int]:
    """Choose consecutive places of a stretch, forwards or backwards, the ear visible on the first.

    Args:
        visible: ``(N,)`` bool, somewhere true.
        length: how many.
        rng: None starts at the first place with the ear and goes forwards, frame by frame.
    """
    count = len(visible)
    starts = np.flatnonzero(visible)
    if rng is None:
        first, stride, way = int(starts[0]), 1, 1
    else:
        stride = int(rng.integers(1, MAX_STRIDE + 1)) if count >= length * MAX_STRIDE else 1
        first, way = int(rng.choice(starts)), int(rng.choice([-1, 1]))
    numbers = [first]
    while len(numbers) < length:
        if not 0 <= numbers[-1] + way * stride < count:
            way = -way
        numbers.append(int(np.clip(numbers[-1] + way * stride, 0, count - 1)))
    return numbers


def _following(masks: list[Image], side: int, view: View) -> list[Matrix]:
    """Crops that follow an ear, and stay where they are while it is not to be seen."""
    places = [_center_extent(ear_box(m)) if m.any() else None for m in masks]
    first = places[0]
    assert first is not None, "the ear is visible on the first frame"
    center, matrices = first[0], []
    for place in places:
        if place is not None:
            center = place[0] + view.lag * (first[0] - place[0])
        matrices.append(_matrix(center, first[1], side, view))
    return matrices


def _center_extent(box: tuple[float, float, float, float]) -> tuple[Float, float]:
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2]), max(x1 - x0, y1 - y0) + 1


def _matrix(center: Float, extent: float, side: int, view: View) -> Matrix:
    """From pixels of the photo to pixels of the crop; integers are pixel centers in both."""
    scale = side / (view.zoom * extent)
    cos, sin = np.cos(view.roll), np.sin(view.roll)
    turn = np.array([[cos, -sin], [sin, cos]])
    size = np.diag([scale * view.aspect * (-1 if view.flip else 1), scale])
    linear = turn @ size
    target = (side - 1) / 2 + np.array(view.shift) * side
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = target - linear @ center
    return matrix


def _film(
    images: list[Image],
    masks: list[Image],
    matrices: list[Matrix],
    side: int,
    name: str,
    rng: np.random.Generator | None,
) -> TrainingClip:
    """Warp all frames; light, blur, noise and compression vary where there is randomness."""
    cut = [warp(i, m, side, cv2.BORDER_CONSTANT) for i, m in zip(images, matrices, strict=True)]
    seen = [warp(i, m, side, cv2.BORDER_CONSTANT) for i, m in zip(masks, matrices, strict=True)]
    truth = np.stack(seen) > 127
    pixels = truth.sum((1, 2))
    visible = np.minimum(1.0, pixels / np.maximum(_whole_areas(masks, matrices), 1))
    present = (visible >= MIN_VISIBLE) & (pixels >= MIN_PIXELS)
    if rng is not None:
        # What a small ear shows must not be taken from it as from a large one.
        largest = float(np.sqrt(max(_whole_areas(masks, matrices).max(), 1.0)))
        cut = film(cut, sample_look(rng, len(cut), largest), rng)
    return TrainingClip(
        images=np.stack(cut),
        masks=truth & present[:, None, None],
        present=present,
        visible=visible,
        name=name,
    )


def _whole_areas(masks: list[Image], matrices: list[Matrix]) -> Float:
    """Areas of ears in crop pixels, in the crop or not; 0 where there is none."""
    pairs = zip(masks, matrices, strict=True)
    return np.array([area_in_crop(m, [x])[0] if m.any() else 0.0 for m, x in pairs])
