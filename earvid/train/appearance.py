"""What cameras and files do to an image: light, color, blur, noise, small sizes, compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
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
        quality: quality of compression, 1 to 100 as for JPEG; 0 = not compressed.
        codec: compressed as a video rather than frame by frame.
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
    codec: bool = False


def sample_look(rng: np.random.Generator, length: int, ear: float = 100.0) -> Look:
    """Draw the appearance of a clip.

    Args:
        rng: the source of randomness.
        length: frames.
        ear: pixels across the ear; the smaller it is, the less may be taken away from it.
    """
    smallest = 20.0  # pixels across an ear that is still worth finding
    dark = rng.uniform(-1.5, -0.5) if rng.random() < 0.12 else 0.0
    light = np.exp(dark + rng.normal(0, 0.22) + smooth(rng, length, 0.08))
    tint = np.exp(rng.normal(0, 0.08, 3))
    moving = rng.random() < 0.35
    return Look(
        gain=light[:, None] * tint[None, :],
        bias=rng.normal(0, 10) + smooth(rng, length, 5.0),
        gamma=float(np.exp(rng.normal(0, 0.18))),
        blur=np.abs(rng.normal(0, min(5.0, ear / 12), length)) if moving else np.zeros(length),
        angle=float(rng.uniform(0, np.pi)),
        soften=float(abs(rng.normal(0, 0.9))) if rng.random() < 0.35 else 0.0,
        reduce=max(1.0, min(float(rng.uniform(1.2, 5.0)), ear / smallest))
        if rng.random() < 0.4
        else 1.0,
        noise=float(abs(rng.normal(0, 6))) if rng.random() < 0.6 else 0.0,
        quality=int(rng.integers(18, 90)) if rng.random() < 0.7 else 0,
        codec=bool(rng.random() < 0.4),
    )


def film(images: list[Image], look: Look, rng: np.random.Generator) -> list[Image]:
    """Show a clip's ``(S, S, 3)`` uint8 frames as a camera and a file would."""
    taken = [_shrunk(_lens(image, look, t), look, rng) for t, image in enumerate(images)]
    if look.quality and look.codec:
        taken = through_codec(taken, look.quality)
    elif look.quality:
        taken = [_through_jpeg(image, look.quality) for image in taken]
    side = images[0].shape[0]
    if look.reduce > 1:
        taken = [_as_image(cv2.resize(x, (side, side))) for x in taken]
    return taken


def _lens(image: Image, look: Look, t: int) -> Image:
    image = _tone(image, look, t)
    if look.blur[t] >= 1.5:
        image = _motion_blur(image, look.blur[t], look.angle)
    if look.soften > 0.3:
        image = _as_image(cv2.GaussianBlur(image, (0, 0), look.soften))
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


def _shrunk(image: Image, look: Look, rng: np.random.Generator) -> Image:
    """Noise and compression act at the size of the recording; the crop enlarges them later."""
    if look.reduce > 1:
        small = max(16, round(image.shape[0] / look.reduce / 2) * 2)
        image = _as_image(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA))
    if look.noise > 0.5:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * look.noise
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _through_jpeg(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return _as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))


def through_codec(images: list[Image], quality: int) -> list[Image]:
    """Encode a clip as H.264 and decode it again.

    Args:
        images: frames ``(S, S, 3)`` uint8, even sides.
        quality: as for JPEG, 1 (worst) to 100; mapped to a constant rate factor of 48 to 20.
    """
    buffer = io.BytesIO()
    height, width = images[0].shape[:2]
    with av.open(buffer, "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        crf = round(48 - 28 * min(quality, 100) / 100)
        stream.options = {"preset": "ultrafast", "crf": str(crf), "threads": "1"}
        for image in images:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as file:
        return [_as_image(f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]


def _as_image(array: object) -> Image:
    return np.asarray(array, np.uint8)
