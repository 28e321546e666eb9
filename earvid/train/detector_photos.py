"""Photos for the ear detector: stills whose ears also know which way their face looks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear
from earvid.train.geometry import ear_box
from earvid.train.photo_files import FilePhoto, photos_of
from earvid.train.photos import PhotoCache
from earvid.train.stills import Still, StillRef

LEFT, RIGHT, UNKNOWN = 0, 1, -1
SIDES = {"left": LEFT, "right": RIGHT, "": UNKNOWN}
_LONGEST = 512  # pixels; larger photos would only take memory
_DRAWN_SIZE = (480, 360)
_DRAWN_SEED = 5000  # away from the seeds of the sample clip and of tests


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        ears: one ``(H, W)`` uint8 mask (0 or 255) per ear; none in a photo that shows none.
        sides: per ear: the person's ``LEFT`` or ``RIGHT`` one, or ``UNKNOWN``.
        ignore: ``(H, W)`` uint8, 255 where nobody is to be judged, such as an ear of which too
            little is seen to draw it; None if all is.
    """

    image: NDArray[np.uint8]
    ears: tuple[NDArray[np.uint8], ...]
    sides: tuple[int, ...]
    ignore: NDArray[np.uint8] | None = None


class SideBook:
    """Whose ears are left and right: by file, by pattern, or by two ears in one photo.

    Args:
        file: CSV with the columns ``photo`` (``folder/stem``), ``x``, ``y`` (a point in the ear's
            box, pixels) and ``side`` (``left``, ``right`` or empty).
        faces_right: patterns of photos in which all faces look to image-right, so that right ears
            are seen.

    Raises:
        EarvidError: the file cannot be read or is malformed.
    """

    def __init__(self, file: Path | None = None, faces_right: Sequence[str] = ()) -> None:
        self._faces_right = tuple(faces_right)
        self._points: dict[str, list[tuple[float, float, int]]] = {}
        if file is not None:
            self._read(file)

    def tells(self, photo: str) -> bool:
        """Whether the file speaks of a photo ``folder/stem``."""
        return photo in self._points

    def sides(self, still: Still) -> tuple[int, ...]:
        """The side of each ear of a photo, as far as it is known."""
        if any(fnmatch(still.name, pattern) for pattern in self._faces_right):
            return (RIGHT,) * len(still.ears)
        if still.name in self._points:
            return tuple(self._by_point(still.name, ear) for ear in still.ears)
        return _by_pair(still.ears)

    def _by_point(self, name: str, ear: NDArray[np.uint8]) -> int:
        x0, y0, x1, y1 = ear_box(ear)
        for x, y, side in self._points[name]:
            if x0 <= x <= x1 + 1 and y0 <= y <= y1 + 1:
                return side
        return UNKNOWN

    def _read(self, file: Path) -> None:
        try:
            with file.open(newline="", encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    point = float(row["x"]), float(row["y"]), SIDES[row["side"]]
                    self._points.setdefault(row["photo"], []).append(point)
        except OSError as error:
            raise EarvidError(f"{file} cannot be read ({error.strerror}).") from error
        except (KeyError, TypeError, ValueError) as error:
            raise EarvidError(
                f"{file} is no list of sides: it needs the columns photo, x, y and side, "
                "which is left, right or empty."
            ) from error


def _by_pair(ears: Sequence[NDArray[np.uint8]]) -> tuple[int, ...]:
    """In a frontal photo with two ears the one on image-left is the person's right ear."""
    if len(ears) != 2:
        return (UNKNOWN,) * len(ears)
    (a0, b0, a1, b1), (c0, d0, c1, d1) = (ear_box(ear) for ear in ears)
    tall = max(b1 - b0, d1 - d0)
    level = abs((b0 + b1) - (d0 + d1)) / 2 < 0.7 * tall
    near = 1.2 * tall < abs((a0 + a1) - (c0 + c1)) / 2 < 5 * tall
    if not (level and near):
        return UNKNOWN, UNKNOWN
    return (RIGHT, LEFT) if a0 < c0 else (LEFT, RIGHT)


class LazyPhoto(Photo):
    """A photo that is decoded, and shrunk if it is large, when it is looked at.

    Args:
        file: where it comes from.
        book: the sides of its ears.
        cache: what was decoded last.
    """

    _file: FilePhoto
    _book: SideBook
    _cache: PhotoCache[Photo]

    def __init__(self, file: FilePhoto, book: SideBook, cache: PhotoCache[Photo]) -> None:
        object.__setattr__(self, "_file", file)
        object.__setattr__(self, "_book", book)
        object.__setattr__(self, "_cache", cache)

    @property
    def image(self) -> NDArray[np.uint8]:
        """``(H, W, 3)`` uint8 RGB."""
        return self.fetch().image

    @property
    def ears(self) -> tuple[NDArray[np.uint8], ...]:
        """One ``(H, W)`` uint8 mask per ear."""
        return self.fetch().ears

    @property
    def sides(self) -> tuple[int, ...]:
        """Per ear: ``LEFT``, ``RIGHT`` or ``UNKNOWN``."""
        return self.fetch().sides

    @property
    def ignore(self) -> NDArray[np.uint8] | None:
        """``(H, W)`` uint8, 255 where nobody is to be judged."""
        return self.fetch().ignore

    def fetch(self) -> Photo:
        """The decoded photo."""
        return self._cache.get(f"{self._file.mark}:{self._file.name}", self._load)

    def _load(self) -> Photo:
        still = self._file.load()
        ears = tuple(_shrunk(ear) for ear in still.ears)
        return Photo(_shrunk(still.image), ears, self._book.sides(still), self._ignored(still))

    def _ignored(self, still: Still) -> NDArray[np.uint8] | None:
        path = self._file.ref.ignore
        if path is None:
            return None
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != still.image.shape[:2]:
            raise EarvidError(f"{path} cannot be read, or differs in size from its photo.")
        return _shrunk(np.where(mask > 0, 255, 0).astype(np.uint8))


def load_photos(
    refs: Iterable[StillRef], book: SideBook, cache: PhotoCache[Photo] | None = None
) -> list[Photo]:
    """List photos that are decoded when they are needed; those without an ear teach what is none.

    Args:
        refs: which photos.
        book: the sides of their ears.
        cache: bounds what is held in memory; one of its own by default.

    Raises:
        EarvidError: a file cannot be read, or a photo and its mask differ in size.
    """
    kept: PhotoCache[Photo] = PhotoCache() if cache is None else cache
    return [LazyPhoto(file, book, kept) for file in photos_of(refs, bare=True)]


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    factor = _LONGEST / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def drawn_photos(count: int) -> list[Photo]:
    """Photos of ears drawn by :mod:`earvid.sample`, which a detector should know as well."""
    width, height = _DRAWN_SIZE
    photos = []
    for seed in range(_DRAWN_SEED, _DRAWN_SEED + count):
        ear = random_ear(seed)
        share = float(np.random.default_rng(seed).uniform(0.25, 0.65))
        frame = next(make_clip(ear, 1, width, height, seed=seed, ear_height=share))
        mask = np.where(frame.mask, 255, 0).astype(np.uint8)
        photos.append(Photo(frame.image, (mask,), (LEFT if ear.mirrored else RIGHT,)))
    return photos
