"""The clip: frames of a video file or an image folder, forwards, backwards or one by one."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError, VideoError
from earvid.video.digest import file_digest, files_digest
from earvid.video.frame import ClipInfo, Frame, Image, ImagePixels, Pixels
from earvid.video.image_source import is_images
from earvid.video.opening import Opened, ReaderName, open_images, open_video

NEAR = 48  # frames; `frame` reads on to a frame that is this close ahead rather than seeking anew


class Clip:
    """A video file or a folder of images, opened for reading.

    Frames count from 0 in presentation order and are those that a player shows. Iterators do not
    disturb one another, so several may run at a time, also in threads. ::

        with Clip.open("clip.mp4") as clip:
            for frame in clip.frames():
                print(frame.index, frame.time, frame.image.shape)

    Attributes:
        info: Facts about the clip.
        times: (N,) float64 seconds of each frame; `times[0] == 0`.
        frame_bytes: Bytes that a frame holds as it is read, before anything is asked of it.
    """

    def __init__(self, opened: Opened) -> None:
        self.info: ClipInfo = opened.info
        self.times: NDArray[np.float64] = opened.times
        self.frame_bytes: int = opened.frame_bytes
        self._source = opened.source
        self._files = opened.files
        self._luma = opened.luma
        self._closed = False
        self._lock = Lock()
        self._cursor: Iterator[Frame] | None = None
        self._cursor_at = 0

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, reader: ReaderName = "auto") -> Self:
        """Index a clip and choose how to read it.

        Args:
            path: A video file, a folder of images, or one image.
            reader: "auto" takes decord for clips that it can be shown to read right, and PyAV for
                all others; "decord" or "pyav" insist on one. Without effect on images.

        Raises:
            VideoError: The clip is missing, empty, not a video, or cannot be read faithfully.
            UsageError: There is no such reader.
        """
        if reader not in get_args(ReaderName):
            raise UsageError(f"there is no reader {reader!r}; choose from {get_args(ReaderName)}.")
        where = Path(path)
        return cls(open_images(where) if is_images(where) else open_video(where, reader))

    def __len__(self) -> int:
        return self.info.frame_count

    def __repr__(self) -> str:
        info = self.info
        return f"Clip({str(info.path)!r}, {len(self)} frames, {info.width}x{info.height})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; nothing can be read afterwards."""
        with self._lock:
            self._closed = True
            self._cursor = None

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames start, start + 1, ... stop - 1, in bounded memory.

        Args:
            start: First frame.
            stop: One after the last frame; None is the end of the clip.

        Raises:
            VideoError: The range is not inside the clip, or the frame size changes on the way.
        """
        stop = len(self) if stop is None else stop
        self._check_range(start, stop)
        return self._numbered(range(start, stop), self._source.forward(start, stop))

    def frames_backward(self, start: int | None = None, stop: int = 0) -> Iterator[Frame]:
        """Yield the frames start, start - 1, ... stop, in bounded memory.

        Args:
            start: First frame to yield; None is the last frame of the clip.
            stop: Last frame to yield, itself included.

        Raises:
            VideoError: The range is not inside the clip, or the frame size changes on the way.
        """
        after = len(self) if start is None else start + 1
        self._check_range(stop, after)
        images = self._source.backward(stop, after)
        return self._numbered(range(after - 1, stop - 1, -1), images)

    def frame(self, index: int) -> Frame:
        """Read one frame; cheap where it lies shortly after the one read before.

        Raises:
            VideoError: There is no such frame.
        """
        self._check_range(index, index + 1)
        with self._lock:
            if self._cursor is None or not self._cursor_at <= index < self._cursor_at + NEAR:
                self._cursor, self._cursor_at = self.frames(index), index
            for frame in self._cursor:
                self._cursor_at = frame.index + 1
                if frame.index == index:
                    return frame
        raise AssertionError("a source yields every frame of its range")

    def digest(self) -> str:
        """The sha256 of the file's bytes, in hexadecimal; of images, of their names and bytes."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        if self.info.kind == "images":
            return files_digest(self._files)
        return file_digest(self._files[0])

    def _numbered(self, numbers: range, images: Iterator[Image | Pixels | None]) -> Iterator[Frame]:
        for i, image in zip(numbers, images, strict=True):
            time = float(self.times[i])
            if image is None:
                blank = np.zeros((self.info.height, self.info.width, 3), np.uint8)
                yield Frame(i, time, blank, damaged=True)
            else:
                pixels = ImagePixels(image, self._luma) if isinstance(image, np.ndarray) else image
                yield Frame(i, time, pixels)

    def _check_range(self, start: int, stop: int) -> None:
        if self._closed:
            raise VideoError(f"{self.info.path} has been closed; open it again to read it.")
        if not 0 <= start <= stop <= len(self):
            raise VideoError(
                f"{self.info.path} has the frames 0 to {len(self) - 1}; "
                f"the range from {start} to {stop} is not inside."
            )
