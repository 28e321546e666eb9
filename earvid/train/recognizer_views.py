"""Views of ears as a video shows them: turned, lit, blurred, partly hidden, compressed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.recognize.network import RecognizerConfig
from earvid.train.appearance import Look, film, sample_look
from earvid.train.geometry import Image, Matrix, ear_box, warp
from earvid.train.stills import Still

KEPT = 224  # pixels across what is kept of a photo
ZOOM = 2.4  # that, over the ear


@dataclass(frozen=True, eq=False)
class KeptEar:
    """What is kept of a photo: one ear and its surroundings.

    Args:
        image: ``(224, 224, 3)`` uint8 RGB, the ear in its middle.
        near: ``(224, 224)`` uint8, the ear and what touches it; its edge is soft.
        subject: whose ear.
        order: number of the photo, if its name tells nobody apart: neighbors may then show one
            person.
        family: of ears that are drawn alike, which are told apart in one step.
    """

    image: Image
    near: Image
    subject: str
    order: int | None = None
    family: str | None = None


@dataclass(frozen=True, eq=False)
class Company:
    """What the ears of one clip share.

    Args:
        look: of the camera, in two moments.
        behind: ``(224, 224, 3)`` uint8, surroundings; ``None`` where each has its own.
    """

    look: Look
    behind: Image | None


def keep_ears(stills: Iterable[Still | None]) -> list[KeptEar]:
    """Cut the ears out of photos, one after the other; those without an ear are passed over."""
    kept = []
    for order, still in enumerate(stills):
        if still is None:
            continue
        for number, ear in enumerate(still.ears):
            named = still.subject != still.name.rsplit("/", 1)[-1]
            # The two ears of one person look alike but for the mirror; they are two.
            name = still.subject if len(still.ears) == 1 else f"{still.subject}#{number}"
            box = ear_box(ear)
            image, near = _cut(still.image, box), _near(_cut(ear, box))
            kept.append(KeptEar(image, near, name, None if named else order))
    return kept


def _cut(image: Image, box: tuple[float, float, float, float]) -> Image:
    x0, y0, x1, y1 = box
    scale = KEPT / (ZOOM * max(x1 - x0 + 1, y1 - y0 + 1))
    middle = (KEPT - 1) / 2
    matrix = np.array(
        [
            [scale, 0, middle - scale * (x0 + x1) / 2],
            [0, scale, middle - scale * (y0 + y1) / 2],
            [0, 0, 1.0],
        ]
    )
    return warp(image, matrix, KEPT, cv2.BORDER_REPLICATE)


def _near(ear: Image) -> Image:
    grown = cv2.dilate(ear, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17)))
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), 4), np.uint8)


class ViewMaker:
    """Makes views of ears; everything random comes from the generator that is passed.

    Args:
        config: of the recognizer, whose crops these are.
        textures: ears whose surroundings hide parts of others.
    """

    def __init__(self, config: RecognizerConfig, textures: Sequence[KeptEar]) -> None:
        self.config, self._textures = config, list(textures)

    def company(self, rng: np.random.Generator) -> Company:
        """Draw what the ears of one clip share."""
        behind = self._behind(rng) if rng.random() < 0.5 else None
        return Company(sample_look(rng, 2, self._across), behind)

    def pair(
        self,
        rng: np.random.Generator,
        ears: tuple[KeptEar, KeptEar],
        mirrored: bool,
        company: Company | None = None,
    ) -> list[Image]:
        """Two views ``(S, S, 3)`` of one ear, as of two moments of a clip.

        Args:
            rng: the source of randomness.
            ears: photos of the ear, twice the same where there is one.
            mirrored: show the mirror image of both, which stands for another ear.
            company: what is shared with other ears, so that it tells none apart.
        """
        behind = None if company is None else company.behind
        moved = [
            self._hidden(rng, self._moved(rng, self._elsewhere(rng, ear, behind), mirrored))
            for ear in ears
        ]
        if company is not None:
            return film(moved, company.look, rng)
        if rng.random() < 0.6:  # one camera, one light
            return film(moved, sample_look(rng, 2, self._across), rng)
        return [film([view], sample_look(rng, 1, self._across), rng)[0] for view in moved]

    @property
    def _across(self) -> float:
        """Pixels across an ear."""
        return self.config.side / self.config.margin

    def _behind(self, rng: np.random.Generator) -> Image:
        return self._textures[rng.integers(len(self._textures))].image[::-1]

    def _elsewhere(self, rng: np.random.Generator, ear: KeptEar, behind: Image | None) -> Image:
        """The ear before other surroundings, now and then: they change as a head moves."""
        if behind is None:
            if rng.random() > 0.4:
                return ear.image
            behind = self._behind(rng)
        weight = ear.near[..., None] / 255.0
        return np.asarray(ear.image * weight + behind * (1 - weight), np.uint8)

    def _moved(self, rng: np.random.Generator, image: Image, mirrored: bool) -> Image:
        side = self.config.side
        scale = side / (self.config.margin * KEPT / ZOOM) * np.exp(rng.normal(0, 0.10))
        yaw = np.exp(-abs(rng.normal(0, 0.22))) * np.exp(rng.normal(0, 0.05))
        flip = -1.0 if mirrored else 1.0
        roll, shift = rng.normal(0, 0.18), rng.normal(0, 0.05, 2)
        cos, sin = np.cos(roll), np.sin(roll)
        tilt = rng.normal(0, 0.12, 2) / side
        matrix = (
            _move((side - 1) / 2 + shift * side)
            @ np.array([[1, 0, 0], [0, 1, 0], [*tilt, 1.0]])
            @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
            @ np.diag([scale * yaw * flip, scale, 1.0])
            @ _move(np.full(2, -(KEPT - 1) / 2))
        )
        return warp(image, matrix, side, cv2.BORDER_REPLICATE)

    def _hidden(self, rng: np.random.Generator, view: Image) -> Image:
        """Something in front of a part of it, now and then."""
        if rng.random() > 0.3:
            return view
        side = self.config.side
        other = self._textures[rng.integers(len(self._textures))].image
        patch = cv2.resize(other[: KEPT // 3], (side, side))
        if rng.random() < 0.5:
            patch = np.broadcast_to(patch.mean((0, 1)), patch.shape).astype(np.uint8)
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.5) * side
        ys, xs = np.mgrid[:side, :side] - (side - 1) / 2
        beyond = xs * np.cos(angle) + ys * np.sin(angle) - reach
        weight: NDArray[np.float64] = np.clip(beyond / 2 + 0.5, 0, 1)[..., None]
        return np.asarray(view * (1 - weight) + patch * weight, np.uint8)


def _move(by: NDArray[np.float64]) -> Matrix:
    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1.0]])
