"""Looking at a landmark model: guesses drawn on ears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.landmark_guess import box_of
from earvid.landmarks.guess.contours import CONTOURS
from earvid.landmarks.guess.crops import Box, box_crop, take, to_crop
from earvid.landmarks.guess.model import Guess, LandmarkModel
from earvid.render import write_png
from earvid.train.landmark_photos import LandmarkRef, read_truth

Image = NDArray[np.uint8]
Float = NDArray[np.float64]
_TILE = 300  # pixels
_COLORS = ((80, 255, 80), (80, 220, 255), (255, 160, 60), (255, 90, 255))
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates
_COLUMNS = 5


def draw_guess(image: Image, box: Box, guess: Guess, truth: Float | None = None) -> Image:
    """A tile around an ear with the guess in colors, unsure points dark, and the truth white."""
    matrix = box_crop(box, _TILE)
    tile = take(image, matrix, _TILE)
    if truth is not None:
        for start, stop in CONTOURS.values():
            _line(tile, to_crop(truth[start:stop], matrix), (255, 255, 255))
    points = to_crop(guess.points.astype(float), matrix)
    for (start, stop), color in zip(CONTOURS.values(), _COLORS, strict=True):
        _line(tile, points[start:stop], color)
    for (x, y), sure in zip(points, guess.confidence, strict=True):
        shade = (255, round(255 * float(sure)), 0)
        cv2.circle(tile, (round(float(x)), round(float(y))), 2, shade, -1, cv2.LINE_AA)
    text = f"{guess.side} {guess.sure:.2f}"
    cv2.putText(tile, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
    return tile


def _line(tile: Image, points: Float, color: tuple[int, int, int]) -> None:
    fixed = np.round(points * 2**_SUBPIXEL).astype(np.int32)
    cv2.polylines(tile, [fixed], False, color, 1, cv2.LINE_AA, _SUBPIXEL)


def sheet(tiles: Sequence[Image]) -> Image:
    """Tiles of one size in rows."""
    blank = np.zeros_like(tiles[0])
    filled = [*tiles, *[blank] * (-len(tiles) % _COLUMNS)]
    rows = [np.hstack(filled[i : i + _COLUMNS]) for i in range(0, len(filled), _COLUMNS)]
    return np.vstack(rows)


def sample_sheet(model: LandmarkModel, refs: Sequence[LandmarkRef], path: Path) -> None:
    """Draw what is guessed on photos with landmarks."""
    tiles = []
    for ref in refs:
        image, truth = read_truth(ref)
        box = box_of(truth)
        tiles.append(draw_guess(image, box, model.guess(image, box), truth))
    path.parent.mkdir(exist_ok=True)
    write_png(path, sheet(tiles))
