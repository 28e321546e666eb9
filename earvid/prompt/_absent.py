"""Frames on which a person says that an ear is not: half-open ranges, and what makes them wrong."""

import re
from collections.abc import Iterable, Sequence
from operator import index

from earvid.errors import PromptError

Ranges = tuple[tuple[int, int], ...]
"""Half-open, in order, and neither overlapping nor touching one another."""

RANGE = re.compile(r"(\d{0,9}):(\d{0,9})", re.ASCII)


def parse_range(text: str) -> tuple[int, int | None]:
    """Parse `A:B`, the frames from A on and before B; without A from 0, without B to the end.

    Returns:
        start and stop; None for a stop that is not told.

    Raises:
        PromptError: It is not such a range, or it holds no frame.
    """
    match = RANGE.fullmatch(text.strip())
    if match is None:
        raise PromptError(
            f"'{text}' is no range of frames A:B, from A up to B and without B, such as 54:101."
        )
    start, stop = int(match[1] or 0), int(match[2]) if match[2] else None
    if stop is not None:
        _check_range(start, stop)
    return start, stop


def merged(ranges: Iterable[Sequence[int]]) -> Ranges:
    """Put ranges in order and join those that overlap or touch.

    Raises:
        PromptError: One is negative, empty or reversed, or no pair of whole numbers.
    """
    try:
        pairs = sorted((index(start), index(stop)) for start, stop in ranges)
    except (TypeError, ValueError) as error:
        raise PromptError(
            "absent ranges are pairs of whole numbers, a first frame and the one after the last."
        ) from error
    joined: list[tuple[int, int]] = []
    for start, stop in pairs:
        _check_range(start, stop)
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return tuple(joined)


def taken_back(ranges: Ranges, others: Iterable[tuple[int, int]]) -> Ranges:
    """What is left of ranges without others."""
    for low, high in others:
        ranges = tuple(
            part
            for start, stop in ranges
            for part in ((start, min(stop, low)), (max(start, high), stop))
            if part[0] < part[1]
        )
    return ranges


def holds(ranges: Ranges, frame: int) -> bool:
    """Whether a frame is in one of some ranges."""
    return any(start <= frame < stop for start, stop in ranges)


def check_keyframes(ranges: Ranges, keyframes: Iterable[int]) -> None:
    """Refuse ranges over a frame that says where the ear is."""
    for start, stop in ranges:
        for frame in keyframes:
            if start <= frame < stop:
                raise PromptError(
                    f"it is said to be absent on the frames {start}:{stop}, and prompted on frame "
                    f"{frame} among them; leave out the one or the other."
                )


def check_within(ranges: Ranges, frame_count: int, *, everywhere: bool) -> None:
    """Refuse ranges that reach beyond a clip.

    Args:
        ranges: The ranges.
        frame_count: Frames of the clip.
        everywhere: Whether they must be the whole clip, for nothing says where the ear is.
    """
    for start, stop in ranges:
        if stop > frame_count:
            raise PromptError(
                f"it is said to be absent on the frames {start}:{stop}, and the clip has "
                f"{frame_count}, 0:{frame_count}; end the range there."
            )
    if everywhere and ranges != ((0, frame_count),):
        raise PromptError(
            f"it has no frames; give it at least one keyframe, or take it out with "
            f'"absent": [[0, {frame_count}]].'
        )


def _check_range(start: int, stop: int) -> None:
    if min(start, stop) < 0:
        raise PromptError(f"the absent range {start}:{stop} is negative; count frames from 0.")
    if stop == start:
        raise PromptError(
            f"the absent range {start}:{stop} is empty; the frame after the last one ends a range, "
            f"as in {start}:{start + 1}."
        )
    if stop < start:
        raise PromptError(
            f"the absent range {start}:{stop} is reversed; give the first frame, and then the one "
            f"after the last."
        )
