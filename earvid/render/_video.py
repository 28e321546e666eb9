"""A clip as a video with overlays."""

import os
from collections.abc import Callable
from pathlib import Path

from earvid.errors import StoreError, UsageError
from earvid.render._frame import render_frame
from earvid.render._marks import MarksReader, StoreLike
from earvid.render._output import checked_output
from earvid.render._style import DEFAULT_STYLE, Style
from earvid.video import Clip, VideoWriter

Progress = Callable[[int, int], None]


def render_store(
    store: StoreLike,
    clip: Clip,
    out_path: str | os.PathLike[str],
    *,
    start: int = 0,
    stop: int | None = None,
    style: Style = DEFAULT_STYLE,
    overwrite: bool = False,
    progress_callback: Progress | None = None,
) -> Path:
    """Write a video of a clip with its masks, boxes, landmarks and labels drawn over it.

    Every frame of the range is in the video, at its own time; frames on which an ear is not
    visible, or which are not tracked yet, say so. One frame is in memory at a time.

    Args:
        store: The store of the clip, complete or not.
        clip: The clip that the store was made from.
        out_path: `.mp4` file, H.264, which appears when it is whole.
        start: First frame.
        stop: Frame after the last; None = all.
        style: What to draw.
        overwrite: Replace a file of this name.
        progress_callback: Called with frames done and frames in all.

    Returns:
        The path of the video.

    Raises:
        UsageError: The range or the output path makes no sense.
        StoreError: The store was made from another clip.
        VideoError: The clip cannot be read, or the video cannot be written.
    """
    out = checked_output(out_path, ".mp4", source=clip.info.path, overwrite=overwrite)
    check_same_clip(store, clip)
    first, last = _checked_range(start, stop, len(clip))
    reader, origin = MarksReader(store), float(clip.times[first])
    info = clip.info
    with VideoWriter(out, info.width, info.height, info.fps) as writer:
        for done, frame in enumerate(clip.frames(first, last), 1):
            drawn = render_frame(
                frame.image,
                reader.at(frame.index),
                index=frame.index,
                time=frame.time,
                damaged=frame.damaged,
                style=style,
            )
            writer.write(drawn, time=frame.time - origin)
            if progress_callback is not None:
                progress_callback(done, last - first)
    return out


def check_same_clip(store: StoreLike, clip: Clip) -> None:
    """Refuse a store whose frames are not those of the clip.

    Raises:
        StoreError: Their sizes or numbers of frames differ.
    """
    of_store = store.width, store.height, store.frame_count
    of_clip = clip.info.width, clip.info.height, len(clip)
    if of_store != of_clip:
        raise StoreError(
            f"The store holds {_shape(*of_store)} but the clip has {_shape(*of_clip)}; "
            "give the clip that the store was made from."
        )


def _shape(width: int, height: int, count: int) -> str:
    return f"{count} frames of {width} × {height} pixels"


def _checked_range(start: int, stop: int | None, count: int) -> tuple[int, int]:
    last = count if stop is None else stop
    if not 0 <= start < last <= count:
        raise UsageError(
            f"The frames {start} to {last} are not a range within the clip's {count} frames; "
            f"give 0 <= start < stop <= {count}."
        )
    return start, last
