"""Photos of ears with landmarks placed by hand, and of ears with masks alone."""

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
from earvid.landmarks.guess.contours import diagonal, faces_right
from earvid.landmarks.guess.network import POINTS
from earvid.prompt import read_landmarks
from earvid.train.stills import IMAGE_SUFFIXES

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
UNCERTAIN, HIDDEN = 0.5, 0.25  # weights of points that the annotator was not sure of
_DIAGONAL = 160.0  # pixels of an ear in memory; the network sees it at about 100
_AROUND = 3.0  # side of what is kept around an ear, in diagonals


@dataclass(frozen=True)
class LandmarkRef:
    """Where one photo and its landmarks lie.

    Args:
        name: ``folder/stem``, what hold-out patterns match.
        image: path of the photo.
        landmarks: path of the ``.pts`` file.
        uncertain: points that the annotator was not sure of.
        hidden: points that were guessed.
    """

    name: str
    image: Path
    landmarks: Path
    uncertain: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class LandmarkPhoto:
    """An ear and its landmarks, the face to image-right.

    Args:
        name: of the photo.
        image: ``(H, W, 3)`` uint8 RGB, the ear and some of its surroundings.
        points: ``(55, 2)`` float64, pixels of ``image``.
        weight: ``(55,)`` how much each point is to be believed, 0 to 1.
    """

    name: str
    image: Image
    points: Float
    weight: Float


def find_landmark_photos(folders: Iterable[Path]) -> list[LandmarkRef]:
    """List the photos under ``folder/images`` that have a ``.pts`` file in ``folder/landmarks``.

    Raises:
        EarvidError: there is none, or the notes beside them are malformed.
    """
    refs: list[LandmarkRef] = []
    for folder in folders:
        notes = _read_notes(folder / "landmarks" / "notes.csv")
        images = sorted((folder / "images").iterdir()) if (folder / "images").is_dir() else []
        for image in images:
            points = folder / "landmarks" / f"{image.stem}.pts"
            if image.suffix.lower() in IMAGE_SUFFIXES and points.is_file():
                doubts = notes.get(image.stem, ((), ()))
                refs.append(LandmarkRef(f"{folder.name}/{image.stem}", image, points, *doubts))
    if not refs:
        raise EarvidError(
            "No photo has landmarks: a folder needs images/ and landmarks/, with .pts files of "
            "the same names."
        )
    return refs


def _read_notes(file: Path) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Uncertain and hidden points by photo; both empty when there are no notes."""
    if not file.is_file():
        return {}
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return {
                row["name"]: (_numbers(row["uncertain_points"]), _numbers(row["hidden_points"]))
                for row in csv.DictReader(lines)
            }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EarvidError(
            f"{file} is no list of doubts: it needs the columns name, hidden_points and "
            "uncertain_points, numbers set apart by semicolons."
        ) from error


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(word) for word in text.split(";") if word.strip())
    if any(not 0 <= n < POINTS for n in numbers):
        raise ValueError("no such point")
    return numbers


def split_refs(
    refs: Sequence[LandmarkRef], hold_out: Sequence[str]
) -> tuple[list[LandmarkRef], list[LandmarkRef]]:
    """Split photos into training and held out, by shell patterns on their names."""
    held = [r for r in refs if any(fnmatch(r.name, pattern) for pattern in hold_out)]
    return [r for r in refs if r not in held], held


def read_truth(ref: LandmarkRef) -> tuple[Image, Float]:
    """Decode a photo as it is, and its ``(55, 2)`` points.

    Raises:
        EarvidError: a file cannot be read, or does not hold 55 points.
    """
    image = cv2.imread(str(ref.image), cv2.IMREAD_COLOR)
    if image is None:
        raise EarvidError(f"{ref.image} cannot be read as an image.")
    points = np.array(list(read_landmarks(ref.landmarks).points.values()), float)
    if points.shape != (POINTS, 2):
        raise EarvidError(f"{ref.landmarks} holds {len(points)} points, not {POINTS}.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), points


def load_landmark_photo(ref: LandmarkRef) -> LandmarkPhoto:
    """Decode a photo, cut out the ear and its surroundings, mirror it if the face looks left."""
    image, points = read_truth(ref)
    weight = np.ones(POINTS)
    weight[list(ref.uncertain)] = UNCERTAIN
    weight[list(ref.hidden)] = HIDDEN
    return around_ear(ref.name, image, points, weight)


def around_ear(name: str, image: Image, points: Float, weight: Float) -> LandmarkPhoto:
    """Keep an ear and its surroundings at a size at which memory suffices for many."""
    extent = diagonal(points)
    factor = min(1.0, _DIAGONAL / extent)
    middle = (points.min(0) + points.max(0)) / 2
    size = np.array(image.shape[1::-1])
    low = np.clip(middle - extent * _AROUND / 2, 0, size - 1).astype(int)
    high = np.clip(middle + extent * _AROUND / 2, low + 1, size).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    if factor < 1:
        shape = tuple(max(1, round(float(s) * factor)) for s in high - low)
        part = np.asarray(cv2.resize(part, shape, interpolation=cv2.INTER_AREA), np.uint8)
    step = np.array(part.shape[1::-1]) / (high - low)
    placed = (points - low + 0.5) * step - 0.5
    return _facing_right(LandmarkPhoto(name, np.ascontiguousarray(part), placed, weight))


def _facing_right(photo: LandmarkPhoto) -> LandmarkPhoto:
    if faces_right(photo.points):
        return photo
    mirrored = np.ascontiguousarray(photo.image[:, ::-1])
    points = photo.points * [-1, 1] + [mirrored.shape[1] - 1, 0]
    return LandmarkPhoto(photo.name, mirrored, points, photo.weight)
