"""Writing H.264 videos that play everywhere and appear only once they are whole."""

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from earvid.errors import VideoError
from earvid.video.frame import Image

_CLOCK = Fraction(1, 90000)  # seconds per unit where frames bring their own times
_BT709 = 1  # the code for primaries, transfer and matrix alike (ITU-T H.273)
_LIMITED = 1


class VideoWriter:
    """Writes RGB frames to an mp4 (H.264, yuv420p, BT.709, faststart).

    The file gets its name when the writer is closed without an error; until then it is a hidden
    file beside it. Odd sizes are padded by one pixel at the right or bottom, so that coordinates
    stay as they are. ::

        with VideoWriter("out.mp4", 640, 480, fps=30) as writer:
            writer.write(image)

    Args:
        path: Where to write; the name ends in .mp4.
        width: Pixels across.
        height: Pixels down.
        fps: Frames per second; Fraction(30000, 1001) is written exactly.
        crf: x264's quality, from 0 (lossless) to 51; 18 looks like the original.
        preset: x264's speed, from "ultrafast" to "veryslow".

    Raises:
        VideoError: The name or the folder will not do.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        fps: Fraction | float = 30,
        *,
        crf: int = 18,
        preset: str = "medium",
    ) -> None:
        self.path = Path(path)
        self._size = (width, height)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._options = {"crf": str(crf), "preset": preset}
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._timed: bool | None = None  # frames bring their own times; None before the first
        self._count = 0
        self._last = -1
        self._reformatter = VideoReformatter()
        self._container = self._create()
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def write(self, rgb: Image, time: float | None = None) -> None:
        """Append a frame.

        Args:
            rgb: (H, W, 3) uint8.
            time: Seconds at which to show it, later than the frame before; None shows frames at
                the writer's rate. All frames of a video bring a time, or none.

        Raises:
            VideoError: The frame does not fit the video, or the disk is full.
        """
        self._check(rgb, time)
        if self._stream is None:
            self._timed = time is not None
            self._stream = self._add_stream()
        width, height = self._size
        padded = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(padded, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.time_base = self._stream.codec_context.time_base
        frame.pts = self._tick(time)
        self._last = frame.pts
        self._count += 1
        self._mux(frame)

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            VideoError: No frame was written, or the disk is full.
        """
        if not self._count:
            self.abort()
            raise VideoError(f"{self.path} was not written, since it got no frames.")
        self._mux(None)
        try:
            self._container.close()
            self._partial.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            self._fail(error)

    def abort(self) -> None:
        """Give up: remove what was written so far."""
        # There is nothing to lose in a file that is removed.
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _create(self) -> Any:
        if self.path.suffix.lower() != ".mp4":
            raise VideoError(f"{self.path} must end in .mp4, the only kind of video written here.")
        try:
            self._partial.touch()  # libavformat would notice a missing folder only later
            return av.open(
                str(self._partial.absolute()),
                "w",
                format="mp4",
                container_options={"movflags": "+faststart"},
            )
        except (av.FFmpegError, OSError) as error:
            raise VideoError(
                f"{self.path} cannot be written ({error.strerror}); choose another folder."
            ) from error

    def _add_stream(self) -> Any:
        width, height = self._size
        stream = self._container.add_stream("libx264", rate=self._fps, options=self._options)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = _CLOCK if self._timed else 1 / self._fps
        context.gop_size = max(1, round(2 * self._fps))  # quick seeking in viewers
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        return stream

    def _check(self, rgb: Image, time: float | None) -> None:
        width, height = self._size
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise VideoError(
                f"{self.path} takes frames of shape {(height, width, 3)} and type uint8, "
                f"not {rgb.shape} and {rgb.dtype}."
            )
        if self._timed is not None and self._timed != (time is not None):
            raise VideoError(f"{self.path} needs a time for every frame or for none.")

    def _tick(self, time: float | None) -> int:
        tick = self._count if time is None else round(time / _CLOCK)
        if tick <= self._last:
            raise VideoError(f"{self.path} needs times that increase from 0, not {time} s next.")
        return tick

    def _mux(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.abort()
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{self.path} was not written ({reason}); free some space.") from error
