"""Clips whose every frame carries its own number as pixels that survive compression."""

import struct
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from earvid.video import Clip, Frame

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


def numbers(frames: Iterable[Frame]) -> list[int | str | None]:
    """What each frame shows: its number, "damaged", or None for an image that is neither."""
    return ["damaged" if frame.damaged else read(frame.image) for frame in frames]


def assert_exact(clip: Clip, expected: Sequence[int | str]) -> None:
    """Forwards, backwards and one by one, the clip shows these numbers."""
    expected = list(expected)
    assert len(clip) == len(expected)
    assert numbers(clip.frames()) == expected
    assert numbers(clip.frames_backward()) == expected[::-1]
    for i in (len(clip) // 2, 0, len(clip) - 1, len(clip) // 3, len(clip) // 3 + 1):
        frame = clip.frame(i)
        assert (frame.index, *numbers([frame])) == (i, expected[i])


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
    container_format: str | None = None,
    muxer: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
    **options: str,
) -> Path:
    """Write the images as a clip; `pts` counts in units of 1 / fps (default 0, 1, 2, ...)."""
    with av.open(path, "w", format=container_format, options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base = 1 / Fraction(fps)
        context.gop_size, context.max_b_frames, context.thread_count = gop, b_frames, 1
        for name, value in (tags or {}).items():
            setattr(context, name, value)
        for position, image in enumerate(images):
            if not position:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = pts[position] if pts is not None else position
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered(path: Path, count: int, width: int = 160, height: int = 120, **how: Any) -> Path:
    """A clip of frames numbered 0, 1, ... count - 1, made by `encode`."""
    return encode(path, (draw(number, width, height) for number in range(count)), **how)


def remux(source: Path, target: Path, change: Callable[[Any], Any], start: float = 0.0) -> Path:
    """Copy packets from the keyframe at or before `start` seconds, each after `change`."""
    with av.open(source) as old, av.open(target, "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        old.seek(round(start / stream.time_base), stream=stream)
        for packet in old.demux(stream):
            if packet.dts is not None and (packet := change(packet)) is not None:
                packet.stream = copy
                new.mux(packet)
    return target


def trim_by_copying(source: Path, target: Path, start: float) -> Path:
    """What `ffmpeg -ss START -i SOURCE -c copy TARGET` does: whole groups and an edit list."""

    def shift(packet: Any) -> Any:
        first = round(start / packet.time_base)
        packet.pts -= first
        packet.dts -= first
        return packet

    return remux(source, target, shift, start)


def cut(source: Path, target: Path, start: float = 0.0, stop: float = 1.0) -> Path:
    """The bytes of `source` between two fractions of its length."""
    data = source.read_bytes()
    target.write_bytes(data[int(len(data) * start) : int(len(data) * stop)])
    return target


def overwrite(source: Path, target: Path, offset: int, data: bytes) -> Path:
    """A copy of `source` with `data` written over it from byte `offset` on."""
    content = bytearray(source.read_bytes())
    content[offset : offset + len(data)] = data
    target.write_bytes(content)
    return target


def turn(path: Path, a: float, b: float, c: float, d: float) -> Path:
    """Put a matrix (x' = a x + c y, y' = b x + d y) into the track header of an mp4."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    struct.pack_into(">3i", data, place, round(a * 65536), round(b * 65536), 0)
    struct.pack_into(">3i", data, place + 12, round(c * 65536), round(d * 65536), 0)
    path.write_bytes(data)
    return path


def packet_place(path: Path, number: int) -> tuple[int, int]:
    """Byte offset and size of a packet, counted in decoding order."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return packets[number].pos, packets[number].size
