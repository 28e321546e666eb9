"""What moves through a scripted clip: pictures with a cover and, some of them, an ear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Window = tuple[slice, slice]

_HALVE_BELOW = 0.6  # scale under which a figure of half the size is drawn, lest fine hairs alias


@dataclass(frozen=True)
class Pose:
    """Where a figure is on a frame.

    Args:
        x: of its center, frame pixels.
        y: likewise.
        size: its ear's longer side, frame pixels.
        roll: turn in the image plane, radians, clockwise.
        squeeze: factor on its width, as when a head turns.
    """

    x: float
    y: float
    size: float
    roll: float = 0.0
    squeeze: float = 1.0


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure on a frame.

    Args:
        window: the part of the frame that the other two cover, rows and columns.
        picture: ``(h, w, 4)`` uint8 RGB times cover, and cover.
        ear: ``(h, w)`` bool, or ``None`` for a figure without ear.
    """

    window: Window
    picture: Image
    ear: Bools | None


@dataclass(frozen=True, eq=False)
class Figure:
    """A person, a hand or an object.

    Args:
        picture: ``(H, W, 4)`` uint8 RGB times cover, and cover.
        ear: ``(H, W)`` uint8 mask, 0 or 255, or ``None`` for a figure without ear.
        center: ``(x, y)`` of its ear, or of the figure itself, pixels of the picture.
        size: longer side of its ear, pixels of the picture; of the ears that it covers for a figure
            without.
    """

    picture: Image
    ear: Image | None
    center: tuple[float, float]
    size: float

    @cached_property
    def area(self) -> float:
        """Area of the whole ear, pixels of the picture."""
        return 0.0 if self.ear is None else float(np.count_nonzero(self.ear > 127))

    @cached_property
    def half(self) -> Figure:
        """The same at half the size."""
        height, width = self.picture.shape[:2]
        small = (max(1, width // 2), max(1, height // 2))
        picture = _shrunk(self.picture, small)
        ear = None if self.ear is None else _shrunk(self.ear, small)
        across, down = small[0] / width, small[1] / height
        # Pixel i covers the two pixels around 2 i + 0.5.
        center = ((self.center[0] + 0.5) * across - 0.5, (self.center[1] + 0.5) * down - 0.5)
        return Figure(picture, ear, center, self.size * down)

    def whole(self, pose: Pose) -> float:
        """Area of the whole ear at a pose, frame pixels, in view or not."""
        return self.area * (pose.size / self.size) ** 2 * pose.squeeze

    def reach(self, pose: Pose) -> Floats:
        """Box ``x0, y0, x1, y1`` of the figure at a pose, frame pixels."""
        height, width = self.picture.shape[:2]
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float) - 0.5
        placed = np.c_[corners, np.ones(4)] @ self.matrix(pose).T
        return np.concatenate([placed.min(0), placed.max(0)])

    def matrix(self, pose: Pose) -> Floats:
        """``(2, 3)`` pixels of the picture to frame pixels."""
        scale = pose.size / self.size
        cos, sin = scale * np.cos(pose.roll), scale * np.sin(pose.roll)
        turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([pose.squeeze, 1.0])
        shift = np.array([pose.x, pose.y]) - turn @ np.array(self.center)
        return np.asarray(np.c_[turn, shift])

    def draw(self, pose: Pose, width: int, height: int) -> Drawn | None:
        """Draw the figure's part of a frame; ``None`` when it is out of view."""
        if pose.size / self.size < _HALVE_BELOW:
            return self.half.draw(pose, width, height)
        x0, y0, x1, y1 = self.reach(pose)
        left, top = max(0, int(x0) - 1), max(0, int(y0) - 1)
        right, bottom = min(width, int(x1) + 2), min(height, int(y1) + 2)
        if left >= right or top >= bottom:
            return None
        matrix = self.matrix(pose) - np.array([[0, 0, left], [0, 0, top]])
        size = (right - left, bottom - top)
        picture = np.asarray(cv2.warpAffine(self.picture, matrix, size), np.uint8)
        ear = None if self.ear is None else cv2.warpAffine(self.ear, matrix, size) > 127
        return Drawn((slice(top, bottom), slice(left, right)), picture, ear)


def lay(image: Image, drawn: Drawn) -> None:
    """Lay a figure over a frame, in place."""
    behind = image[drawn.window]
    cover = drawn.picture[..., 3:].astype(np.uint16)
    behind[:] = drawn.picture[..., :3] + ((255 - cover) * behind // 255).astype(np.uint8)


def mirrored(figure: Figure) -> Figure:
    """The figure's mirror image."""
    return replace(
        figure,
        picture=np.ascontiguousarray(figure.picture[:, ::-1]),
        ear=None if figure.ear is None else np.ascontiguousarray(figure.ear[:, ::-1]),
        center=(figure.picture.shape[1] - 1 - figure.center[0], figure.center[1]),
    )


def blob(rng: np.random.Generator, texture: Image, size: float) -> Figure:
    """A rounded thing that hides an ear of ``size`` pixels wholly, however it is turned.

    Args:
        rng: of its outline.
        texture: ``(S, S, 3)`` uint8 with ``S`` at least ``2.8 * size``.
        size: longer side of the ear to be hidden, pixels of the texture.
    """
    side = texture.shape[0]
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    bumps = sum(rng.uniform(0, 0.1) * np.cos(k * angles + rng.uniform(0, 6.3)) for k in (2, 3, 5))
    radius = size * (1.05 + np.asarray(bumps))
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None] + (side - 1) / 2
    cover = np.zeros((side, side), np.uint8)
    cv2.fillPoly(cover, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    middle = (side - 1) / 2
    return Figure(covered(texture, cover), None, (middle, middle), size)


def covered(image: Image, cover: Image) -> Image:
    """``(H, W, 4)`` uint8 RGB times cover, and cover, of an image and its cover."""
    color = image.astype(np.uint16) * cover[..., None] // 255
    return np.dstack([color.astype(np.uint8), cover])


def _shrunk(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
