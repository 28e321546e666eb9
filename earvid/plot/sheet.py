"""A clip at a glance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from earvid.errors import UsageError
from earvid.library.frame import TrackedFrame
from earvid.library.recording import Recording
from earvid.library.select import Where, chosen
from earvid.plot.canvas import EARS, axes, stroke
from earvid.plot.pictures import draw_mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TILE = 320  # pixels across a frame on the sheet; smaller ones keep their size
GAP = 0.03  # between frames, as a share of their width
SHAPE = 1.5  # of the sheet, width over height, as far as it can be had


def contact_sheet(
    recording: Recording,
    count: int = 12,
    *,
    where: Where = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw evenly spaced frames with their ears.

    Args:
        recording: an opened result.
        count: frames to show, at most.
        where: among which frames, as for :meth:`Recording.frames`: ``"doubtful"``,
            ``recording.scores < 0.8``; None is all that are done.
        ax: to draw into; None makes a figure.

    Raises:
        UsageError: there are no such frames, or matplotlib is not installed.
    """
    if count < 1:
        raise UsageError(f"A sheet of {count} frames shows nothing; ask for at least 1.")
    numbers = chosen(recording, where)
    if not numbers.size:
        raise UsageError(f"There is no frame to show; {where!r} holds for none of them.")
    picked = numbers[np.unique(np.linspace(0, numbers.size - 1, count).round().astype(int))]
    tall = recording.store.height / recording.store.width
    columns = min(len(picked), math.ceil(math.sqrt(len(picked) * tall * SHAPE)))
    rows = math.ceil(len(picked) / columns)
    step = 1 + GAP, tall + GAP
    size = 11.0, 11.0 * rows * step[1] / (columns * step[0])
    ax = axes(ax, size)
    for place, number in enumerate(picked.tolist()):
        row, column = divmod(place, columns)
        _draw_tile(ax, recording.frame(number, gray=True), column * step[0], row * step[1])
    ax.set(xlim=(0, columns * step[0] - GAP), ylim=(rows * step[1] - GAP, 0), aspect="equal")
    ax.set_axis_off()
    return ax


def _draw_tile(ax: Axes, shown: TrackedFrame, left: float, top: float) -> None:
    """Draw a frame one unit wide."""
    height, width = shown.labels.shape
    scale = min(1.0, TILE / width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(shown.image, small, interpolation=cv2.INTER_AREA)
    tall = height / width
    ax.imshow(image, extent=(left, left + 1, top + tall, top), interpolation="antialiased")
    pixel = 1 / width
    for place, ear in enumerate(shown.ears.values()):
        corner = left + pixel / 2, top + pixel / 2, pixel
        draw_mask(ax, ear.mask, EARS[place % len(EARS)], width=1.2, place=corner)
    missing = [ear.name for ear in shown.ears.values() if not ear.seen]
    note = f"{shown.index}" + (f"  {', '.join(missing)} not seen" if missing else "")
    ax.text(
        left + 0.02, top + 0.02, note, va="top", fontsize=8, color="white", parse_math=False,
        path_effects=stroke(2.6),
    )  # fmt: skip
