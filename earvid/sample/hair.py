"""Hair: thousands of strands that follow the way hair is combed."""

import cv2
import numpy as np
import numpy.typing as npt

from earvid.sample.params import EarParams
from earvid.sample.planes import Picture, Plane, Points, blurred, resized, step
from earvid.sample.scene import Scene
from earvid.sample.texture import cloud, linear

_POINTS = 20  # of a strand
_COARSE = 4  # pixels per heading
_SHIFT = 4  # fractional bits of the coordinates that OpenCV draws with

Flow = npt.NDArray[np.complex128]  # headings or places: x + iy


def draw_hair(scene: Scene, params: EarParams, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """The hair behind the ear.

    Returns:
        (H, W, 3) light times cover, and (H, W) cover from 0 to 1.
    """
    scalp = scene.scalp(params.long_hair)
    flow = _combed(scene, params, rng)
    roots = _roots(scalp, rng, int((55 if params.long_hair else 48) * scene.size))
    length = 0.9 if params.long_hair else 0.3
    strands = _grown(roots, flow, length * scene.size, rng)
    drawn = _painted(strands, scalp, params, scene.size, rng)
    sheen = _sheen(scene, flow, params, rng)
    cover = drawn[..., 3].astype(np.float32) / 255
    color = linear(drawn[..., :3].astype(np.float32) / np.maximum(drawn[..., 3:], 1))
    return color * (cover * sheen)[..., None], cover


def stray_hairs(scene: Scene, rng: np.random.Generator) -> Plane:
    """(H, W) cover of a few thin hairs across the top of the ear, too thin to hide the skin."""
    drawn = np.zeros((*scene.shape, 1), np.uint8)
    count = int(rng.integers(5, 11))
    along = np.linspace(0, 1, _POINTS)[:, None]
    across = rng.uniform(0.15, 0.5, count) - rng.uniform(0.25, 0.6, count) * along
    down = rng.uniform(-0.75, -0.5, count) + rng.uniform(0.02, 0.22, count) * along
    down = down + rng.uniform(0.15, 0.35, count) * along**2
    for x, y in zip(across.T, down.T, strict=True):
        _line(drawn, scene.to_pixels(np.stack([x, y], axis=1)), [255.0])
    thin = min(0.45, 90 / scene.size)
    return blurred(drawn[..., 0].astype(np.float32) / 255, 0.6) * thin


def _combed(scene: Scene, params: EarParams, rng: np.random.Generator) -> Flow:
    """(H/4, W/4) headings from the roots to the tips, on one pixel in four each way."""
    x, y = scene.grid(_COARSE)
    across: Plane
    down: Plane
    if params.long_hair:  # tucked behind the ear: back over its top, then down
        fall = step(-x - 0.1, -0.2, 0.55) * step(y, -0.9, -0.1)
        across = 0.8 * fall - 1
        down = 0.35 + 0.65 * fall + 0.8 * step(x, 0.35, 0.6) * step(y, -0.7, -0.3)
    else:  # away from the crown, and straight down beside the ear
        across = (x + 0.55) * (1 - 0.9 * step(y, -0.8, 0.3))
        down = y + 1.9
    heading: Flow = np.asarray(across + 1j * down, np.complex128) / np.hypot(across, down)
    jitter = [cloud(rng, x.shape, 0.5 * scene.size / _COARSE) for _ in range(2)]
    heading = heading + 0.1 * (jitter[0] + 1j * jitter[1])
    flow: Flow = heading / np.abs(heading)
    return flow


def _roots(scalp: Plane, rng: np.random.Generator, count: int) -> Flow:
    """(N,) pixels on the scalp."""
    rows, columns = scalp.shape
    x, y = rng.random(2 * count) * (columns - 1), rng.random(2 * count) * (rows - 1)
    within = scalp[y.astype(int), x.astype(int)] > rng.uniform(0.1, 1, 2 * count)
    roots: Flow = (x + 1j * y)[within][:count]
    return roots


def _grown(roots: Flow, flow: Flow, length: float, rng: np.random.Generator) -> Points:
    """(N, points, 2) strands that start at the roots and follow the flow, each a little off."""
    rows, columns = flow.shape
    stride = length * rng.uniform(0.5, 1.2, len(roots)) / (_POINTS - 1)
    off = rng.normal(0, 0.14, len(roots))
    curl = rng.normal(0, 0.35, len(roots)) / _POINTS
    strands = [roots]
    for index in range(_POINTS - 1):
        tip = strands[-1]
        x = (tip.real / _COARSE).astype(int).clip(0, columns - 1)
        y = (tip.imag / _COARSE).astype(int).clip(0, rows - 1)
        strands.append(tip + stride * flow[y, x] * np.exp(1j * (off + curl * index)))
    grown = np.stack(strands, axis=1)
    return np.stack([grown.real, grown.imag], axis=-1)


def _painted(
    strands: Points, scalp: Plane, params: EarParams, size: float, rng: np.random.Generator
) -> Picture:
    """(H, W, 4) sRGB times cover, and cover: dark ground, then strands of all shades."""
    contrast = min(size / 350, 1.0)  # of strands finer than a pixel only their mean is seen
    color = np.array(params.hair) * 255
    under = np.append(color * (0.8 - 0.3 * contrast), 255)
    canvas: Picture = (scalp[..., None] * under).astype(np.uint8)
    shades = rng.lognormal(-0.1, 0.24 * contrast, len(strands)).clip(0.4, 1.8)
    for strand, shade in zip(strands, shades, strict=True):
        tone = np.append((color * shade + 6 * (shade - 0.6)).clip(0, 250), 255)
        _line(canvas, strand, tone.tolist())
    return canvas


def _line(canvas: Picture, points: Points, tone: list[float]) -> None:
    fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [fixed], False, tone, 1, cv2.LINE_AA, _SHIFT)


def _sheen(scene: Scene, flow: Flow, params: EarParams, rng: np.random.Generator) -> Plane:
    """(H, W) brightness: hair shines where it runs across the light."""
    angle = np.radians(params.light_angle)
    along = flow.real * np.cos(angle) - flow.imag * np.sin(angle)
    rows, columns = flow.shape
    locks = cloud(rng, (rows, columns), 0.22 * scene.size / _COARSE)
    across = 1 - np.abs(along + 0.1 * locks).clip(0, 1)
    sheen = 0.6 + 0.8 * across**2 + 0.05 * locks
    return resized(sheen.astype(np.float32), scene.shape, smooth=False).clip(0.2, None)
