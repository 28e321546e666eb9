"""What scripted clips are made of: drawn people, or people cut out of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.evaluate.memory_figures import Figure, Image, blob, covered, mirrored
from earvid.sample.hand import draw_hand
from earvid.sample.params import COLORING, LIGHT, EarParams, random_ear
from earvid.sample.render import render_ear
from earvid.sample.texture import cloud, encoded, room
from earvid.train.geometry import ear_box
from earvid.train.stills import Still

DETAIL = 120  # pixels of a figure's ear, about as large as the largest on a frame
MIN_EAR = 60  # pixels of a photo's ear; smaller ones would be enlarged to a blur
_HAND = 1.3  # hand units per ear: the palm hides the whole ear
_TORSO = 4.0  # ear sizes by which a drawn body goes on below its picture
_AROUND = 0.9  # ear sizes of a photo that are cut out around its ear
_SOFT = 0.07  # ear sizes over which a cutout fades


class Material(Protocol):
    """Where figures and backgrounds come from; deterministic in the generator that is given."""

    def people(self, rng: np.random.Generator, count: int) -> list[Figure]:
        """Draw ``count`` figures with ears, all of different people."""

    def background(self, rng: np.random.Generator, width: int, height: int) -> Image:
        """``(height, width, 3)`` uint8 RGB without any ear."""

    def thing(self, rng: np.random.Generator) -> Figure:
        """Something that can hide an ear and shows none."""

    def hand(self, rng: np.random.Generator) -> Figure | None:
        """A hand whose arm reaches down, that can hide an ear, if there are hands."""


class DrawnMaterial:
    """People as :mod:`earvid.sample` draws them; needs no photos."""

    def people(self, rng: np.random.Generator, count: int) -> list[Figure]:
        """Draw people of different shape in one light; half of the groups are of one coloring."""
        drawn = [random_ear(int(rng.integers(2**31))) for _ in range(count)]
        shared = LIGHT + (COLORING if rng.random() < 0.5 else ())
        same = {name: getattr(drawn[0], name) for name in shared}
        return [_person(replace(params, **same)) for params in drawn]

    def background(self, rng: np.random.Generator, width: int, height: int) -> Image:
        """An out-of-focus room."""
        light = encoded(room(rng, (height // 4, width // 4))) * 255
        large = cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(large.clip(0, 255), np.uint8)

    def thing(self, rng: np.random.Generator) -> Figure:
        """An object of mottled cloth."""
        side = 3 * DETAIL
        mottled = 1 + 0.16 * cloud(rng, (side, side), 9) + 0.1 * cloud(rng, (side, side), 40)
        color = rng.uniform(30, 215) * (1 + rng.uniform(-0.3, 0.3, 3))
        texture = (mottled[..., None] * color).clip(0, 255).astype(np.uint8)
        return blob(rng, texture, DETAIL)

    def hand(self, rng: np.random.Generator) -> Figure:
        """A hand of somebody's skin."""
        unit = _HAND * DETAIL
        drawn = draw_hand(random_ear(int(rng.integers(2**31))), unit)
        palm = drawn.to_pixels[:2, 2]
        return Figure(drawn.picture, None, (float(palm[0]), float(palm[1])), DETAIL)


class PhotoMaterial:
    """Ears of photos with masks, cut out with what is around them.

    Args:
        stills: the photos; those that a model did not learn from.

    Raises:
        EarvidError: there are not enough people with large ears.
    """

    def __init__(self, stills: Sequence[Still]) -> None:
        self._stills = [s for s in stills if _extent(s.ears[0]) >= MIN_EAR and _alone(s)]
        self._subjects = sorted({s.subject for s in self._stills})
        if len(self._subjects) < 3:
            raise EarvidError(
                f"Clips of photos need ears of at least {MIN_EAR} pixels of three people; "
                f"these show {len(self._subjects)}. Give more photos."
            )

    def people(self, rng: np.random.Generator, count: int) -> list[Figure]:
        """Draw ears of different subjects."""
        subjects = rng.choice(self._subjects, count, replace=False)
        return [self._cutout(rng, str(subject)) for subject in subjects]

    def background(self, rng: np.random.Generator, width: int, height: int) -> Image:
        """A part of a photo that shows no annotated ear, out of focus."""
        part = cv2.resize(self._earless(rng, width / height, 0.9), (width, height))
        return np.asarray(cv2.GaussianBlur(part, (0, 0), 3.0), np.uint8)

    def thing(self, rng: np.random.Generator) -> Figure:
        """A rounded piece of a photo that shows no annotated ear."""
        side = 3 * DETAIL
        part = cv2.resize(self._earless(rng, 1.0, 0.3), (side, side))
        return blob(rng, np.asarray(part, np.uint8), DETAIL)

    def hand(self, rng: np.random.Generator) -> None:
        """There is none."""

    def _cutout(self, rng: np.random.Generator, subject: str) -> Figure:
        theirs = [s for s in self._stills if s.subject == subject]
        still = theirs[int(rng.integers(len(theirs)))]
        figure = cut_out(still)
        return mirrored(figure) if rng.random() < 0.5 else figure

    def _earless(self, rng: np.random.Generator, aspect: float, most: float) -> Image:
        """A part without ear of at most that share of a photo; a plain one if there is none."""
        for shrink in np.linspace(most, 0.1, 40):
            still = self._stills[int(rng.integers(len(self._stills)))]
            rows, columns = still.image.shape[:2]
            height = max(1, int(shrink * min(rows, columns / aspect)))
            width = max(1, int(height * aspect))
            y, x = int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1))
            window = slice(y, y + height), slice(x, x + width)
            if not any(ear[window].any() for ear in still.ears):
                return still.image[window]
        return np.full((8, 8, 3), 110, np.uint8)


def _person(params: EarParams) -> Figure:
    layers = render_ear(params, DETAIL)
    outline = layers.outline @ layers.to_pixels[:2, :2].T + layers.to_pixels[:2, 2]
    ear = np.zeros(layers.person.shape[:2], np.uint8)
    cv2.fillPoly(ear, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    below = ((0, round(_TORSO * DETAIL)), (0, 0))
    picture = np.pad(layers.person, (*below, (0, 0)), mode="edge")
    low, high = outline.min(0), outline.max(0)
    middle = (low + high) / 2
    center = (float(middle[0]), float(middle[1]))
    figure = Figure(picture, np.pad(ear, below), center, float((high - low).max()))
    return mirrored(figure) if params.mirrored else figure


def cut_out(still: Still) -> Figure:
    """Cut the largest ear of a photo out, with some of its surroundings and a soft edge."""
    ear, window = still.ears[0], _around(still)
    x0, y0, x1, y1 = ear_box(ear)
    extent = _extent(ear)
    scale = min(1.0, DETAIL / extent)
    image, mask = (_shrunk(part[window], scale) for part in (still.image, ear))
    cover = _soft_cover(mask, extent * scale)
    rows, columns = window
    center = tuple(
        ((low + high) / 2 - start + 0.5) * scale - 0.5
        for low, high, start in ((x0, x1, columns.start), (y0, y1, rows.start))
    )
    return Figure(covered(image, cover), mask, (center[0], center[1]), extent * scale)


def _around(still: Still) -> tuple[slice, slice]:
    """Rows and columns of a photo's largest ear with its surroundings."""
    x0, y0, x1, y1 = (round(value) for value in ear_box(still.ears[0]))
    pad = round(_AROUND * _extent(still.ears[0]))
    return (
        slice(max(0, y0 - pad), y1 + pad + 1),
        slice(max(0, x0 - pad), x1 + pad + 1),
    )


def _alone(still: Still) -> bool:
    """Whether no other annotated ear is near the largest one."""
    window = _around(still)
    return not any(ear[window].any() for ear in still.ears[1:])


def _soft_cover(ear: Image, extent: float) -> Image:
    """(H, W) a rounded window that fades towards its border, but never over the ear itself."""
    height, width = ear.shape
    y, x = np.mgrid[0:height, 0:width]
    across = np.abs(2 * (x + 0.5) / width - 1)
    down = np.abs(2 * (y + 0.5) / height - 1)
    # 1 at the window's middle and 0 on a superellipse that touches its sides.
    inward = 1 - (across**4 + down**4) ** 0.25
    fade = 2 * _SOFT * extent / min(height, width)
    window = (inward / fade).clip(0, 1)
    reach = max(3, round(0.04 * extent)) | 1
    near = cv2.dilate(ear, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    kept = cv2.GaussianBlur(near, (0, 0), reach / 4).astype(np.float64) / 255
    return np.asarray((255 * np.maximum(window, np.maximum(kept, ear > 127))).round(), np.uint8)


def _shrunk(image: Image, scale: float) -> Image:
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _extent(ear: NDArray[np.uint8]) -> float:
    x0, y0, x1, y1 = ear_box(ear)
    return max(x1 - x0, y1 - y0) + 1
