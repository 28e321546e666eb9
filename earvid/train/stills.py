"""Still photos with ear masks: the raw material of synthetic clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.train.subjects import subject_of

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MIN_EAR_AREA = 60  # pixels; smaller specks in a mask are annotation noise


@dataclass(frozen=True)
class StillRef:
    """Where one photo and its mask lie.

    Args:
        name: ``folder/stem``, what hold-out patterns match.
        image: path of the photo.
        mask: path of the mask: 0 background, anything else ear.
        ignore: path of a mask of what is not to be judged, if there is one: 0 judged, anything
            else not.
    """

    name: str
    image: Path
    mask: Path
    ignore: Path | None = None


@dataclass(frozen=True, eq=False)
class Still:
    """A decoded photo, its ears apart from each other.

    Args:
        name: ``folder/stem``.
        image: ``(H, W, 3)`` uint8 RGB.
        ears: one ``(H, W)`` uint8 mask (0 or 255) per ear, largest first.
    """

    name: str
    image: NDArray[np.uint8]
    ears: tuple[NDArray[np.uint8], ...]

    @property
    def subject(self) -> str:
        """Whose ears they are, by :func:`earvid.train.subjects.subject_of`."""
        return subject_of(self.name)


def find_stills(folders: Iterable[Path]) -> list[StillRef]:
    """List the photos under ``folder/images`` that have a mask in ``folder/masks``.

    Raises:
        EarvidError: a folder lacks ``images`` or ``masks``, or no photo has a mask.
    """
    refs: list[StillRef] = []
    for folder in folders:
        images, masks = folder / "images", folder / "masks"
        if not images.is_dir() or not masks.is_dir():
            raise EarvidError(
                f"{folder} is no training folder: it needs the folders images/ and masks/, "
                "with files of the same names."
            )
        mask_of = _images_by_stem(masks)
        ignore_of = _images_by_stem(folder / "ignore")
        refs += [
            StillRef(f"{folder.name}/{p.stem}", p, mask_of[p.stem], ignore_of.get(p.stem))
            for p in sorted(images.iterdir())
            if p.suffix.lower() in IMAGE_SUFFIXES and p.stem in mask_of
        ]
    twice = [name for name, n in Counter(r.name for r in refs).items() if n > 1]
    if twice:
        raise EarvidError(f"Two photos are called {twice[0]!r}; give the folders different names.")
    if not refs:
        raise EarvidError("No photo in the training folders has a mask of the same name.")
    return refs


def _images_by_stem(folder: Path) -> dict[str, Path]:
    """The images of a folder by their names; none where there is no such folder."""
    if not folder.is_dir():
        return {}
    return {p.stem: p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES}


def split(
    refs: Sequence[StillRef], hold_out: Sequence[str]
) -> tuple[list[StillRef], list[StillRef]]:
    """Split photos into training and held out, by shell patterns on their names.

    Raises:
        EarvidError: a pattern matches nothing (most often a typing error), or all photos.
    """
    held = select(refs, hold_out)
    names = {r.name for r in held}
    train = [r for r in refs if r.name not in names]
    if not train:
        raise EarvidError("The hold-out patterns match every photo and leave none to learn from.")
    return train, held


def select(refs: Sequence[StillRef], patterns: Sequence[str]) -> list[StillRef]:
    """Photos whose names match any of the shell patterns.

    Raises:
        EarvidError: a pattern matches nothing, most often a typing error.
    """
    for pattern in patterns:
        if not any(fnmatch(r.name, pattern) for r in refs):
            raise EarvidError(f"The pattern {pattern!r} matches no photo.")
    return [r for r in refs if any(fnmatch(r.name, p) for p in patterns)]


def load_still(ref: StillRef) -> Still | None:
    """Decode a photo and its mask; ``None`` when the mask holds no ear.

    Raises:
        EarvidError: a file cannot be read, or the two differ in size.
    """
    still = load_any_still(ref)
    return still if still.ears else None


def load_any_still(ref: StillRef) -> Still:
    """Decode a photo and its mask, whether or not there is an ear; see :func:`load_still`."""
    image = cv2.imread(str(ref.image), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(ref.mask), cv2.IMREAD_GRAYSCALE)
    if image is None or mask is None:
        bad = ref.image if image is None else ref.mask
        raise EarvidError(f"{bad} cannot be read as an image.")
    if image.shape[:2] != mask.shape:
        raise EarvidError(f"{ref.mask} and its photo differ in size.")
    # Compression blurs a mask's edge into all values; elsewhere anything but 0 is ear.
    floor = 127 if ref.mask.suffix.lower() in (".jpg", ".jpeg") else 0
    ears = _separate(np.asarray(mask, np.uint8) > floor)
    rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return Still(ref.name, rgb, ears)


def _separate(mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], ...]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    order = sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])
    return tuple(
        np.where(labels == i, 255, 0).astype(np.uint8)
        for i in order
        if stats[i, cv2.CC_STAT_AREA] >= MIN_EAR_AREA
    )
