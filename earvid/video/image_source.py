"""Reading a folder of images, or a single one, as a clip."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from earvid.errors import VideoError
from earvid.video.container import MAX_SIDE, require_readable
from earvid.video.frame import Image
from earvid.video.look import Orientation
from earvid.video.names import IMAGES, is_image, videos_in

FPS = 30.0
_UNREADABLE = (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError)
_ORIENTATION = 0x0112  # EXIF tag
_PICTURES = 3  # images beside a video that are no clip
_TURNS = {
    1: Orientation(),
    2: Orientation(mirror_x=True),
    3: Orientation(mirror_x=True, mirror_y=True),
    4: Orientation(mirror_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror_x=True),
    7: Orientation(transpose=True, mirror_x=True, mirror_y=True),
    8: Orientation(transpose=True, mirror_y=True),
}


@dataclass(frozen=True)
class Images:
    """The files of an image clip, all of one size.

    Args:
        files: In natural order: 2.png before 10.png.
        width: Pixels across, after EXIF orientation.
        height: Pixels down.
        mode: Pillow's name for the first file's pixel format.
        left_out: A video that lies among them.
    """

    files: tuple[Path, ...]
    width: int
    height: int
    mode: str
    left_out: tuple[Path, ...] = ()


def is_images(path: Path) -> bool:
    """Whether the path is for this module rather than for a video reader."""
    return path.is_dir() or path.suffix.lower() in IMAGES


def list_images(path: Path) -> Images:
    """Find the images of a folder and check their sizes without decoding them.

    Args:
        path: A folder, or a single image file.

    Raises:
        VideoError: There are none, the folder is one of videos, one cannot be read, or one differs
            in size from the first.
    """
    files, videos = _files(path)
    mode, width, height = _header(files[0])
    for file in files[1:]:
        if (size := _header(file)[1:]) != (width, height):
            raise VideoError(
                f"{file} is {size[0]}x{size[1]} pixels and {files[0].name} is {width}x{height}; "
                "the images of a clip must have one size."
            )
    return Images(files, width, height, mode, videos)


class ImageSource:
    """Images of a folder; None stands for a file that can no longer be decoded."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def forward(self, start: int, stop: int) -> Iterator[Image | None]:
        """Yield the images start, start + 1, ... stop - 1."""
        return map(self._read, self._images.files[start:stop])

    def backward(self, start: int, stop: int) -> Iterator[Image | None]:
        """Yield the images stop - 1, stop - 2, ... start."""
        return map(self._read, reversed(self._images.files[start:stop]))

    def _read(self, file: Path) -> Image | None:
        try:
            image = read_image(file)
        except _UNREADABLE:
            return None
        same = image.shape[:2] == (self._images.height, self._images.width)
        return image if same else None


def read_image(file: Path) -> Image:
    """Decode one image file to upright (H, W, 3) uint8 RGB.

    16-bit values lose their low byte, gray is repeated, and transparency is dropped, leaving the
    stored color.
    """
    with Pillow.open(file) as picture:
        picture.load()
        turn = _TURNS[_exif_orientation(picture)]
        if picture.mode.startswith("I"):
            gray = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
            return turn.apply(np.repeat(gray[:, :, None], 3, axis=2))
        return turn.apply(np.array(picture.convert("RGB")))


def _files(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The images of a clip, and the video that is left out, if there is one."""
    if not path.is_dir():
        require_readable(path)
        return (path,), ()
    try:
        found, videos = list(filter(is_image, path.iterdir())), videos_in(path)
    except OSError as error:
        raise VideoError(f"{path} cannot be read: {error.strerror}; check its rights.") from error
    # A few images beside a video are pictures of it, such as a contact sheet, and so are all beside
    # several. Many beside one are frames, whichever was made of the other.
    if len(videos) > 1 or (videos and len(found) <= _PICTURES):
        raise VideoError(
            f"{path} is a folder of videos, such as {min(videos).name}, and no clip: name one of "
            f"them, or track all with: earvid batch {shlex.quote(str(path))}"
        )
    if not found:
        raise VideoError(f"{path} holds no images ({', '.join(sorted(IMAGES))}).")
    return tuple(sorted(found, key=_natural)), tuple(videos)


def _natural(file: Path) -> list[tuple[int, str]]:
    # Odd parts are the digits, so numbers are only ever compared with numbers.
    parts = re.split(r"([0-9]+)", file.name)
    return [(int(part), "") if odd % 2 else (0, part.lower()) for odd, part in enumerate(parts)]


def _header(file: Path) -> tuple[str, int, int]:
    try:
        with Pillow.open(file) as picture:
            if picture.format == "TIFF" and picture.getexif().get(_ORIENTATION, 1) != 1:
                picture.load()  # which gives the picture its upright size
            turn = _TURNS[_exif_orientation(picture)]
            width, height = picture.size
            pages = getattr(picture, "n_frames", 1) if picture.format in ("TIFF", "WEBP") else 1
    except _UNREADABLE as error:
        raise VideoError(f"{file} cannot be read as an image; replace or remove it.") from error
    if pages > 1 or picture.mode == "F" or max(width, height) > MAX_SIDE:
        raise VideoError(
            f"{file} has several pages, floating-point pixels or a side above {MAX_SIDE} pixels; "
            "save it as a plain PNG."
        )
    return (picture.mode, height, width) if turn.transpose else (picture.mode, width, height)


def _exif_orientation(picture: Pillow.Image) -> int:
    # Pillow itself turns a TIFF as it loads. It would decode a whole PNG to look for tags at its
    # end, where nobody writes them.
    if picture.format == "TIFF" or (picture.format == "PNG" and "exif" not in picture.info):
        return 1
    orientation = picture.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in _TURNS else 1
