"""What cameras and files do to an image: light, color, blur, noise, small sizes, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.train.motion import smooth

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Look:
    """The appearance of one clip; paths hold one value per frame.

    Args:
        gain: ``(T, 3)`` color gains.
        bias: ``(T,)`` brightness offsets, 0..255 scale.
        gamma: contrast curve of the clip.
        blur: ``(T,)`` motion-blur lengths, pixels.
        angle: direction of the motion blur, radians.
        soften: sigma of the clip's defocus, pixels.
        reduce: factor by which the clip was recorded smaller (1 = not at all).
        noise: sigma of sensor noise, 0..255 scale.
        quality: JPEG quality, 0 = not compressed.
    """

    gain: NDArray[np.float64]
    bias: NDArray[np.float64]
    gamma: float
    blur: NDArray[np.float64]
    angle: float
    soften: float
    reduce: float
    noise: float
    quality: int


def sample_look(rng: np.random.Generator, length: int) -> Look:
    """Draw the appearance of a clip of ``length`` frames."""
    light = np.exp(rng.normal(0, 0.22) + smooth(rng, length, 0.08))
    tint = np.exp(rng.normal(0, 0.08, 3))
    moving = rng.random() < 0.35
    return Look(
        gain=light[:, None] * tint[None, :],
        bias=rng.normal(0, 10) + smooth(rng, length, 5.0),
        gamma=float(np.exp(rng.normal(0, 0.18))),
        blur=np.abs(rng.normal(0, 5, length)) if moving else np.zeros(length),
        angle=float(rng.uniform(0, np.pi)),
        soften=float(abs(rng.normal(0, 0.9))) if rng.random() < 0.35 else 0.0,
        reduce=float(rng.uniform(1.2, 5.0)) if rng.random() < 0.4 else 1.0,
        noise=float(abs(rng.normal(0, 6))) if rng.random() < 0.6 else 0.0,
        quality=int(rng.integers(18, 90)) if rng.random() < 0.7 else 0,
    )


def apply_look(image: Image, look: Look, t: int, rng: np.random.Generator) -> Image:
    """Render frame ``t`` of a clip with the given look; ``(S, S, 3)`` uint8 in and out."""
    image = _tone(image, look, t)
    if look.blur[t] >= 1.5:
        image = _motion_blur(image, look.blur[t], look.angle)
    if look.soften > 0.3:
        image = _as_image(cv2.GaussianBlur(image, (0, 0), look.soften))
    image = _degrade(image, look, rng)
    return image


def _tone(image: Image, look: Look, t: int) -> Image:
    ramp = (np.arange(256) / 255.0) ** look.gamma * 255.0
    table = np.clip(ramp[:, None] * look.gain[t] + look.bias[t], 0, 255)
    return _as_image(cv2.LUT(image, table.astype(np.uint8)[None]))


def _motion_blur(image: Image, length: float, angle: float) -> Image:
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), np.float32)
    mid = size // 2
    dx, dy = np.cos(angle) * mid, np.sin(angle) * mid
    cv2.line(
        kernel,
        (round(mid - dx), round(mid - dy)),
        (round(mid + dx), round(mid + dy)),
        1.0,
        1,
    )
    return _as_image(cv2.filter2D(image, -1, kernel / kernel.sum()))


def _degrade(image: Image, look: Look, rng: np.random.Generator) -> Image:
    """Noise and compression act at the size of the recording, then the crop enlarges them."""
    side = image.shape[0]
    if look.reduce > 1:
        small = max(16, round(side / look.reduce))
        image = _as_image(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA))
    if look.noise > 0.5:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * look.noise
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if look.quality:
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, look.quality))
        image = _as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))
    if look.reduce > 1:
        image = _as_image(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR))
    return image


def _as_image(array: object) -> Image:
    return np.asarray(array, np.uint8)
