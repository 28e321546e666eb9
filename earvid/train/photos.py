"""Photos with ear masks that are decoded when they are needed, within a budget of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.models.nano import PAD_COLOR
from earvid.train.geometry import ear_box
from earvid.train.stills import Still

# Crops show ears at two thirds of their side at most; half as much again leaves room for turning.
DETAIL = 1.5
CACHE_BYTES = 2**30


class Photo(Protocol):
    """A photo, or a frame of a clip, that can be decoded at any time.

    Attributes:
        name: ``folder/stem``, what hold-out patterns match.
        subject: whose ear it is; photos of one subject are never split.
        mark: changes whenever the content does.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def mark(self) -> str: ...  # noqa: D102

    def load(self) -> Still:
        """Decode it; there is at least one ear.

        Raises:
            EarvidError: it cannot be read.
        """


class Pixels(Protocol):
    """Something that was decoded: an image, and masks of its ears."""

    @property
    def image(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def ears(self) -> tuple[NDArray[np.uint8], ...]: ...  # noqa: D102


P = TypeVar("P", bound=Pixels)


class PhotoCache(Generic[P]):
    """Keeps what was decoded last; for use from several threads.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[str, P] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._size

    def get(self, key: str, load: Callable[[], P]) -> P:
        """Return what is kept under a key, or load and keep it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        photo = load()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = photo
                self._size += memory_of(photo)
            while self._size > self._limit and self._kept:
                self._size -= memory_of(self._kept.popitem(last=False)[1])
        return photo


class LazyStill(Still):
    """A still whose pixels are fetched when they are looked at.

    Args:
        photo: where they come from.
        side: of the model's input; photos are kept no finer than it can show.
        cache: what was decoded last.
    """

    def __init__(self, photo: Photo, side: int, cache: PhotoCache[Still]) -> None:
        object.__setattr__(self, "name", photo.name)
        object.__setattr__(self, "_photo", photo)
        object.__setattr__(self, "_side", side)
        object.__setattr__(self, "_cache", cache)

    _photo: Photo
    _side: int
    _cache: PhotoCache[Still]

    @property
    def subject(self) -> str:
        """Whose ears they are, as the photo says."""
        return self._photo.subject

    @property
    def image(self) -> NDArray[np.uint8]:
        """``(H, W, 3)`` uint8 RGB."""
        return self.fetch().image

    @property
    def ears(self) -> tuple[NDArray[np.uint8], ...]:
        """One ``(H, W)`` uint8 mask per ear."""
        return self.fetch().ears

    def fetch(self) -> Still:
        """The decoded still."""
        key = f"{self._photo.mark}:{self._photo.name}"
        return self._cache.get(key, lambda: reduced(self._photo.load(), self._side))


def memory_of(photo: Pixels) -> int:
    """Bytes of the image and the masks of a photo."""
    return photo.image.nbytes + sum(ear.nbytes for ear in photo.ears)


def reduced(still: Still, side: int) -> Still:
    """Shrink a photo to the detail that a crop of ``side`` pixels can show of its smallest ear."""
    extents = [max(x1 - x0, y1 - y0) + 1 for x0, y0, x1, y1 in map(ear_box, still.ears)]
    factor = DETAIL * side / min(extents)
    if factor > 0.8:
        return still
    ears = tuple(shrink_mask(ear, factor) for ear in still.ears)
    return Still(still.name, shrink(still.image, factor), ears)


def shrink(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Scale an image down."""
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def shrink_mask(mask: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Scale a mask of 0 and 255 down, to 0 and 255."""
    return np.where(shrink(mask, factor) > 127, 255, 0).astype(np.uint8)


def patch_without_ear(
    rng: np.random.Generator, draw: Callable[[], Pixels], side: int, *, widest: float
) -> NDArray[np.uint8]:
    """Cut a square out of a photo where it shows no ear, at any scale.

    Args:
        rng: the source of randomness.
        draw: gives a photo, each time another.
        side: of the patch, pixels.
        widest: its greatest share of the photo's shorter side.

    Returns:
        ``(side, side, 3)`` uint8 RGB; of one color if no such place was found in eight photos.
    """
    for _ in range(8):
        photo = draw()
        image, ears = photo.image, photo.ears
        height, width = image.shape[:2]
        size = max(1, int(min(height, width) * rng.uniform(0.15, widest)))
        y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
        ignored = getattr(photo, "ignore", None)  # there may be an ear that nobody drew
        hidden = ears if ignored is None else (*ears, ignored)
        if not any(mask[y : y + size, x : x + size].any() for mask in hidden):
            return np.asarray(cv2.resize(image[y : y + size, x : x + size], (side, side)), np.uint8)
    return np.full((side, side, 3), PAD_COLOR, np.uint8)
