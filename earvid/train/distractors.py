"""Ears that are not the one: somebody else's, or the mirrored one, beside the tracked ear."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.geometry import Image, ear_box, warp
from earvid.train.motion import MotionRanges, Placement, crop_homographies
from earvid.train.stills import Still


@dataclass(frozen=True, eq=False)
class Distractor:
    """Another ear with some of its surroundings, on its own way through a clip.

    Args:
        images: ``(T, S, S, 3)`` uint8, what it shows.
        alphas: ``(T, S, S)`` uint8, where it shows, with a soft edge.
    """

    images: NDArray[np.uint8]
    alphas: NDArray[np.uint8]


def sample_distractor(
    rng: np.random.Generator,
    still: Still,
    length: int,
    side: int,
    motion: MotionRanges,
    zoom: float,
) -> Distractor:
    """Draw another ear of about the target's size, most often beside it.

    Args:
        rng: the source of randomness.
        still: the photo it is taken from; the target's own gives a look-alike.
        length: frames.
        side: crop side, pixels.
        motion: how far things move.
        zoom: crop side over ear side of the target.
    """
    ear = still.ears[rng.integers(len(still.ears))]
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.22, 0.62)
    place = Placement(
        zoom=zoom * float(np.exp(rng.normal(0.1, 0.25))),
        shift=(distance * float(np.cos(angle)), distance * float(np.sin(angle))),
    )
    calm = replace(motion, shift=motion.shift * 1.5)
    matrices = crop_homographies(rng, ear_box(ear), length, side, calm, False, place)
    alpha = _surroundings(rng, ear)
    return Distractor(
        np.stack([warp(still.image, m, side, cv2.BORDER_REPLICATE) for m in matrices]),
        np.stack([warp(alpha, m, side, cv2.BORDER_CONSTANT) for m in matrices]),
    )


def lay_over(image: Image, mask: Image, other: Distractor, t: int) -> tuple[Image, Image]:
    """Lay the distractor of frame ``t`` over an image, and cut it out of the target's mask."""
    weight = other.alphas[t].astype(np.float32)[..., None] / 255.0
    mixed = image * (1 - weight) + other.images[t] * weight
    return mixed.astype(np.uint8), np.where(other.alphas[t] > 127, 0, mask).astype(np.uint8)


def lay_under(image: Image, mask: Image, other: Distractor, t: int) -> tuple[Image, Image]:
    """Lay the distractor behind the target: it never hides it; the target's rim stays its own."""
    _, _, width, height = cv2.boundingRect(mask)
    grow = max(3, round(0.25 * max(width, height))) | 1
    near = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    keep = cv2.GaussianBlur(near, (0, 0), grow / 5).astype(np.float32) / 255.0
    weight = (other.alphas[t].astype(np.float32) / 255.0 * (1 - keep))[..., None]
    return (image * (1 - weight) + other.images[t] * weight).astype(np.uint8), mask


def _surroundings(rng: np.random.Generator, ear: Image) -> Image:
    """Soft alpha around an ear, from its bare outline to half a head."""
    x0, y0, x1, y1 = ear_box(ear)
    extent = max(x1 - x0, y1 - y0, 4.0)
    pad = round(extent * rng.choice([0.08, 0.3, 0.8]))
    top, left = max(0, int(y0) - 2 * pad), max(0, int(x0) - 2 * pad)
    window = ear[top : int(y1) + 2 * pad + 2, left : int(x1) + 2 * pad + 2]
    # Dilation at a small size: an exact outline is not needed, and large kernels are slow.
    shrink = max(1.0, extent / 96)
    small = cv2.resize(window, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    reach = max(3, round(2 * pad / shrink)) | 1
    small = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    small = cv2.GaussianBlur(small, (0, 0), max(0.8, 0.03 * extent / shrink))
    alpha = np.zeros_like(ear)
    alpha[top : top + window.shape[0], left : left + window.shape[1]] = cv2.resize(
        small, window.shape[::-1]
    )
    return alpha
