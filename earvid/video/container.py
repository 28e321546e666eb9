"""Opening a video file's picture stream, with every way it can fail told in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from earvid.errors import VideoError

MAX_SIDE = 16384
# Text and playlists that libavformat would open as if they were clips.
_NOT_CLIPS = {"tty", "concat", "hls", "dash"}
_ATTACHED_PICTURE = 1024  # AV_DISPOSITION_ATTACHED_PIC: the cover of a song


def require_readable(path: Path) -> None:
    """Raise VideoError unless `path` is a regular, readable file that is not empty."""
    if not path.exists():
        raise VideoError(f"{path} does not exist; check the path.")
    if not path.is_file():
        raise VideoError(f"{path} is not a regular file; give a video file or a folder of images.")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}; check its rights.") from error
    if not first:
        raise VideoError(f"{path} is empty (0 bytes); copy or download it again.")


@contextmanager
def opened(
    path: Path, *, stream_index: int | None = None, threads: bool = True
) -> Iterator[tuple[Any, Any]]:
    """Open a video file and yield its container and picture stream.

    Args:
        path: A video file.
        stream_index: Which stream of the container; None chooses the best picture stream.
        threads: Decode frames in parallel. A single thread is slower, but loses no good frame
            beside a damaged one.

    Raises:
        VideoError: The file is no video, or has no picture stream that can be decoded.
    """
    require_readable(path)
    try:
        # An absolute path, since "left:1.mp4" would be taken for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(_why_not(path, error)) from error
    with container:
        stream = _picture_stream(path, container, stream_index)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 0 if threads else 1
        yield container, stream


def _why_not(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return (
            f"{path} has no usable index (moov), as after an interrupted recording or copy; "
            "copy it again or repair it with the recording app."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return f"{path} is not a video that can be read ({reason}); check that it is whole."


def _picture_stream(path: Path, container: Any, stream_index: int | None) -> Any:
    if container.format.name in _NOT_CLIPS:
        raise VideoError(f"{path} is text or a playlist, not a video; give the video file itself.")
    stream = (
        container.streams.best("video") if stream_index is None else container.streams[stream_index]
    )
    if stream is None or stream.disposition.value & _ATTACHED_PICTURE:
        raise VideoError(f"{path} holds no moving picture (sound only?); give a video file.")
    context = stream.codec_context
    if context is None:
        raise VideoError(f"{path} uses a codec that cannot be decoded here; convert it to H.264.")
    if max(context.width, context.height) > MAX_SIDE:
        raise VideoError(
            f"{path} has frames of {context.width}x{context.height} pixels, more than the limit of "
            f"{MAX_SIDE} on a side; scale it down first."
        )
    return stream
