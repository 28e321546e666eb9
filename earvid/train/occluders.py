"""Things that pass in front of an ear: hands, hair, objects, made of patches of other photos."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.motion import smooth

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Occluder:
    """A textured shape on its way across the crop.

    Args:
        texture: ``(S, S, 3)`` uint8, what the shape shows.
        shape: ``(S, S)`` uint8 alpha of the shape, around the center of the crop.
        path: ``(T, 2)`` offsets of the shape, pixels.
        turn: ``(T,)`` rotations, degrees.
    """

    texture: Image
    shape: Image
    path: NDArray[np.float64]
    turn: NDArray[np.float64]


def sample_occluder(
    rng: np.random.Generator, length: int, side: int, texture: Image, focus: NDArray[np.float64]
) -> Occluder:
    """Draw an occluder whose path comes close to ``focus`` (the ear) at some frame.

    Args:
        rng: the source of randomness.
        length: frames.
        side: crop side, pixels.
        texture: a ``(S, S, 3)`` patch of another photo.
        focus: ``(2,)`` point to pass, crop pixels relative to the center.
    """
    shape = _strands(rng, side) if rng.random() < 0.3 else _blob(rng, side)
    if rng.random() < 0.3:  # one tone of the photo, such as a sleeve, hair or another's skin
        texture = np.broadcast_to(texture.mean((0, 1)), texture.shape).astype(np.uint8)
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    speed = side * rng.uniform(0.0, 0.45)
    meet = rng.uniform(0.5, length)
    along = (np.arange(length) - meet) * speed
    miss = rng.normal(0, 0.15 * side, 2)
    path = focus + miss + along[:, None] * direction
    path += np.stack([smooth(rng, length, 0.03 * side) for _ in range(2)], axis=1)
    turn = np.rad2deg(smooth(rng, length, 0.4))
    return Occluder(texture, shape, path, turn)


def paint(image: Image, mask: Image, occluder: Occluder, t: int) -> tuple[Image, Image]:
    """Lay the occluder of frame ``t`` over an image, and cut it out of the mask."""
    side = image.shape[0]
    mid = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((mid, mid), float(occluder.turn[t]), 1.0)
    matrix[:, 2] += occluder.path[t]
    alpha = cv2.warpAffine(occluder.shape, matrix, (side, side))
    if not alpha.any():
        return image, mask
    texture = cv2.warpAffine(
        occluder.texture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101
    )
    weight = (alpha.astype(np.float32) / 255.0)[..., None]
    mixed = image * (1 - weight) + texture * weight
    return mixed.astype(np.uint8), np.where(alpha > 127, 0, mask).astype(np.uint8)


def cover(image: Image, mask: Image, direction: float) -> Image:
    """Hide an ear under what lies beside it: hair, skin or background, with a soft edge.

    Args:
        image: ``(S, S, 3)`` uint8.
        mask: ``(S, S)`` uint8 mask of the whole ear, 0 or 255.
        direction: where to take the cover from, radians.
    """
    _, _, width, height = cv2.boundingRect(mask)
    reach = 1.25 * max(width, height)
    shift = np.array(
        [[1, 0, reach * np.cos(direction)], [0, 1, reach * np.sin(direction)]], np.float64
    )
    side = image.shape[0]
    beside = cv2.warpAffine(image, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)
    grow = max(3, round(0.12 * max(width, height))) | 1
    hidden = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    weight = cv2.GaussianBlur(hidden, (0, 0), grow / 4).astype(np.float32)[..., None] / 255.0
    return (image * (1 - weight) + beside * weight).astype(np.uint8)


def _blob(rng: np.random.Generator, side: int) -> Image:
    """A smooth closed shape, from a finger to a hand in size."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.ones(40)
    for k in range(2, 6):
        radius += rng.normal(0, 0.35 / k) * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.3, 2) * side * rng.uniform(0.08, 0.34)
    squash = rng.uniform(0.35, 1.0)
    points = np.stack([np.cos(angles) * radius, np.sin(angles) * radius * squash], axis=1)
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.round(points + side / 2).astype(np.int32)], 255)
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.5, 2.0)), np.uint8)


def _strands(rng: np.random.Generator, side: int) -> Image:
    """A lock of hair: a bundle of curves."""
    shape = np.zeros((side, side), np.uint8)
    start = rng.uniform(-0.2, 1.2, 2) * side
    end = rng.uniform(-0.2, 1.2, 2) * side
    bend = (start + end) / 2 + rng.normal(0, 0.25 * side, 2)
    t = np.linspace(0, 1, 24)[:, None]
    spread = side * rng.uniform(0.02, 0.12)
    for _ in range(int(rng.integers(4, 28))):
        a, b, c = (p + rng.normal(0, spread, 2) for p in (start, bend, end))
        curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
        thickness = int(rng.integers(1, max(2, side // 64)))
        cv2.polylines(shape, [np.round(curve).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    return shape
