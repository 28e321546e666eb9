"""The planes of luma and chroma in which most video is stored, and copies of regions of them."""

from typing import Any

import av
import numpy as np

from earvid.video.frame import BT601, Image, Luma, Region

# How many pixels share a sample of chroma, across and down, in formats of 8-bit planes.
_SHARED = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuvj422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
}
_MATRICES = {1, 2, 4, 5, 6, 7, 9}  # those of ITU-T H.273 that have luma; 2 is unspecified
_LUMA: dict[int, Luma] = {  # by these numbers; the others have BT.601's, or nearly so
    1: (0.2126, 0.7152, 0.0722),
    7: (0.212, 0.701, 0.087),
    9: (0.2627, 0.678, 0.0593),
    10: (0.2627, 0.678, 0.0593),
}
_FULL = 2  # AVCOL_RANGE_JPEG


def can_be_cut(picture: Any) -> bool:
    """Whether regions of an av.VideoFrame can be converted as they come out within the whole.

    Where rows of chroma are not exactly half as many as rows of luma, or belong to two fields,
    swscale blends neighbors in a way that depends on the whole.
    """
    shared = _SHARED.get(picture.format.name)
    return (
        shared is not None
        and (shared == (1, 1) or picture.height % 2 == 0)
        and int(picture.colorspace) in _MATRICES
        and not picture.interlaced_frame
        and all(plane.line_size > 0 for plane in picture.planes)
    )


def luma_weights(picture: Any) -> Luma:
    """How much of red, green and blue is in the luma of an av.VideoFrame."""
    return _LUMA.get(int(picture.colorspace), BT601)


def region_of(picture: Any, region: Region) -> Any:
    """Copy a region of a picture that can be cut; an av.VideoFrame with the same tags.

    Args:
        picture: An av.VideoFrame.
        region: Half open, in stored pixels; it begins where a sample of chroma begins.
    """
    x0, y0, x1, y1 = region
    name = picture.format.name
    copy = av.VideoFrame(x1 - x0, y1 - y0, name)
    copy.colorspace, copy.color_range = picture.colorspace, picture.color_range
    across, down = _SHARED[name]
    for n, (source, target) in enumerate(zip(picture.planes, copy.planes, strict=True)):
        a, d = (across, down) if n else (1, 1)
        _samples(target)[:] = _samples(source)[y0 // d : -(-y1 // d), x0 // a : -(-x1 // a)]
    return copy


def luma(picture: Any) -> tuple[Image, bool]:
    """The luma of a picture that can be cut, and whether it fills 0..255 rather than 16..235.

    Returns:
        (H, W) uint8, a view of the picture.
    """
    full = int(picture.color_range) == _FULL or picture.format.name.startswith("yuvj")
    return _samples(picture.planes[0]), full


def _samples(plane: Any) -> Image:
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
