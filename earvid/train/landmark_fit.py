"""Turning a landmark model's doubts into probabilities, on ears it has not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.landmark_guess import RIGHT, box_of
from earvid.landmarks.guess.contours import diagonal
from earvid.landmarks.guess.crops import Box
from earvid.landmarks.guess.model import LandmarkModel
from earvid.landmarks.guess.network import LandmarkConfig
from earvid.train.appearance import film, sample_look
from earvid.train.landmark_photos import LandmarkPhoto
from earvid.train.occluders import paint, sample_occluder

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
_VARIANTS = 10  # of each ear
_ROUNDS = 50
_CAUTION = 0.02  # keeps a fit on few ears from certainty
_ELSEWHERE = 0.1  # share of boxes that are not around the ear


def fit_confidence(
    model: LandmarkModel, photos: Sequence[LandmarkPhoto], seed: int = 0
) -> LandmarkConfig:
    """Fit what a doubt means (Platt 1999), on ears as they are and badly filmed or covered.

    Args:
        model: whatever its confidences were.
        photos: ears kept out of training; without any, nothing changes.
        seed: of all randomness.

    Returns:
        The model's configuration with new confidences.
    """
    doubts, errors, overall, means = [], [], [], []
    for image, box, truth in _variants(photos, seed):
        look, mirrored = model.look(image, box, None)
        points = look.points * [-1, 1] + [image.shape[1] - 1, 0] if mirrored else look.points
        error = np.linalg.norm(points - truth, axis=1) / diagonal(truth)
        doubts.append(look.doubt)
        errors.append(error)
        overall.append(look.overall)
        means.append(error.mean())
    if not doubts:
        return model.config
    point = logistic(np.concatenate(doubts), np.concatenate(errors) <= RIGHT)
    whole = logistic(np.array(overall), np.array(means) <= RIGHT)
    return replace(model.config, point=point, whole=whole)


def _variants(photos: Sequence[LandmarkPhoto], seed: int) -> Iterator[tuple[Image, Box, Float]]:
    for number, photo in enumerate(photos):
        for variant in range(_VARIANTS):
            rng = np.random.default_rng((seed, 3, number, variant))
            yield worsened(rng, photo) if variant else (
                photo.image, box_of(photo.points), photo.points,
            )  # fmt: skip


def worsened(rng: np.random.Generator, photo: LandmarkPhoto) -> tuple[Image, Box, Float]:
    """An ear covered in part or badly filmed, a box that does not quite fit, and the truth."""
    image, points = _square(photo)
    side = image.shape[0]
    if rng.random() < 0.5:
        texture = np.roll(image, side // 2, (0, 1))
        focus = points[rng.integers(len(points))] - (side - 1) / 2
        occluder = sample_occluder(rng, 1, side, texture, focus)
        image = paint(image, np.full((side, side), 255, np.uint8), occluder, 0)[0]
    if rng.random() < 0.7:
        look = replace(sample_look(rng, 1, ear=diagonal(points)), codec=False)
        image = film([image], look, rng)[0]
    x0, y0, x1, y1 = box_of(points)
    shift = rng.normal(0, 0.06, 2) * (x1 - x0, y1 - y0)
    if rng.random() < _ELSEWHERE:
        shift = rng.choice([-1, 1], 2) * rng.uniform(0.5, 1.0, 2) * (x1 - x0, y1 - y0)
    grow = np.exp(rng.normal(0, 0.12, 2)) * (x1 - x0, y1 - y0) / 2
    middle = np.clip(np.array([x0 + x1, y0 + y1]) / 2 + shift, 0, side - 1)
    low, high = middle - grow, middle + grow
    return image, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), points


def _square(photo: LandmarkPhoto) -> tuple[Image, Float]:
    """The photo with its short side filled up by repeating the edge, for the occluders' sake."""
    height, width = photo.image.shape[:2]
    side = max(height, width)
    pad = ((0, side - height), (0, side - width), (0, 0))
    return np.pad(photo.image, pad, mode="edge"), photo.points


def logistic(x: Float, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Intercept and slope of the probability of being right, by Newton's method.

    The slope is never positive: more doubt is never more right.
    """
    truth = np.where(right, 1 - _CAUTION, _CAUTION)
    center, scale = float(x.mean()), max(float(x.std()), 1e-6)
    design = np.stack([np.ones_like(x), (x - center) / scale], 1)
    line = np.zeros(2)
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-design @ line))
        bend = (design * (p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
        line += np.linalg.solve(bend, design.T @ (truth - p) - 1e-3 * line)
    slope = min(float(line[1]) / scale, -0.05)
    return float(line[0]) - slope * center, slope
