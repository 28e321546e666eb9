"""Photos with masks in files beside them, looked through without being decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
from PIL import Image as Pillow

from earvid.errors import EarvidError
from earvid.train.stills import MIN_EAR_AREA, Still, StillRef, load_any_still
from earvid.train.subjects import subject_of

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 lay the picture on its side


@dataclass(frozen=True)
class FilePhoto:
    """A photo with its mask beside it; see :class:`earvid.train.photos.Photo`.

    Args:
        ref: where photo and mask lie.
        subject: whose ear it is.
        mark: changes whenever the content does.
        bare: the mask holds no ear, which the photo is there to show.
    """

    ref: StillRef
    subject: str
    mark: str
    bare: bool = False

    @property
    def name(self) -> str:
        """``folder/stem``."""
        return self.ref.name

    def load(self) -> Still:
        """Decode photo and mask."""
        still = load_any_still(self.ref)
        if not still.ears and not self.bare:
            raise EarvidError(f"{self.ref.mask} holds no ear any more; start a new run.")
        return still


def photos_of(
    refs: Iterable[StillRef], pattern: str | None = None, *, bare: bool = False
) -> list[FilePhoto]:
    """List the photos whose masks hold an ear; masks are looked into, photos only measured.

    Args:
        refs: of which photos.
        pattern: see :func:`earvid.train.subjects.subject_of`.
        bare: those whose masks hold none, too.

    Raises:
        EarvidError: a file cannot be read, or a photo and its mask differ in size.
    """
    photos: list[FilePhoto] = []
    for ref in refs:
        mask = cv2.imread(str(ref.mask), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise EarvidError(f"{ref.mask} cannot be read as an image.")
        size = image_size(ref.image)
        if size != mask.shape[::-1]:
            raise EarvidError(
                f"{ref.mask} is {mask.shape[1]}x{mask.shape[0]} pixels and its photo is "
                f"{size[0]}x{size[1]}; a mask must not differ in size from its photo."
            )
        shown = _holds_ear(mask, ref.mask)
        if shown or bare:
            digest = hashlib.sha256(mask.tobytes()).hexdigest()
            mark = f"{ref.image.stat().st_size}-{digest[:16]}"
            photos.append(FilePhoto(ref, subject_of(ref.name, pattern), mark, not shown))
    return photos


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file as it is decoded, upright.

    Raises:
        EarvidError: it is not there, or no image.
    """
    try:
        with Pillow.open(path) as picture:
            width, height = picture.size
            tagged = picture.format in ("JPEG", "TIFF", "WEBP")
            turned = tagged and picture.getexif().get(_ORIENTATION, 1) >= 5
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise EarvidError(f"{path} cannot be read as an image.") from error
    return (height, width) if turned else (width, height)


def _holds_ear(mask: cv2.typing.MatLike, path: Path) -> bool:
    """Whether `load_still` would find an ear."""
    floor = 127 if path.suffix.lower() in (".jpg", ".jpeg") else 0
    binary = (mask > floor).astype("uint8")
    _, _, stats, _ = cv2.connectedComponentsWithStats(binary)
    return bool((stats[1:, cv2.CC_STAT_AREA] >= MIN_EAR_AREA).any())
