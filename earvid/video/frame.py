"""What a clip hands out: single frames, and the facts about the whole."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError

Image = NDArray[np.uint8]
Luma = tuple[float, float, float]  # weights of red, green and blue in gray
BT601: Luma = (0.299, 0.587, 0.114)
Region = tuple[int, int, int, int]  # x0, y0, x1, y1; half open


class Pixels(Protocol):
    """Where a frame's pixels come from; any thread may ask, also several at a time."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image."""

    def image(self) -> Image:
        """(H, W, 3) uint8 RGB, the same array every time."""

    def part(self, region: Region) -> Image:
        """A region that is inside, equal to the same region of the image."""

    def gray(self) -> Image:
        """(H, W) uint8, the same array every time."""


class Frame:
    """One frame of a clip; it does not change.

    Frames that PyAV reads hold the picture as it was decoded, which mostly takes half of the memory
    of RGB, and turn into RGB or gray what is asked for, when it is asked for. All of this may be
    done in several threads at a time.

    Args:
        index: Position in the clip, from 0, in presentation order.
        time: Seconds from the first frame's presentation time.
        image: (H, W, 3) uint8 RGB, upright (rotation metadata applied); or what gives it.
        damaged: The frame could not be decoded faithfully; the image is then all zeros.
    """

    __slots__ = ("_damaged", "_index", "_pixels", "_time")

    def __init__(
        self, index: int, time: float, image: Image | Pixels, damaged: bool = False
    ) -> None:
        self._index, self._time, self._damaged = index, time, damaged
        self._pixels = ImagePixels(image) if isinstance(image, np.ndarray) else image

    @property
    def index(self) -> int:
        """Position in the clip, from 0, in presentation order."""
        return self._index

    @property
    def time(self) -> float:
        """Seconds from the first frame's presentation time."""
        return self._time

    @property
    def damaged(self) -> bool:
        """Whether it could not be decoded faithfully; the image is then all zeros."""
        return self._damaged

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image, pixels."""
        return self._pixels.size

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 RGB, upright; made when it is first asked for, and kept."""
        return self._pixels.image()

    @property
    def gray(self) -> Image:
        """(H, W) uint8 gray, upright; made when it is first asked for, and kept.

        It is luma: of red, green and blue as much as the clip's matrix says (BT.601 where it says
        nothing, and for arrays), from 0 to 255. Where a picture is stored as luma and chroma, it is
        taken from there, which gives the same to within rounding. It does not depend on what else
        is asked for.
        """
        return self._pixels.gray()

    def part(self, x0: int, y0: int, x1: int, y1: int) -> Image:
        """A region of the image, without making the rest of it.

        Args:
            x0: First column, at least 0.
            y0: First row, at least 0.
            x1: One after the last column, at most the width.
            y1: One after the last row, at most the height.

        Returns:
            (y1 - y0, x1 - x0, 3) uint8 RGB, bit for bit ``image[y0:y1, x0:x1]``. It is not kept,
            and may be a view of the image: it is not to be written to.

        Raises:
            UsageError: The region is empty or not inside the frame.
        """
        width, height = self.size
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(
                f"The region from ({x0}, {y0}) to ({x1}, {y1}) is empty or not inside a frame of "
                f"{width}x{height} pixels."
            )
        return self._pixels.part((x0, y0, x1, y1))

    def __reduce__(self) -> tuple[Any, ...]:
        pixels = ImagePixels(self.image, gray=self.gray)
        return type(self), (self.index, self.time, pixels, self.damaged)

    def __repr__(self) -> str:
        width, height = self.size
        state = ", damaged" if self.damaged else ""
        return f"Frame({self.index}, {self.time:.3f} s, {width}x{height}{state})"


class ImagePixels:
    """The pixels of an RGB image; see :class:`Pixels`.

    Args:
        image: (H, W, 3) uint8.
        luma: Of the clip.
        gray: (H, W) uint8, where it is known.
    """

    def __init__(self, image: Image, luma: Luma = BT601, gray: Image | None = None) -> None:
        self._image, self._luma, self._gray = image, luma, gray
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._image, self._luma, self._gray)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self._image.shape[:2]
        return width, height

    def image(self) -> Image:
        """The image."""
        return self._image

    def part(self, region: Region) -> Image:
        """A region of the image."""
        x0, y0, x1, y1 = region
        return self._image[y0:y1, x0:x1]

    def gray(self) -> Image:
        """The image in gray."""
        with self._lock:
            if self._gray is None:
                self._gray = _gray_of(self._image, self._luma)
            return self._gray


def _gray_of(image: Image, luma: Luma) -> Image:
    if luma == BT601:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.asarray(cv2.transform(image, np.array([luma])), np.uint8)


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a clip.

    Args:
        path: The video file or image folder.
        kind: "video" or "images".
        width: Pixels across, after rotation.
        height: Pixels down, after rotation.
        frame_count: Number of frames that `Clip.frames` yields.
        fps: Mean frames per second (assumed for images, see `warnings`).
        duration: Seconds from the first frame's start to the last frame's end.
        codec: Name of the codec, such as "h264".
        pixel_format: Format as stored, such as "yuv420p".
        rotation: Degrees clockwise by which stored pictures are turned: 0, 90, 180 or 270.
        reader: Which library decodes: "decord", "pyav" or "images".
        reader_reason: Why that one, in a phrase.
        variable_frame_rate: Frames are not evenly spaced in time.
        warnings: What a careful user would want to know, a sentence each.
    """

    path: Path
    kind: Literal["video", "images"]
    width: int
    height: int
    frame_count: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    rotation: int
    reader: Literal["decord", "pyav", "images"]
    reader_reason: str
    variable_frame_rate: bool
    warnings: tuple[str, ...]
