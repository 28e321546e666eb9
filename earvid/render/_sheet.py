"""A whole clip on one picture."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from earvid.errors import UsageError
from earvid.render._draw import Image
from earvid.render._frame import render_frame
from earvid.render._legend import entries_for, legend
from earvid.render._marks import MarksReader, StoreLike
from earvid.render._output import checked_output
from earvid.render._png import write_png
from earvid.render._style import DEFAULT_STYLE, Style
from earvid.render._video import check_same_clip
from earvid.video import Clip

TILE_SIDE = 480
"""Longest side of a frame on the sheet, in pixels; smaller frames keep their size."""

GAP = 6
BACKGROUND = 24


def contact_sheet(
    store: StoreLike,
    clip: Clip,
    out_path: str | os.PathLike[str],
    *,
    count: int = 12,
    style: Style = DEFAULT_STYLE,
    overwrite: bool = False,
) -> Path:
    """Write a picture of evenly spaced frames, the first and the last among them, with a legend.

    Args:
        store: The store of the clip, complete or not.
        clip: The clip that the store was made from.
        out_path: `.png` file.
        count: Frames to show; a shorter clip shows each of its frames once.
        style: What to draw.
        overwrite: Replace a file of this name.

    Returns:
        The path of the picture.

    Raises:
        UsageError: The count or the output path makes no sense, or it cannot be written.
        StoreError: The store was made from another clip.
        VideoError: The clip cannot be read.
    """
    if count < 1:
        raise UsageError(f"A contact sheet of {count} frames makes no sense; ask for at least 1.")
    out = checked_output(out_path, ".png", source=clip.info.path, overwrite=overwrite)
    check_same_clip(store, clip)
    reader = MarksReader(store)
    tiles = [_tile(clip, reader, int(index), style) for index in _spread(len(clip), count)]
    grid = _grid(tiles)
    below = legend(entries_for(store, style), grid.shape[1], BACKGROUND)
    write_png(out, np.vstack([grid, below]))
    return out


def _spread(frames: int, count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, frames - 1, min(count, frames)).round().astype(np.int64))


def _tile(clip: Clip, reader: MarksReader, index: int, style: Style) -> Image:
    frame = clip.frame(index)
    height, width = frame.image.shape[:2]
    shrink = min(1.0, TILE_SIDE / max(height, width))
    drawn = render_frame(
        frame.image,
        reader.at(index),
        index=index,
        time=frame.time,
        damaged=frame.damaged,
        style=_for_tiles(style, height, width, shrink),
    )
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)


def _for_tiles(style: Style, height: int, width: int, shrink: float) -> Style:
    """Enlarge lines and text so that they can be read once the frame is shrunk to a tile."""
    side = min(height, width) * shrink
    larger = style.scale * max(1.0, 0.8 * TILE_SIDE / side)
    return replace(style, scale=min(larger, 10.0))


def _grid(tiles: Sequence[Image]) -> Image:
    height, width = tiles[0].shape[:2]
    columns = math.ceil(math.sqrt(len(tiles) * height / width * 4 / 3))
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    shape = rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3
    sheet = np.full(shape, BACKGROUND, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        y, x = GAP + row * (height + GAP), GAP + column * (width + GAP)
        sheet[y : y + height, x : x + width] = tile
    return sheet
