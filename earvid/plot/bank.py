"""The memory bank over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earvid.library.recording import Recording
from earvid.plot.canvas import VERMILION, axes, colormap, plain
from earvid.qc import bank_use

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = "viridis"


def memory_bank(recording: Recording, ear: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw which frames the masks of one ear were conditioned on.

    A line at height ``y`` over the frames ``x`` says that frame ``y`` was among the memories of
    ``x``; its color is the score that ``y`` itself had, gray where the ear was not seen. Keyframes
    are long lines, the frames just before are the band along the diagonal.

    Args:
        recording: an opened result.
        ear: name; None is the only one.
        ax: to draw into; None makes a figure.

    Raises:
        UsageError: there is no such ear, or matplotlib is not installed.
    """
    one = recording.ear(ear)
    ax = axes(ax, (7.5, 5.0))
    from matplotlib.collections import LineCollection

    use = next(use for use in bank_use(recording.store) if use.object_id == one.id)
    remembered, start, stop = use.runs.T
    count = max(2, len(recording))
    lines = LineCollection(
        [[(a - 0.5, y), (b - 0.5, y)] for y, a, b in zip(remembered, start, stop, strict=True)],
        array=np.ma.masked_invalid(use.score[remembered]),
        cmap=colormap(COLORS),
        clim=(0.0, 1.0),
        linewidths=float(np.clip(220 / count, 1.0, 6.0)),
        capstyle="butt",
    )
    ax.add_collection(lines)
    ax.plot(
        use.keyframes, use.keyframes, "*", color=VERMILION, mec="white", ms=14, ls="",
        label="keyframe",
    )  # fmt: skip
    ax.set(xlim=(-0.5, count - 0.5), ylim=(-0.03 * count, 1.03 * count))
    ax.set(xlabel="frame", ylabel="conditioned on frame")
    ax.figure.colorbar(lines, ax=ax, label="score of that frame", pad=0.02)
    ax.set_title(f"{recording.store.clip_name}: memory of {one.name}", loc="left", parse_math=False)
    if use.keyframes:
        ax.legend(loc="upper left", frameon=False)
    plain(ax)
    return ax
