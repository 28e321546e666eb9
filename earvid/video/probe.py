"""Finding out, as a clip is opened, which of its frames there really are."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from earvid.errors import VideoError
from earvid.video.container import opened
from earvid.video.decode import decode, decoded_stamps
from earvid.video.index import FrameIndex, index_by_pts, index_in_order
from earvid.video.look import Look, look_at
from earvid.video.packets import Packets, read_packets

HEAD = 24  # pictures that are decoded to see whether the index tells the truth
LONG_TAIL = 600  # frames; a longer last group is decoded only if the file seems cut short


@dataclass(frozen=True, eq=False)
class Probe:
    """A clip's index, trimmed to frames that can be decoded, and the look of its pictures."""

    index: FrameIndex
    look: Look
    warnings: tuple[str, ...]


def probe(path: Path) -> Probe:
    """Index a video file, and decode its head and tail to check the index against them.

    Raises:
        VideoError: The file is no video, or none of its frames can be decoded.
    """
    packets = read_packets(path)
    index = index_by_pts(packets)
    notes = []
    if index is None or not _told_in_order(path, index):
        index = index_in_order(packets, _order_by_decoding(path, packets))
        notes.append(
            "The file has no usable presentation times: frames follow the decoder's order and "
            "the declared rate."
        )
    if not len(index):
        raise VideoError(f"{path} shows none of its frames; trim it anew, or convert it.")
    start, picture = _first_good(path, index)
    stop = _last_good(path, index) + 1
    with opened(path, stream_index=packets.stream_index) as (_, stream):
        look = look_at(path.name, picture, stream)
    notes += [*_notes(packets), *_trim_notes(start, len(index) - stop), *look.remarks]
    return Probe(index.part(start, stop), look, tuple(notes))


def _told_in_order(path: Path, index: FrameIndex) -> bool:
    """Whether the first pictures come out of the decoder in the order of the index."""
    head = islice(decoded_stamps(path, index), HEAD)
    stamps = [stamp for stamp, clean in head if clean]
    positions = np.array([index.positions[stamp] for stamp in stamps if stamp in index.positions])
    if len(positions) and len(positions) < 0.6 * (positions.max() - positions.min() + 1):
        raise VideoError(
            f"{path} gives too few pictures for its packets (single fields, or heavy damage); "
            "convert it to a progressive mp4 first."
        )
    return bool((np.diff(positions) > 0).all())


def _order_by_decoding(path: Path, packets: Packets) -> list[int]:
    """Decode the whole file once, and list its packets as their pictures come out."""
    as_stored = index_in_order(packets)
    order: dict[int, None] = {}
    for stamp, _ in decoded_stamps(path, as_stored):
        number = as_stored.positions.get(stamp)
        if number is not None and not packets.hidden[number]:
            order.pop(number, None)  # refused at first, and given after all
            order[number] = None
    return list(order)


def _first_good(path: Path, index: FrameIndex) -> tuple[int, Any]:
    for position, picture in decode(path, index, 0, len(index)):
        if picture is not None:
            return position, picture
    raise VideoError(f"{path} has {len(index)} frames and none can be decoded; record it again.")


def _last_good(path: Path, index: FrameIndex) -> int:
    stop = len(index)
    while True:
        key = index.key_for(stop - 1)
        start = 0 if key is None else int(index.key_positions[key])
        if stop - start > LONG_TAIL and index.packets.complete:
            return stop - 1
        good = [position for position, picture in decode(path, index, start, stop) if picture]
        if good:
            return good[-1]
        stop = start


def _notes(packets: Packets) -> list[str]:
    notes = []
    if packets.announced > len(packets.pts) and not packets.hidden.any():
        notes.append(
            f"The file breaks off: it announces {packets.announced} frames and holds "
            f"{len(packets.pts)}."
        )
    if packets.picture_streams > 1:
        notes.append(f"The file has {packets.picture_streams} picture streams; one is read.")
    return notes


def _trim_notes(head: int, tail: int) -> list[str]:
    notes = []
    if head:
        notes.append(f"Left out: {head} frames before the first that can be decoded.")
    if tail:
        notes.append(f"Left out: {tail} frames after the last that can be decoded.")
    return notes
