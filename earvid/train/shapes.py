"""Clips of anything: textured shapes cut from photos, for the skill of tracking as such.

A model that only ever saw ears learns where ears are; one that must also follow an arbitrary patch
by what its keyframe showed learns to use its memory.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.stills import Still

CANVAS = 512


def shape_still(rng: np.random.Generator, figure: NDArray[np.uint8], ground: Still) -> Still:
    """Make a photo of a random shape on top of another photo.

    Args:
        rng: the source of randomness.
        figure: ``(S, S, 3)`` uint8 patch that fills the shape.
        ground: the photo behind it; its own ears become part of the scenery.

    Returns:
        A still of ``(512, 512)`` with the shape as its only "ear".
    """
    image = _random_square(rng, ground.image)
    outline = _outline(rng)
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [outline], 255)
    if rng.random() < 0.3:  # a hole, as the concha or an earring would make
        hole = np.round((outline - outline.mean(0)) * rng.uniform(0.25, 0.5) + outline.mean(0))
        cv2.fillPoly(mask, [hole.astype(np.int32)], 0)
    texture = cv2.resize(figure, (CANVAS, CANVAS))
    gain = np.exp(rng.normal(0, 0.25, 3))
    texture = np.clip(texture * gain, 0, 255)
    alpha = (
        cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 2.0)).astype(np.float32)[..., None] / 255
    )
    mixed = (image * (1 - alpha) + texture * alpha).astype(np.uint8)
    return Still("shapes/" + ground.name.rsplit("/", 1)[-1], mixed, (mask,))


def _outline(rng: np.random.Generator) -> NDArray[np.int32]:
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones(64)
    for k in range(2, 7):
        radius += rng.normal(0, 0.4 / k) * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, 2) * CANVAS * rng.uniform(0.12, 0.2)
    squash = rng.uniform(0.4, 1.0)
    points = np.stack([np.cos(angles) * radius, np.sin(angles) * radius * squash], axis=1)
    turn = rng.uniform(0, np.pi)
    turned = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(np.round(turned + CANVAS / 2), np.int32)


def _random_square(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    size = int(min(height, width) * rng.uniform(0.4, 1.0))
    y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    patch = image[y : y + size, x : x + size]
    return np.asarray(cv2.resize(patch, (CANVAS, CANVAS)), np.uint8)
