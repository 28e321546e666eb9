"""A picture of the memory bank over time."""

from __future__ import annotations

import io
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earvid.errors import UsageError
from earvid.qc.bank import BankUse, bank_use
from earvid.qc.clips import check_same_clip
from earvid.qc.output import check_output, write_whole
from earvid.qc.thumbnails import ear_thumbnail
from earvid.store import Store
from earvid.video import Clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_EARS = 16  # a picture of more would be taller than viewers open
THUMBNAILS = 8
SIZE = (12.0, 6.4)  # inches, of one ear's part
DPI = 110
UNKNOWN = "0.6"  # gray of what has no score
COLORS = "viridis"


def memory_picture(
    store: Store,
    out: str | os.PathLike[str],
    *,
    clip: Clip | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw which frames the masks of each ear were conditioned on.

    Each ear has three rows. On top, a line at height ``y`` over the frames ``x`` says that frame
    ``y`` was among the memories of ``x``, and its color is the score that ``y`` itself had.
    Keyframes are long lines, the frames just before are a band along the diagonal, and a long line
    in a dark color is a poor frame that was remembered for long. Below are score and presence of
    every frame, and at the bottom the memories that took part on the most frames.

    Args:
        store: complete or not.
        out: ``.png`` file.
        clip: for thumbnails in color; without it they are the store's gray ones.
        overwrite: replace a file of this name.

    Returns:
        The path of the picture.

    Raises:
        UsageError: matplotlib is missing, the store has more ears than fit, or the file cannot be
            written.
        StoreError: the store is damaged, or was made from another clip.
    """
    path = Path(out)
    check_output(path, ".png", overwrite=overwrite)
    require_matplotlib("The picture of the memory bank")
    if len(store.object_ids) > MAX_EARS:
        raise UsageError(
            f"A picture of the memory bank holds at most {MAX_EARS} ears, and {store.path} has "
            f"{len(store.object_ids)}; draw them from earvid.qc.bank_use."
        )
    if clip is not None:
        check_same_clip(store, clip)
    from matplotlib.figure import Figure

    ears = bank_use(store)
    figure = Figure(figsize=(SIZE[0], SIZE[1] * len(ears)), dpi=DPI, layout="constrained")
    parts = figure.subfigures(len(ears), 1, squeeze=False)[:, 0]
    for part, ear in zip(parts, ears, strict=True):
        _draw_ear(part, ear, store, clip)
    write_whole(path, _png(figure))
    return path


def require_matplotlib(what: str) -> None:
    """See that matplotlib is there.

    Args:
        what: needs it; begins the sentence.

    Raises:
        UsageError: it is not.
    """
    if find_spec("matplotlib") is None:
        raise UsageError(f"{what} needs matplotlib; install it with: pip install 'earvid[plot]'")


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = io.BytesIO()
    figure.set_canvas(FigureCanvasAgg(figure))
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes, which is to be seen as it is.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(data, format="png")
    return data.getvalue()


def _draw_ear(part: SubFigure, ear: BankUse, store: Store, clip: Clip | None) -> None:
    used = list(ear.used().items())[:THUMBNAILS]
    grid = part.add_gridspec(3, THUMBNAILS, height_ratios=(3.2, 1.1, 1.3))
    bank = part.add_subplot(grid[0, :])
    _draw_bank(part, bank, ear)
    bank.set_title(f"{store.clip_name}: {ear.name}", loc="left", parse_math=False)
    quality = part.add_subplot(grid[1, :], sharex=bank)
    _draw_quality(quality, ear, _corrections(store, ear))
    for place, (index, count) in enumerate(used):
        axes = part.add_subplot(grid[2, place])
        axes.imshow(ear_thumbnail(store, clip, index, ear.object_id))
        kind = "keyframe" if index in ear.keyframes else "frame"
        axes.set_title(f"{kind} {index}\nin {count}", fontsize=8)
        axes.set_axis_off()


def _corrections(store: Store, ear: BankUse) -> list[int]:
    """Frames on which the ear was corrected by hand, but for those where it is not."""
    column = store.object_ids.index(ear.object_id)
    flags = store.corrected[:, column] & ~store.ruled_out[:, column]
    return [int(frame) for frame in np.flatnonzero(flags)]


def _draw_bank(part: SubFigure, axes: Axes, ear: BankUse) -> None:
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    remembered, start, stop = ear.runs.T
    lines = LineCollection(
        [[(a - 0.5, y), (b - 0.5, y)] for y, a, b in zip(remembered, start, stop, strict=True)],
        array=np.ma.masked_invalid(ear.score[remembered]),
        cmap=colormaps[COLORS].with_extremes(bad=UNKNOWN),
        clim=(0.0, 1.0),
        linewidths=_line_width(len(ear.score)),
        capstyle="butt",
    )
    axes.add_collection(lines)
    axes.plot(ear.keyframes, ear.keyframes, "*", color="tab:red", markersize=9, label="keyframe")
    last = max(1, len(ear.score) - 1)
    axes.set(xlim=(-0.5, last + 0.5), ylim=(-0.02 * last - 0.5, 1.02 * last + 0.5))
    axes.set_ylabel("conditioned on frame")
    axes.tick_params(labelbottom=False)
    if ear.keyframes:
        axes.legend(loc="upper left", fontsize=8)
    part.colorbar(lines, ax=axes, label="score of that frame", pad=0.01, fraction=0.03)


def _line_width(frames: int) -> float:
    """Points, so that lines of neighboring frames touch on short clips, and can be seen on long."""
    inches = 0.5 * SIZE[1]
    return float(np.clip(72 * inches / frames, 1.0, 6.0))


def _draw_quality(axes: Axes, ear: BankUse, corrected: list[int]) -> None:
    frames = np.arange(len(ear.score))
    marker = "." if len(frames) <= 200 else ""  # a frame between two gaps is no line
    axes.plot(frames, ear.presence, color="tab:orange", lw=1, marker=marker, ms=3, label="presence")
    axes.plot(frames, ear.score, color="tab:blue", lw=1, marker=marker, ms=3, label="score")
    axes.axhline(0.5, color="0.8", lw=0.8, zorder=0)
    if corrected:
        axes.plot(corrected, [1.0] * len(corrected), "v", color="tab:red", ms=5, label="corrected")
    axes.set(ylim=(-0.05, 1.08), xlabel="frame")
    axes.legend(loc="lower right", fontsize=8, ncols=3)
