"""What a recording says over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earvid.library.arrays import EarTrack
from earvid.library.recording import Recording
from earvid.library.select import spans
from earvid.plot.canvas import (
    ABSENT,
    BLUE,
    DOUBTFUL,
    GREEN,
    LINES,
    ORANGE,
    PURPLE,
    VERMILION,
    axes,
    plain,
    rows,
)
from earvid.qc.spans import FLAGGED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THOUSAND = 1000.0
ENTRY = 1.9  # inches of the widest entry of a legend


def timeline(recording: Recording, ear: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw how well ears were tracked over time, one under another.

    Score, presence and the median confidence of the landmarks are lines, the area of the mask is
    a gray surface.

    Spans without the ear are shaded gray, those worth a look, as ``earvid qc`` flags them, yellow.
    Stars are keyframes, triangles frames that were corrected by hand.

    Args:
        recording: an opened result.
        ear: name; None is all of them.
        ax: to draw into, which has room for one ear; None makes a figure.

    Returns:
        The Axes; of several ears those of the first, and ``figure.axes`` has all.

    Raises:
        UsageError: there is no such ear, or matplotlib is not installed.
    """
    names = [recording.ear(ear).name] if ear is not None or ax is not None else list(recording.ears)
    places = rows(len(names), (10.0, 3.6)) if ax is None else [ax]
    for name, place in zip(names, places, strict=True):
        _draw_ear(place, recording, recording.ear(name))
    return places[0]


def _draw_ear(ax: Axes, recording: Recording, one: EarTrack) -> None:
    done = recording.where("done")
    flagged = recording.doubt[:, recording.ears.index(one.name)] >= FLAGGED
    _shade(ax, recording.times, done & ~one.seen, ABSENT, "not seen")
    _shade(ax, recording.times, flagged & one.seen, DOUBTFUL, "worth a look")
    _draw_area(ax, recording.times, one)
    ax.plot(recording.times, one.presence, color=ORANGE, lw=1.5, label="presence")
    if one.confidence.size:
        middle = np.where(one.seen, np.median(np.nan_to_num(one.confidence), axis=1), np.nan)
        dashes = (0, (5, 1.5))
        ax.plot(
            recording.times, middle, color=GREEN, lw=1.5, ls=dashes, label="landmark confidence"
        )
    ax.plot(recording.times, one.scores, color=BLUE, lw=2.0, label="score (predicted IoU)")
    _mark(ax, recording, one)
    ax.set(ylim=(0, 1.08), xlabel="time (s)", ylabel="score, presence, confidence")
    _limit(ax, recording.times)
    ax.set_title(f"{recording.store.clip_name}: {one.name}", loc="left", parse_math=False)
    _write_legend(ax)
    plain(ax)


def area(
    recording: Recording, *, ax: Axes | None = None, mm_per_pixel: float | None = None
) -> Axes:
    """Draw the area of the masks of all ears over time.

    Args:
        recording: an opened result.
        ax: to draw into; None makes a figure.
        mm_per_pixel: scale of the picture at the ear, for square millimeters.

    Raises:
        UsageError: matplotlib is not installed.
    """
    ax = axes(ax, (10.0, 3.0))
    factor, unit = (1.0, "pixels") if mm_per_pixel is None else (mm_per_pixel**2, "mm²")
    for place, name in enumerate(recording.ears):
        ear = recording.ear(name)
        shown = np.where(ear.seen, ear.areas * factor, np.nan)
        ax.plot(recording.times, shown, color=LINES[place % len(LINES)], lw=2.0, label=name)
    ax.set(xlabel="time (s)", ylabel=f"area of the mask ({unit})")
    ax.set_ylim(bottom=0)
    _limit(ax, recording.times)
    if len(recording.ears) > 1:
        ax.legend(frameon=False)
    plain(ax)
    return ax


def _draw_area(ax: Axes, times: NDArray[np.float64], ear: EarTrack) -> None:
    """Fill the area as a share of its largest, with an axis in pixels on the right."""
    largest = float(np.nanmax(ear.areas)) if ear.seen.any() else 0.0
    if not largest:
        return
    share = np.nan_to_num(ear.areas) / largest
    ax.fill_between(times, share, color="0.5", alpha=0.18, lw=0, label="area of the mask")
    thousands = largest / THOUSAND
    right = ax.secondary_yaxis(
        "right",
        functions=(
            lambda y: np.multiply(np.asarray(y, float), thousands),
            lambda a: np.divide(np.asarray(a, float), thousands),
        ),
    )
    right.set_ylabel("area (1000 pixels)")


def _shade(
    ax: Axes, times: NDArray[np.float64], marked: NDArray[np.bool_], color: str, label: str
) -> None:
    """Shade spans of frames, each from half a frame before to half a frame after."""
    edges = _edges(times)
    for number, (first, stop) in enumerate(spans(marked)):
        ax.axvspan(
            edges[first], edges[stop], color=color, lw=0, zorder=0, label="" if number else label
        )


def _edges(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T + 1,) where frames begin and end, halfway between their times."""
    if len(times) == 1:
        return np.array([times[0] - 0.5, times[0] + 0.5])
    middles = (times[1:] + times[:-1]) / 2
    first, last = times[0] - (middles[0] - times[0]), times[-1] + (times[-1] - middles[-1])
    return np.concatenate([[first], middles, [last]])


def _mark(ax: Axes, recording: Recording, ear: EarTrack) -> None:
    """Mark the frames that people had a hand in, at the top."""
    column = recording.ears.index(ear.name)
    numbers = np.arange(len(recording))[:, None]
    keyframes = (recording.memory[:, column] == numbers).any(axis=1)
    for marked, marker, color, label in (
        (keyframes, "*", VERMILION, "keyframe"),
        (recording.store.corrected[:, column], "v", PURPLE, "corrected by hand"),
    ):
        at = recording.times[marked]
        if at.size:
            ax.plot(
                at, np.full(at.size, 1.04), marker, color=color, ms=9, ls="", label=label,
                clip_on=False,
            )  # fmt: skip


def _write_legend(ax: Axes) -> None:
    """Explain lines first, then shades and marks, below the plot."""
    order = ("score", "presence", "landmark", "area")
    handles, labels = ax.get_legend_handles_labels()
    ranks = [next((n for n, word in enumerate(order) if word in text), 9) for text in labels]
    places = sorted(range(len(labels)), key=ranks.__getitem__)
    ax.legend(
        [handles[n] for n in places], [labels[n] for n in places], loc="upper center",
        bbox_to_anchor=(0.5, -0.2), ncols=_columns(ax), frameon=False, fontsize=9,
        columnspacing=1.4, handlelength=1.6,
    )  # fmt: skip


def _columns(ax: Axes) -> int:
    """How many entries of a legend have room beside one another."""
    return int(np.clip(ax.bbox.width / ax.figure.dpi // ENTRY, 1, 7))


def _limit(ax: Axes, times: NDArray[np.float64]) -> None:
    edges = _edges(times)
    ax.set_xlim(edges[0], edges[-1])
