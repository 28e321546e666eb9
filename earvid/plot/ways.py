"""Where ears went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earvid.library.recording import Recording
from earvid.library.select import chosen
from earvid.plot.canvas import EARS, axes, colormap
from earvid.plot.pictures import draw_mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def trajectory(recording: Recording, *, ax: Axes | None = None, frame: int | None = None) -> Axes:
    """Draw the way of the middle of every ear over a picture, in the colors of time.

    The line is broken where the ear is not seen.

    Args:
        recording: an opened result.
        ax: to draw into; None makes a figure.
        frame: whose picture and masks are behind; None is the last that is done.

    Raises:
        UsageError: there is no such frame, or matplotlib is not installed.
    """
    done = chosen(recording, "done")
    number = frame if frame is not None else int(done[-1]) if done.size else 0
    shown = recording.frame(number, gray=True)
    height, width = shown.labels.shape
    ax = axes(ax, (8.0, 7.0 * height / width + 0.3))
    from matplotlib.collections import LineCollection

    ax.imshow(shown.image, interpolation="antialiased")
    for place, ear in enumerate(shown.ears.values()):
        draw_mask(ax, ear.mask, EARS[place % len(EARS)], fill=0.12, width=1.2)
    times, scale = recording.times, None
    for column in range(len(recording.ears)):
        boxes = recording.boxes[:, column]
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        pieces = np.stack([middle[:-1], middle[1:]], axis=1)
        known = np.isfinite(pieces).all(axis=(1, 2))
        ax.plot(middle[:, 0], middle[:, 1], color="white", lw=5.0, solid_capstyle="round")
        scale = LineCollection(
            list(pieces[known]),
            array=times[1:][known],
            cmap=colormap(),
            clim=(float(times[0]), max(float(times[-1]), 1e-3)),
            linewidths=3.0,
            capstyle="round",
            zorder=3,
        )
        ax.add_collection(scale)
    if scale is not None:
        ax.figure.colorbar(scale, ax=ax, label="time (s)", pad=0.02, shrink=0.8)
    ax.set_title(f"way of the ears, over frame {number}", loc="left", fontsize=10)
    ax.set_axis_off()
    return ax
