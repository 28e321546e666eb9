"""Clips whose every frame carries its own number as pixels that survive compression."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CELLS = 4  # 4 x 4 black and white cells: 12 bits of number, 4 bits of checksum
Image = NDArray[np.uint8]


def draw(number: int, width: int = 160, height: int = 120) -> Image:
    """An RGB image that `read` turns back into `number` (0 to 4095)."""
    bits = (number << 4) | number % 13
    cells = np.array([(bits >> shift) & 1 for shift in range(CELLS * CELLS)], np.uint8)
    rows = np.arange(height) * CELLS // height
    columns = np.arange(width) * CELLS // width
    gray = cells.reshape(CELLS, CELLS)[rows[:, None], columns[None, :]] * 200 + 28
    return np.repeat(gray[:, :, None], 3, axis=2).astype(np.uint8)


def read(image: Image) -> int | None:
    """The number in the image; None when it holds none, or a blend of two."""
    height, width = image.shape[:2]
    bits = 0
    for shift in range(CELLS * CELLS):
        row, column = divmod(shift, CELLS)
        y, x = ((2 * row + 1) * height // 8, (2 * column + 1) * width // 8)
        level = image[y - 4 : y + 5, x - 4 : x + 5].mean()
        if 80 < level < 176:
            return None
        bits |= int(level > 128) << shift
    number = bits >> 4
    return number if number % 13 == bits & 15 else None


def encode(
    path: Path,
    images: Iterable[Image],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: Fraction | int = 30,
    pts: Sequence[int] | None = None,
    gop: int = 12,
    b_frames: int = 2,
    rotation: int = 0,
    container_format: str | None = None,
    muxer: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write the images as a clip; `pts` counts in units of 1 / fps (default 0, 1, 2, ...)."""
    with av.open(path, "w", format=container_format, options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = 1 / Fraction(fps)
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        for position, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if not position:
                stream.height, stream.width = image.shape[:2]
            frame.pts = pts[position] if pts is not None else position
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered(path: Path, count: int, width: int = 160, height: int = 120, **how: object) -> Path:
    """A clip of frames numbered 0, 1, ... count - 1, made by `encode`."""
    images = (draw(number, width, height) for number in range(count))
    return encode(path, images, **how)  # type: ignore[arg-type]


def trim_by_copying(source: Path, target: Path, start: float) -> Path:
    """What `ffmpeg -ss START -i SOURCE -c copy TARGET` does: whole GOPs and an edit list."""
    with av.open(source) as old, av.open(target, "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        first = round(start / stream.time_base)
        old.seek(first, stream=stream)
        for packet in old.demux(stream):
            if packet.dts is None:
                continue
            packet.pts -= first
            packet.dts -= first
            packet.stream = copy
            new.mux(packet)
    return target
