"""What is scattered: clouds, pores, moles and the blurred room behind."""

import cv2
import numpy as np

from earvid.sample.params import Color
from earvid.sample.planes import Plane, blurred, resized


def linear(color: Color | Plane) -> Plane:
    """sRGB, 0 to 1, to light."""
    light: Plane = np.asarray(color, np.float32) ** np.float32(2.2)
    return light


def encoded(light: Plane) -> Plane:
    """Light to sRGB, 0 to 1; highlights are rolled off rather than clipped."""
    over = np.maximum(light - 0.6, 0)
    rolled = np.minimum(light, 0.6) + 0.4 * (1 - np.exp(-over / 0.4))
    color: Plane = rolled.clip(0, 1) ** np.float32(1 / 2.2)
    return color


def cloud(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Plane:
    """(H, W) smooth noise of mean 0 and deviation about 1, with bumps `cell` pixels apart."""
    rows, columns = (max(int(np.ceil(side / cell)) + 3, 4) for side in shape)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32) * 1.6
    large = resized(coarse, (int(rows * cell) + 1, int(columns * cell) + 1))
    return large[: shape[0], : shape[1]]


def skin(rng: np.random.Generator, shape: tuple[int, int], color: Color, size: float) -> Plane:
    """(H, W, 3) reflected share of the light: blotches, pores and a few moles.

    Args:
        rng: Source of randomness.
        shape: (rows, columns).
        color: sRGB of the skin.
        size: Pixels per ear height.
    """
    blotches = cloud(rng, shape, 0.16 * size) + 0.7 * cloud(rng, shape, 0.05 * size)
    tint = np.array([0.008, 0.02, 0.02], np.float32)
    base = linear(color) * (1 - blotches[..., None] * tint)
    base *= (1 + 0.045 * _pores(rng, shape, size))[..., None]
    return base * _moles(rng, shape, size)[..., None]


def _pores(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    """Noise of one width, as pores and fine hairs make it."""
    noise = rng.standard_normal(shape).astype(np.float32)
    fine = blurred(noise, max(0.0035 * size, 0.6))
    coarse = blurred(noise, max(0.009 * size, 1.5))
    pores: Plane = fine - coarse
    return pores / max(float(pores.std()), 1e-6)


def _moles(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Plane:
    dark = np.ones(shape, np.float32)
    for _ in range(rng.integers(4, 12)):
        center = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        radius = max(int(rng.uniform(0.005, 0.013) * size), 1)
        cv2.circle(dark, center, radius, float(rng.uniform(0.5, 0.85)), -1)
    return blurred(dark, max(0.006 * size, 0.7))


def room(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """(H, W, 3) light of an out-of-focus room: a wall, furniture and a window or lamp."""
    rows, columns = 96, 128
    wall = rng.uniform(0.3, 0.8) * (1 + rng.uniform(-0.08, 0.08, 3))
    picture = np.full((rows, columns, 3), wall, np.float32)
    for _ in range(int(rng.integers(5, 10))):
        low = rng.integers((-20, -20), (columns, rows))
        high = low + rng.integers((8, 8), (60, 50))
        tone = rng.uniform(0.1, 0.95) * (1 + rng.uniform(-0.12, 0.12, 3))
        cv2.rectangle(picture, low.tolist(), high.tolist(), tone.clip(0, 1).tolist(), -1)
    return linear(resized(blurred(picture, 5.0), shape).clip(0, 1))
