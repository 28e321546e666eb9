"""What a container says about each picture: one pass over its packets, without decoding."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from earvid.errors import VideoError
from earvid.video.container import opened

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MISSING = int(np.iinfo(np.int64).min)  # a timestamp that the container does not give


@dataclass(frozen=True, eq=False)
class Packets:
    """The packets of one picture stream, in decoding order.

    Args:
        pts: (P,) presentation times in units of `time_base`, or MISSING.
        dts: (P,) decoding times likewise.
        key: (P,) decoding can start here.
        hidden: (P,) decoded but never shown: outside the edit list, or for reference only.
        orphan: (P,) packets before this one, which it may build on, got lost on the way.
        time_base: Seconds per unit.
        stream_index: Which stream of the container this is.
        picture_streams: How many picture streams the container has.
        container: Name of the container format.
        codec: Name of the codec.
        rate: Mean frames per second that the container declares, if it does.
        announced: How many frames the container says it has; 0 where it does not say.
        complete: The container's own count or length agrees with what was found.
    """

    pts: IntArray
    dts: IntArray
    key: BoolArray
    hidden: BoolArray
    orphan: BoolArray
    time_base: Fraction
    stream_index: int
    picture_streams: int
    container: str
    codec: str
    rate: Fraction | None
    announced: int
    complete: bool


def read_packets(path: Path) -> Packets:
    """Demux the whole file once.

    Raises:
        VideoError: The file is no video, or holds no frames.
    """
    with opened(path) as (container, stream):
        codec = stream.codec_context.name
        rows = [_row(packet, codec) for packet in pictures_only(container, stream)]
        if not rows:
            raise VideoError(f"{path} holds no frames; record or export it again.")
        pts, dts, key, hidden, torn = (np.array(column) for column in zip(*rows, strict=True))
        return Packets(
            pts=pts.astype(np.int64),
            dts=dts.astype(np.int64),
            key=key,
            hidden=hidden,
            orphan=_orphans(dts, key, torn),
            time_base=stream.time_base,
            stream_index=stream.index,
            picture_streams=len(container.streams.video),
            container=container.format.name,
            codec=codec,
            rate=stream.average_rate or None,
            announced=stream.frames,
            complete=_complete(container, stream, pts),
        )


def pictures_only(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the stream's packets that hold data, up to the end or to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError:
        return


def _row(packet: Any, codec: str) -> tuple[int, int, bool, bool, bool]:
    return (
        MISSING if packet.pts is None else packet.pts,
        MISSING if packet.dts is None else packet.dts,
        packet.is_keyframe,
        packet.is_discard or _reference_only(packet, codec),
        packet.is_corrupt,
    )


def _reference_only(packet: Any, codec: str) -> bool:
    # VP8 keeps its alternate reference pictures in packets of their own (RFC 6386, 9.1).
    return codec == "vp8" and not bytes(packet)[0] & 0x10


def _orphans(dts: IntArray, key: BoolArray, torn: BoolArray) -> BoolArray:
    """Packets after a gap in time near which the demuxer noticed a loss, as in a damaged .ts."""
    gaps = np.diff(dts, prepend=dts[0])
    late = gaps > 1.5 * np.median(gaps)
    noticed = np.convolve(torn, np.ones(5))[: len(torn)] > 0  # up to four packets too early
    orphan: BoolArray = late & noticed & ~key
    return orphan


def _complete(container: Any, stream: Any, pts: IntArray) -> bool:
    if stream.frames:
        return bool(stream.frames == len(pts))
    if container.duration is None:
        return False
    end = float(pts.max() * stream.time_base) - (container.start_time or 0) / av.time_base
    return bool(end > container.duration / av.time_base - 1.0)
