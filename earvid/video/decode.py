"""Decoding a range of frames with PyAV, exactly as the index lists them.

Decoding starts at a keyframe, and every picture is matched to the index by its stamp. Decoders
hide damage: they leave pictures out, patch them from their neighbors, and build later pictures on
the patch. Here all of these come out as None.
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from earvid.video.container import opened
from earvid.video.index import FrameIndex
from earvid.video.packets import MISSING, pictures_only

Decoded = tuple[int, Any]  # a frame number, with its av.VideoFrame or None
Stamped = tuple[Any, int]  # an av.Packet and its stamp


class _TroubleError(Exception):
    """The decoder failed; with several threads it may have lost good frames beside the bad."""


def decode(path: Path, index: FrameIndex, start: int, stop: int) -> Iterator[Decoded]:
    """Yield (frame number, picture) for each frame of [start, stop), with None where damaged.

    At the first sign of damage decoding goes on with one thread, which loses no good frames. If
    that does not give the frame where it starts, it starts once more from the keyframe before, as
    some streams need a few frames to recover after a keyframe.
    """
    done = start
    for careful, back in ((False, 0), (True, 0), (True, 1)):
        begin = done
        key = _key(index, begin, back)
        final = back == 1 or not key
        try:
            for position, picture in _judged(path, index, key, begin, stop, careful):
                if picture is None and position == begin and not final:
                    raise _TroubleError
                yield position, picture
                done = position + 1
            return
        except _TroubleError:
            continue


def decoded_stamps(path: Path, index: FrameIndex) -> Iterator[tuple[int, bool]]:
    """Yield (stamp, clean) from the start of the file, in the order in which pictures come out.

    A picture that the decoder refuses yields its packet's stamp too, and is not clean. This looks
    at what the decoder does, not at what the index expects.
    """
    for context, packet, stamp in _packets(path, index, None, threads=False):
        try:
            pictures = context.decode(packet)
        except av.FFmpegError:
            if packet is not None:
                yield stamp, False
            continue
        for picture in pictures:
            yield picture.pts, not picture.is_corrupt


class _Damage:
    """Which frames build on damaged ones: those decoded later, up to the next keyframe.

    Frames that lead a keyframe (shown before it, stored after it) build on the group before too,
    and none of those that trail it builds on them (H.265, 8.3.1).
    """

    def __init__(self, index: FrameIndex) -> None:
        self._index = index
        # (Group, leading) -> packet from which on, itself excluded, such frames are damaged.
        self._since: dict[tuple[int, bool], int] = {}
        for orphan in np.flatnonzero(index.packets.orphan)[::-1].tolist():
            group = int(np.searchsorted(index.keys, orphan, side="right"))
            self._since[group, False] = orphan - 1

    def note(self, position: int) -> None:
        group, leading, packet = self._place(position)
        self._since[group, leading] = min(packet, self._since.get((group, leading), packet))

    def reaches(self, position: int) -> bool:
        group, leading, packet = self._place(position)
        if leading and (group - 1, False) in self._since:
            return True
        sources = [(group, False), (group, True)] if leading else [(group, False)]
        return any(self._since.get(source, packet) < packet for source in sources)

    def _place(self, position: int) -> tuple[int, bool, int]:
        index = self._index
        return (
            int(index.groups[position]),
            bool(index.leading[position]),
            int(index.frames[position]),
        )


def _key(index: FrameIndex, position: int, back: int) -> int | None:
    key = index.key_for(position)
    return key if key is None else max(0, key - back)


def _judged(
    path: Path, index: FrameIndex, key: int | None, start: int, stop: int, careful: bool
) -> Iterator[Decoded]:
    """Decode from a keyframe on, and hold each frame back until all that it builds on is known."""
    damage = _Damage(index)
    held: deque[Decoded] = deque()
    first = 0 if key is None else min(int(index.key_positions[key]), start)
    last = min(stop + index.reorder, len(index))
    for position, picture in _gapless(_pictures(path, index, key, careful), first, last):
        if picture is None and not careful:
            raise _TroubleError
        if picture is None:
            damage.note(position)
        held.append((position, picture))
        if len(held) > index.reorder:
            yield from _released(held, damage, start, stop)
    while held:
        yield from _released(held, damage, start, stop)


def _released(held: deque[Decoded], damage: "_Damage", start: int, stop: int) -> Iterator[Decoded]:
    position, picture = held.popleft()
    if start <= position < stop:
        yield position, None if damage.reaches(position) else picture


def _gapless(pictures: Iterator[Decoded], first: int, last: int) -> Iterator[Decoded]:
    """Every frame number of [first, last), with None for pictures missing or patched."""
    expected = first
    for position, picture in pictures:
        if position < expected:
            continue
        for missing in range(expected, min(position, last)):
            yield missing, None
        expected = position + 1
        if position < last:
            yield position, None if picture.is_corrupt else picture
        if expected >= last:
            return
    for missing in range(expected, last):
        yield missing, None


def _pictures(path: Path, index: FrameIndex, key: int | None, careful: bool) -> Iterator[Decoded]:
    for context, packet, _ in _packets(path, index, key, threads=not careful):
        try:
            pictures = context.decode(packet)
        except av.FFmpegError as error:
            if not careful:
                raise _TroubleError from error
            continue
        for picture in pictures:
            position = index.positions.get(picture.pts)
            if position is not None:
                yield position, picture


def _packets(
    path: Path, index: FrameIndex, key: int | None, *, threads: bool
) -> Iterator[tuple[Any, Any, int]]:
    """Yield (codec context, stamped packet, stamp) from a keyframe to the end, then a flush.

    A seek may land after its target; the next tries aim at earlier keyframes, the last at the
    start of the file.
    """
    for target in _seek_targets(index, key):
        with opened(path, stream_index=index.packets.stream_index, threads=threads) as source:
            container, stream = source
            packets = _stamped(pictures_only(container, stream), index)
            if not _sought(container, stream, target) or not (head := _reach(packets, index, key)):
                continue
            for packet, stamp in chain(head, packets):
                yield stream.codec_context, packet, stamp
            yield stream.codec_context, None, MISSING
            return


def _seek_targets(index: FrameIndex, key: int | None) -> list[int | None]:
    if not key or index.kind == "number":
        return [None]
    tries = [key - (1 << n) + 1 for n in range(key.bit_length())]
    packets = index.keys[tries]
    dts, pts = index.packets.dts[packets], index.packets.pts[packets]
    return [*np.where(dts == MISSING, pts, dts).tolist(), None]


def _sought(container: Any, stream: Any, target: int | None) -> bool:
    if target is not None:
        try:
            container.seek(target, stream=stream)
        except (av.FFmpegError, OSError):
            return False
    return True


def _stamped(packets: Iterator[Any], index: FrameIndex) -> Iterator[Stamped]:
    for number, packet in enumerate(packets):
        stamp = {"pts": packet.pts, "dts": packet.dts, "number": number}[index.kind]
        packet.pts = stamp
        yield packet, MISSING if stamp is None else stamp


def _reach(packets: Iterator[Stamped], index: FrameIndex, key: int | None) -> list[Stamped]:
    """Drop packets up to the keyframe; nothing if the seek landed after it."""
    for packet, stamp in packets:
        number = index.key_numbers.get(stamp, -1)
        if key is None or number == key:
            return [(packet, stamp)]
        if number > key:
            break
    return []
