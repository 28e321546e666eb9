"""Reading frames with decord, for the clips that it can be shown to read right.

decord repeats, drops or swaps frames without a word on edit lists, open groups, missing times and
files cut short; `refusal` keeps these from it. It also decodes ahead of a slow reader until memory
is full, so frames are read a window at a time and the reader is closed before they are handed out.
What `refusal` cannot see is a bit flipped inside a picture: there decord shows the patched picture,
while PyAV reports the damage.
"""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from earvid.video.frame import Image, Pixels
from earvid.video.probe import Probe
from earvid.video.pyav_source import PyAVSource
from earvid.video.windows import ascending, descending, window_frames

_CODECS = {"h264", "hevc"}
_FORMATS = {"yuv420p", "yuvj420p"}


def refusal(path: Path, probed: Probe) -> str | None:
    """Why decord may not read this clip, in a phrase; None if it may."""
    return _unsafe(probed) or _absent() or _disagreement(path, probed)


class DecordSource:
    """Images of a probed clip for which `refusal` is None; None stands for a damaged frame."""

    def __init__(self, path: Path, probed: Probe) -> None:
        self._path = path
        self._keys = probed.index.key_positions
        self._size = _window_size(probed)
        self._faithful = PyAVSource(path, probed)

    def forward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield the images of frames start, start + 1, ... stop - 1."""
        for begin, end in ascending(self._keys, start, stop, self._size):
            yield from _emptied(self._window(begin, end)[::-1])

    def backward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield the images of frames stop - 1, stop - 2, ... start."""
        for begin, end in descending(self._keys, start, stop, self._size):
            yield from _emptied(self._window(begin, end))

    def _window(self, start: int, stop: int) -> list[Image | Pixels | None]:
        from decord import DECORDError

        try:
            reader = _open(self._path)
            reader.seek_accurate(start)
            return [reader.next().asnumpy() for _ in range(start, stop)]
        except (DECORDError, RuntimeError, StopIteration):
            return list(self._faithful.forward(start, stop))


def _emptied(images: list[Image | Pixels | None]) -> Iterator[Image | Pixels | None]:
    """Take images from the end, so that memory shrinks while a window is handed out."""
    while images:
        yield images.pop()


def _unsafe(probed: Probe) -> str | None:
    index, look, packets = probed.index, probed.look, probed.index.packets
    checks = {
        f"{packets.container.split(',')[0]} container": "mp4" not in packets.container,
        f"{packets.codec} codec": packets.codec not in _CODECS,
        f"{look.pixel_format} pixels": look.pixel_format not in _FORMATS,
        "no presentation times": index.kind != "pts",
        "edit list": bool(packets.hidden.any()) or bool((packets.pts < 0).any()),
        "damaged or cut short": len(index) != len(packets.pts) or not packets.complete,
        "no keyframe at the start": not bool(packets.key[0]),
        "open groups of pictures": bool(index.leading.any()),
        "several picture streams": packets.picture_streams > 1,
        "rotation": look.orientation.degrees != 0 or look.orientation.mirrored,
        "interlaced": look.interlaced,
        "odd size": bool(look.width % 2 or look.height % 2),
    }
    return next((reason for reason, applies in checks.items() if applies), None)


def _window_size(probed: Probe) -> int:
    return window_frames(probed.look.width * probed.look.height * 3)


def _absent() -> str | None:
    return None if importlib.util.find_spec("decord") else "decord not installed"


def _disagreement(path: Path, probed: Probe) -> str | None:
    try:
        reader = _open(path)
        if len(reader) != len(probed.index):
            return f"decord counts {len(reader)} frames, the index {len(probed.index)}"
        shown = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0].astype(np.float64)
    except Exception as error:  # decord has no common base for what it raises
        return f"decord fails to open it ({type(error).__name__})"
    seconds = probed.index.seconds
    tolerance = np.diff(seconds).min(initial=1.0) / 4
    wrong = np.abs(shown - shown[0] - seconds) > tolerance
    return "decord's timestamps disagree with the index" if wrong.any() or shown[0] < 0 else None


def _open(path: Path) -> Any:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    threads = min(4, os.cpu_count() or 1)
    # Any repaired frame is an error: by default decord repeats another frame in its place.
    return decord.VideoReader(
        str(path.absolute()), ctx=decord.cpu(0), num_threads=threads, fault_tol=1e-9
    )
