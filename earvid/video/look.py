"""How a clip's pictures look as stored, and which way up they are."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from earvid.errors import VideoError
from earvid.video.frame import Image, Luma, Region
from earvid.video.planes import can_be_cut, luma_weights

_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # ITU-T H.273, table 3


@dataclass(frozen=True)
class Orientation:
    """How a stored picture becomes upright: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def mirrored(self) -> bool:
        """Left and right are swapped as well as turned."""
        return self.transpose ^ self.mirror_x ^ self.mirror_y

    @property
    def degrees(self) -> int:
        """Degrees clockwise by which the picture's upper edge is turned."""
        if self.transpose:
            return 270 if self.mirror_y else 90
        return 180 if self.mirror_y else 0

    def apply(self, image: Image) -> Image:
        """Turn an (H, W, 3) or (H, W) image upright."""
        if self == Orientation():
            return image
        turned = np.asarray(cv2.transpose(image), np.uint8) if self.transpose else image
        if self.mirror_x or self.mirror_y:
            how = -1 if self.mirror_x and self.mirror_y else int(self.mirror_x)
            turned = np.asarray(cv2.flip(turned, how), np.uint8)
        return turned

    def stored(self, region: Region, size: tuple[int, int]) -> Region:
        """Where a region of an upright image lies in the stored picture.

        Args:
            region: Half open.
            size: Width and height of the upright image.
        """
        x0, y0, x1, y1 = region
        if self.mirror_x:
            x0, x1 = size[0] - x1, size[0] - x0
        if self.mirror_y:
            y0, y1 = size[1] - y1, size[1] - y0
        return (y0, x0, y1, x1) if self.transpose else (x0, y0, x1, y1)


@dataclass(frozen=True)
class Look:
    """A stored picture's geometry and format, which must stay the same throughout a clip."""

    width: int
    height: int
    pixel_format: str
    bytes_per_picture: int
    can_be_cut: bool
    luma: Luma
    orientation: Orientation
    interlaced: bool
    remarks: tuple[str, ...]

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once rotation is applied."""
        turned = self.orientation.transpose
        return (self.height, self.width) if turned else (self.width, self.height)

    @property
    def bytes_per_frame(self) -> int:
        """What a frame holds that waits to be used: the picture, or its RGB image."""
        return self.bytes_per_picture if self.can_be_cut else 3 * self.width * self.height


def look_at(name: str, picture: Any, stream: Any) -> Look:
    """Describe an av.VideoFrame.

    Args:
        name: What to call the clip in an error.
        picture: The first picture of the clip.
        stream: The av.VideoStream that it comes from.

    Raises:
        VideoError: The picture is turned by an angle other than a multiple of 90 degrees.
    """
    orientation = _orientation(name, picture)
    return Look(
        width=picture.width,
        height=picture.height,
        pixel_format=picture.format.name,
        bytes_per_picture=sum(plane.buffer_size for plane in picture.planes),
        can_be_cut=can_be_cut(picture),
        luma=luma_weights(picture),
        orientation=orientation,
        interlaced=picture.interlaced_frame,
        remarks=tuple(_remarks(picture, stream, orientation)),
    )


def _orientation(name: str, picture: Any) -> Orientation:
    """Read the display matrix: x' = a x + c y, y' = b x + d y (ISO 14496-12, 8.3.2)."""
    for data in picture.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
            break
    else:
        return Orientation()
    if not (a or b or c or d) or (b == c == 0 and a and d):
        return Orientation(False, a < 0, d < 0)
    if a == d == 0 and b and c:
        return Orientation(True, c < 0, b < 0)
    raise VideoError(
        f"{name} is turned by {np.degrees(np.arctan2(b, a)):.0f} degrees, and only multiples "
        "of 90 can be applied; export it upright first."
    )


def _remarks(picture: Any, stream: Any, orientation: Orientation) -> list[str]:
    remarks = []
    aspect, transfer = stream.sample_aspect_ratio, int(stream.codec_context.color_trc or 0)
    if picture.interlaced_frame:
        remarks.append("The video is interlaced: moving edges look like combs; deinterlace it.")
    if aspect and aspect != 1:
        remarks.append(
            f"Pixels are not square ({aspect}); coordinates count them as stored, so shapes are "
            f"{_distortion(float(aspect), orientation)} unless scaled."
        )
    if orientation.mirrored:
        remarks.append("The video is stored mirrored and is read as a player shows it.")
    if any(c.is_alpha for c in picture.format.components):
        remarks.append("Transparency is ignored.")
    if transfer in _HDR_TRANSFERS:
        remarks.append(f"The video is {_HDR_TRANSFERS[transfer]} HDR, read without tone mapping.")
    return remarks


def _distortion(aspect: float, orientation: Orientation) -> str:
    """How shapes look whose pixels are taken for square, such as ``6.7 % too wide``."""
    wide, narrow = ("tall", "flat") if orientation.transpose else ("wide", "narrow")
    percent = 100 * abs(1 / aspect - 1)
    shown = f"{percent:.0f}" if percent >= 10 else f"{percent:.2g}"
    return f"{shown} % too {wide if aspect < 1 else narrow}"
