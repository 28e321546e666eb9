"""The frame index: which frames a clip has, when each is shown, and where decoding can start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earvid.video.packets import MISSING, BoolArray, IntArray, Packets

# What a packet is known by once the file is read again: its presentation time, or where the
# container has none that can be trusted its decoding time, or else its number in the file.
StampKind = Literal["pts", "dts", "number"]


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a clip in presentation order.

    A frame is matched to the index by its stamp, which travels through the decoder, and never by
    counting what the decoder returns.

    Args:
        packets: What the container says.
        kind: What the stamps are.
        frames: (N,) for each frame the number of its packet, that is its place in decoding order.
        seconds: (N,) seconds from the first frame.
    """

    packets: Packets
    kind: StampKind
    frames: IntArray
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def packet_stamps(self) -> IntArray:
        """(P,) stamp of each packet, in decoding order."""
        return packet_stamps(self.packets, self.kind)

    @cached_property
    def positions(self) -> dict[int, int]:
        """Frame number by stamp."""
        return {stamp: i for i, stamp in enumerate(self.packet_stamps[self.frames].tolist())}

    @cached_property
    def keys(self) -> IntArray:
        """(K,) packet numbers of the keyframes, those hidden by an edit list included."""
        return np.flatnonzero(self.packets.key)

    @cached_property
    def key_numbers(self) -> dict[int, int]:
        """Place in `keys` by stamp."""
        return {stamp: k for k, stamp in enumerate(self.packet_stamps[self.keys].tolist())}

    @cached_property
    def groups(self) -> IntArray:
        """(N,) how many keyframes were decoded by the time each frame is; 0 is before the first."""
        return np.searchsorted(self.keys, self.frames, side="right")

    @cached_property
    def key_positions(self) -> IntArray:
        """(K,) the first frame that decoding from each keyframe gives; N where there is none."""
        first = np.full(len(self.keys) + 1, len(self), np.int64)
        np.minimum.at(first, self.groups, np.arange(len(self)))
        own = np.isin(self.frames, self.keys)
        first[self.groups[own]] = np.flatnonzero(own)
        return first[1:]

    @cached_property
    def leading(self) -> BoolArray:
        """(N,) shown before the keyframe that it follows in the file (an open group)."""
        starts = np.concatenate([[0], self.key_positions])
        return np.arange(len(self)) < starts[self.groups]

    @cached_property
    def reorder(self) -> int:
        """How many frames late, at most, a frame is decoded because later ones refer to it."""
        decoded = np.argsort(self.frames, kind="stable")
        return int((np.maximum.accumulate(decoded) - decoded).max())

    def key_for(self, position: int) -> int | None:
        """The last keyframe (counted in `keys`) from which this frame can be decoded."""
        usable = np.flatnonzero(self.key_positions <= position)
        return int(usable[-1]) if len(usable) else None

    def part(self, start: int, stop: int) -> "FrameIndex":
        """The index of frames [start, stop) alone."""
        seconds = self.seconds[start:stop]
        return replace(self, frames=self.frames[start:stop], seconds=seconds - seconds[0])


def packet_stamps(packets: Packets, kind: StampKind) -> IntArray:
    """(P,) stamps of that kind, in decoding order."""
    by_kind = {"pts": packets.pts, "dts": packets.dts, "number": np.arange(len(packets.pts))}
    return by_kind[kind]


def index_by_pts(packets: Packets) -> FrameIndex | None:
    """Sort the shown packets by presentation time; None where those times cannot be trusted."""
    keys = packets.pts[packets.key]
    unordered = "avi" in packets.container and not packets.key.all()  # AVI has no such times
    if unordered or not _distinct(packets.pts) or (np.diff(keys) <= 0).any():
        return None
    shown = np.flatnonzero(~packets.hidden)
    frames = shown[np.argsort(packets.pts[shown], kind="stable")]
    ticks = packets.pts[frames]
    return FrameIndex(packets, "pts", frames, _seconds(ticks, packets))


def index_in_order(packets: Packets, order: Sequence[int] | None = None) -> FrameIndex:
    """Take frames in the given order of packet numbers (default: as they lie in the file).

    Times are the decoding times where they increase, which they do at the rate of the clip, and
    otherwise follow from the declared rate.
    """
    frames = np.arange(len(packets.pts)) if order is None else np.array(order, np.int64)
    steady = _distinct(packets.dts) and bool((np.diff(packets.dts) > 0).all())
    if steady:
        return FrameIndex(packets, "dts", frames, _seconds(np.sort(packets.dts[frames]), packets))
    seconds = np.arange(len(frames)) / float(packets.rate or 25)
    return FrameIndex(packets, "number", frames, seconds)


def _distinct(stamps: IntArray) -> bool:
    return MISSING not in stamps and len(np.unique(stamps)) == len(stamps)


def _seconds(ticks: IntArray, packets: Packets) -> NDArray[np.float64]:
    if not len(ticks):
        return np.zeros(0)
    seconds: NDArray[np.float64] = (ticks - ticks[0]) * float(packets.time_base)
    return seconds
