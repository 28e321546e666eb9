"""Cutting a range of frames into windows that fit in memory, at keyframes where possible."""

from collections.abc import Iterator

import numpy as np

from earvid.video.packets import IntArray

WINDOW_BYTES = 192 * 2**20


def window_frames(bytes_per_frame: int) -> int:
    """How many frames fit into one window."""
    return max(1, WINDOW_BYTES // bytes_per_frame)


def ascending(keys: IntArray, start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cover [start, stop) forwards by windows of at most `size` frames.

    Args:
        keys: (K,) frame numbers at which decoding can start. Only a group of frames between two
            of these that is longer than a window is cut elsewhere, and then decoded repeatedly.
        start: First frame.
        stop: One after the last frame.
        size: Longest window in frames.
    """
    while start < stop:
        end = min(start + size, stop)
        if end < stop and len(inside := keys[(keys > start) & (keys <= end)]):
            end = int(inside.max())
        yield start, end
        start = end


def descending(keys: IntArray, start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cover [start, stop) likewise, the last window first."""
    while start < stop:
        begin = max(stop - size, start)
        if begin > start and len(inside := keys[(keys >= begin) & (keys < stop)]):
            begin = int(np.min(inside))
        yield begin, stop
        stop = begin
