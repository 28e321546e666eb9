"""Decoded pictures that wait, to be turned into RGB and gray as far as anybody asks."""

from threading import Lock
from typing import Any

from earvid.video.convert import Converter
from earvid.video.frame import Image, Pixels, Region
from earvid.video.planes import can_be_cut


class PicturePixels:
    """The pixels of a decoded picture that can be cut; see :class:`~earvid.video.frame.Pixels`.

    Gray is made from the picture in any case, so that it does not depend on who asks first. Once
    the image is there, the picture is released.
    """

    def __init__(self, picture: Any, convert: Converter) -> None:
        self._picture, self._convert = picture, convert
        self._image: Image | None = None
        self._gray: Image | None = None
        self._lock = Lock()  # PyAV changes the tags of a picture while it converts it

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image."""
        return self._convert.size

    def image(self) -> Image:
        """The image; made only once."""
        with self._lock:
            if self._image is None:
                if self._gray is None:
                    self._gray = self._convert.gray(self._picture)
                self._image = self._convert.whole(self._picture)
                self._picture = None
            return self._image

    def gray(self) -> Image:
        """The image in gray; made only once."""
        with self._lock:
            if self._gray is None:
                self._gray = self._convert.gray(self._picture)
            return self._gray

    def part(self, region: Region) -> Image:
        """A region of the image, which is not made for it."""
        x0, y0, x1, y1 = region
        with self._lock:
            if self._image is not None:
                return self._image[y0:y1, x0:x1]
            if region == (0, 0, *self.size):
                return self._convert.whole(self._picture)
            cut = self._convert.cut(self._picture, region)
        return self._convert.part(cut)


def pixels_of(position: int, picture: Any, convert: Converter) -> Image | Pixels:
    """What a frame is made of: a picture that waits or, where it cannot be cut, its image.

    Args:
        position: Number of the frame.
        picture: An av.VideoFrame.
        convert: For the pictures of the clip.

    Raises:
        VideoError: The frame's size differs from that of the first.
    """
    convert.check(position, picture)
    return PicturePixels(picture, convert) if can_be_cut(picture) else convert.whole(picture)
