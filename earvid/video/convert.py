"""Turning decoded pictures, or regions of them, into upright 8-bit RGB and gray."""

from dataclasses import dataclass
from threading import local
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from earvid.errors import VideoError
from earvid.video.frame import Image, Region
from earvid.video.look import Look
from earvid.video.planes import luma, region_of

_BLOCK = 16  # columns that swscale computes at a time, at most
_STRETCH = 255 / 219  # of luma that counts from 16 to 235
_LOSS = 0.75  # gray levels that swscale loses on average, as it rounds luma and chroma down


@dataclass(frozen=True, eq=False)
class Cut:
    """What a region of a picture is made from.

    Args:
        picture: An av.VideoFrame, somewhat larger than the region.
        region: In it.
    """

    picture: Any
    region: Region


class Converter:
    """Turns decoded pictures of one look into upright RGB and gray images, in any thread.

    Matrix and range follow the picture's own tags; untagged ones are taken as BT.601 limited, as
    ffmpeg, OpenCV and decord do. Deeper pictures are reduced to 8 bits, and transparency is
    dropped, leaving the stored color.
    """

    def __init__(self, name: str, look: Look) -> None:
        self._name = name
        self._look = look
        self._reformatters = _Reformatters()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of upright images."""
        return self._look.upright_size

    def check(self, position: int, picture: Any) -> None:
        """See whether the picture of one frame is like the first.

        Raises:
            VideoError: Its size differs.
        """
        look = self._look
        if (picture.width, picture.height) != (look.width, look.height):
            raise VideoError(
                f"{self._name} changes from {look.width}x{look.height} to {picture.width}x"
                f"{picture.height} pixels at frame {position}; cut it there or convert it to "
                "one size."
            )

    def whole(self, picture: Any) -> Image:
        """Convert a picture to (H, W, 3) uint8; it must not be looked at elsewhere meanwhile."""
        image = self._reformatters.whole.reformat(picture, format="rgb24").to_ndarray()
        return self._look.orientation.apply(np.asarray(image, np.uint8))

    def cut(self, picture: Any, region: Region) -> Cut:
        """Copy what a region is made from, out of a picture that can be cut.

        Args:
            picture: An av.VideoFrame.
            region: Of the upright image.
        """
        look = self._look
        x0, y0, x1, y1 = look.orientation.stored(region, look.upright_size)
        # swscale computes columns in blocks, and those that remain by other code; some machines
        # have code for blocks only if none remain. So, as many must remain here as in the whole.
        left, right = x0 - x0 % _BLOCK, x1 + (look.width - x1) % _BLOCK
        top, bottom = y0 - y0 % 2, min(y1 + y1 % 2, look.height)
        around = region_of(picture, (left, top, right, bottom))
        return Cut(around, (x0 - left, y0 - top, x1 - left, y1 - top))

    def part(self, cut: Cut) -> Image:
        """Convert what was cut out to (h, w, 3) uint8, bit for bit as within the whole."""
        x0, y0, x1, y1 = cut.region
        # A single thread: to start others takes longer than the work.
        rgb = self._reformatters.part.reformat(cut.picture, format="rgb24", threads=1).to_ndarray()
        return self._look.orientation.apply(np.asarray(rgb, np.uint8)[y0:y1, x0:x1])

    def gray(self, picture: Any) -> Image:
        """The luma of a picture that can be cut, as (H, W) uint8 from 0 to 255."""
        stored, full = luma(picture)
        if full:
            gray = stored.copy()  # of a view, which would keep the picture
        else:
            # A sum, as OpenCV is much slower to look up values in a table.
            offset = -16 * _STRETCH - _LOSS
            gray = np.asarray(cv2.addWeighted(stored, _STRETCH, stored, 0, offset), np.uint8)
        return self._look.orientation.apply(gray)


class _Reformatters(local):
    """Those of one thread, as none may be used by two; each remembers how it was used last."""

    def __init__(self) -> None:
        self.whole, self.part = VideoReformatter(), VideoReformatter()
