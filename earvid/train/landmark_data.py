"""Everything that a landmark network learns from, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.landmarks.guess.model import Side
from earvid.train.detector_photos import LEFT, RIGHT, SideBook
from earvid.train.landmark_made import VERTICES_FILE, drawn_ears, read_vertices, rendered_ears
from earvid.train.landmark_photos import (
    LandmarkPhoto,
    LandmarkRef,
    find_landmark_photos,
    load_landmark_photo,
    split_refs,
)
from earvid.train.landmark_pseudo import MaskedEar
from earvid.train.rendered import EarMesh
from earvid.train.stills import StillRef, find_stills, load_still

Image = NDArray[np.uint8]
_SIDES: dict[int, Side] = {LEFT: "left", RIGHT: "right"}
_GROUND = 160  # pixels of a stored patch without an ear
_GROUNDS_EACH = 2  # patches of a photo
_TRIES = 12


@dataclass(frozen=True)
class LandmarkData:
    """Ears and surroundings.

    Args:
        labelled: ears with landmarks placed by hand.
        calibration: likewise, kept to fit the confidences on.
        held_out: likewise, kept to score on: refs, since they are scored as they are.
        made: ears that were rendered or drawn.
        masked: ears with masks alone.
        grounds: patches without ears.
    """

    labelled: Sequence[LandmarkPhoto]
    calibration: Sequence[LandmarkPhoto] = ()
    held_out: Sequence[LandmarkRef] = ()
    made: Sequence[LandmarkPhoto] = ()
    masked: Sequence[MaskedEar] = ()
    grounds: Sequence[Image] = field(default_factory=list)


@dataclass(frozen=True)
class LandmarkRefs:
    """Where photos lie, by what they are for.

    Args:
        train: with landmarks, to learn from.
        calibration: with landmarks, to fit the confidences on.
        held_out: with landmarks, to score on.
        masked: with masks alone.
    """

    train: Sequence[LandmarkRef]
    calibration: Sequence[LandmarkRef] = ()
    held_out: Sequence[LandmarkRef] = ()
    masked: Sequence[StillRef] = ()


def find_data(
    folders: Sequence[Path],
    *,
    leave_out: Sequence[str] = (),
    hold_out: Sequence[str] = (),
    calibrate: Sequence[str] = (),
) -> LandmarkRefs:
    """Find photos with landmarks, or with masks alone, and split them by patterns on their names.

    Raises:
        EarvidError: there are none with landmarks, or a pattern matches nothing.
    """
    marked = [folder for folder in folders if (folder / "landmarks").is_dir()]
    plain = [folder for folder in folders if folder not in marked]
    refs = find_landmark_photos(marked)
    stills = find_stills(plain) if plain else []
    for pattern in (*leave_out, *hold_out, *calibrate):
        names = [ref.name for ref in refs]
        if pattern in leave_out:
            names += [still.name for still in stills]
        if not any(fnmatch(name, pattern) for name in names):
            raise EarvidError(f"The pattern {pattern!r} matches no photo.")
    refs = split_refs(refs, leave_out)[0]
    refs, held = split_refs(refs, hold_out)
    refs, judges = split_refs(refs, calibrate)
    masked = [s for s in stills if not any(fnmatch(s.name, pattern) for pattern in leave_out)]
    return LandmarkRefs(refs, judges, held, masked)


def load_data(
    refs: LandmarkRefs,
    *,
    book: SideBook | None = None,
    mesh: Path | None = None,
    rendered: int = 0,
    drawn: int = 0,
    seed: int = 0,
) -> LandmarkData:
    """Decode photos and make ears.

    Args:
        refs: the photos.
        book: which ears with masks alone are left and right.
        mesh: an OBJ to render; beside it lies ``VERTICES_FILE``.
        rendered: how many ears to render.
        drawn: how many ears to draw.
        seed: of all randomness.

    Raises:
        EarvidError: a file cannot be read or is of another kind.
    """
    labelled = [load_landmark_photo(ref) for ref in refs.train]
    ears, grounds = _masked_ears(refs.masked, book or SideBook(), seed)
    grounds += [patch for n, photo in enumerate(labelled) for patch in _beside(photo, seed, n)]
    made = drawn_ears(drawn)
    if mesh is not None:
        ear = EarMesh.load(mesh)
        vertices = read_vertices(mesh.parent / VERTICES_FILE)
        made += rendered_ears(ear, vertices, grounds, rendered, seed)
    judges = [load_landmark_photo(ref) for ref in refs.calibration]
    return LandmarkData(labelled, judges, refs.held_out, made, ears, grounds)


def _masked_ears(
    refs: Iterable[StillRef], book: SideBook, seed: int
) -> tuple[list[MaskedEar], list[Image]]:
    ears: list[MaskedEar] = []
    grounds: list[Image] = []
    for number, ref in enumerate(refs):
        still = load_still(ref)
        if still is None:
            continue
        sides = book.sides(still)
        ears += [
            MaskedEar(still.name, still.image, mask, _SIDES.get(side))
            for mask, side in zip(still.ears, sides, strict=True)
        ]
        taken = np.any([mask > 0 for mask in still.ears], axis=0)
        rng = np.random.default_rng((seed, 4, number))
        grounds += free_patches(rng, still.image, taken)
    return ears, grounds


def _beside(photo: LandmarkPhoto, seed: int, number: int) -> list[Image]:
    """Hair, cheek and whatever else lies around an ear."""
    taken = np.zeros(photo.image.shape[:2], np.uint8)
    cv2.fillConvexPoly(taken, cv2.convexHull(photo.points.round().astype(np.int32)), 1)
    rng = np.random.default_rng((seed, 5, number))
    return free_patches(rng, photo.image, taken > 0)


def free_patches(rng: np.random.Generator, image: Image, taken: NDArray[np.bool_]) -> list[Image]:
    """Square patches of an image where nothing is taken; fewer or none where there is no room."""
    height, width = taken.shape
    found: list[Image] = []
    for _ in range(_TRIES):
        size = max(16, int(min(height, width) * rng.uniform(0.15, 0.6)))
        y, x = (int(rng.integers(max(1, n - size + 1))) for n in (height, width))
        if not taken[y : y + size, x : x + size].any():
            patch = image[y : y + size, x : x + size]
            found.append(np.asarray(cv2.resize(patch, (_GROUND, _GROUND)), np.uint8))
        if len(found) == _GROUNDS_EACH:
            break
    return found
