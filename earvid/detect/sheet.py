"""A picture of the candidates of a clip."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.detect.candidates import Candidate
from earvid.store import PALETTE
from earvid.video import Clip

_TILE = 360  # pixels of the longer side of a frame on the sheet
_GAP = 6
_BACKGROUND = 24
_STRIP = 26  # pixels of the caption's height
_TEXT_SCALE = 0.5
_GRAY = (150, 150, 150)
Image = NDArray[np.uint8]


def candidate_sheet(
    clip: Clip, candidates: Sequence[Candidate], passed_over: Collection[Candidate] = ()
) -> Image:
    """Draw every candidate on its frame, with its surroundings enlarged beside it.

    Args:
        clip: the open clip that they were found in.
        candidates: at least one.
        passed_over: those that would not be taken; their boxes are gray.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    names = list(dict.fromkeys(c.name for c in candidates))
    colors = {name: PALETTE[n % len(PALETTE)] for n, name in enumerate(names)}
    tiles = [_tile(clip, c, _GRAY if c in passed_over else colors[c.name]) for c in candidates]
    columns = max(1, math.ceil(math.sqrt(len(tiles) / 2)))
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.full(
        (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), _BACKGROUND, np.uint8
    )
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        y, x = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _tile(clip: Clip, candidate: Candidate, color: tuple[int, int, int]) -> Image:
    image = clip.frame(candidate.frame).image
    height, width = image.shape[:2]
    factor = _TILE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    whole = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    x0, y0, x1, y1 = (round(value * factor) for value in candidate.box)
    cv2.rectangle(whole, (x0, y0), (x1, y1), color, 2)
    both = np.hstack([whole, _close_up(image, candidate, color, size[1])])
    return _captioned(both, candidate)


def _captioned(image: Image, candidate: Candidate) -> Image:
    """Add a strip of text above a tile."""
    text = (
        f"{candidate.name}, frame {candidate.frame} ({candidate.time:.2f} s), "
        f"confidence {candidate.confidence:.2f}, quality {candidate.quality:.2f}"
    )
    strip = np.full((_STRIP, image.shape[1], 3), _BACKGROUND, np.uint8)
    cv2.putText(strip, text, (4, _STRIP - 8), cv2.FONT_HERSHEY_SIMPLEX, _TEXT_SCALE,
                (255, 255, 255), 1, cv2.LINE_AA)  # fmt: skip
    return np.vstack([strip, image])


def _close_up(image: Image, candidate: Candidate, color: tuple[int, int, int], side: int) -> Image:
    """A square of ``side`` pixels that shows twice the ear's extent."""
    x0, y0, x1, y1 = candidate.box
    extent = max(x1 - x0 + 1, y1 - y0 + 1)
    factor = side / (2 * extent)
    shift_x, shift_y = (side / 2 - factor * mid for mid in ((x0 + x1) / 2, (y0 + y1) / 2))
    matrix = np.array([[factor, 0, shift_x], [0, factor, shift_y]])
    close = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    corners = [round(factor * v + s) for v, s in zip((x0, y0, x1, y1), (shift_x, shift_y) * 2,
                                                     strict=True)]  # fmt: skip
    cv2.rectangle(close, (corners[0], corners[1]), (corners[2], corners[3]), color, 1)
    return np.asarray(close, np.uint8)
