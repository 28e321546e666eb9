"""Plots over time as SVG paths, whatever the length of the clip.

A plot is 1000 wide and 100 high, to be stretched to the width of the page. Clips with more frames
than columns are drawn as an envelope: in each column the lowest to the highest value, and the mean,
so that a single bad frame among 20,000 is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earvid.qc.doubt import Doubt
from earvid.qc.measures import Flags, Floats, Measures
from earvid.qc.text import clock

WIDTH, HEIGHT, INSET = 1000, 100, 5
COLUMNS, LEAST_COLUMNS = 500, 60
ALL_COLUMNS = 2000  # of all ears of a page
TICKS = 6
NICE = (1, 2, 5, 10, 15, 20, 25, 30, 50, 60, 100, 150, 200, 250, 300, 500)


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Args:
        name: for people.
        band: path of the envelope; empty where a column is a frame.
        path: path of the line.
    """

    name: str
    band: str
    path: str


@dataclass(frozen=True)
class Strip:
    """One plot.

    Args:
        title: what is drawn.
        hint: what it means, in a few words.
        lines: one or two.
        low: of the axis, as text.
        high: of the axis, as text.
        guide: height of a line to compare with, or None.
        spoken: the plot in a sentence.
        readout: one list of values per line, by column; None where there is none.
    """

    title: str
    hint: str
    lines: tuple[Line, ...]
    low: str
    high: str
    guide: float | None
    spoken: str
    readout: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Stretch:
    """A stretch of a plot, from ``x`` on, ``width`` wide; and the frames it stands for."""

    x: float
    width: float
    start: int
    stop: int


@dataclass(frozen=True)
class Tick:
    """A label of the axis of time: where in percent, the frame and its time."""

    percent: float
    frame: int
    time: str


class Columns:
    """Which frames share a column of a plot.

    Args:
        frames: of the clip.
        columns: at most so many.
    """

    def __init__(self, frames: int, columns: int) -> None:
        self.frames = frames
        self.edges = np.linspace(0, frames, min(frames, columns) + 1).round().astype(np.int64)
        self.count = len(self.edges) - 1
        self.x = (self.edges[:-1] + self.edges[1:]) / 2 / frames * WIDTH

    @classmethod
    def shared(cls, frames: int, ears: int) -> Columns:
        """As many as a page with so many ears can hold."""
        return cls(frames, max(LEAST_COLUMNS, min(COLUMNS, ALL_COLUMNS // ears)))

    def folded(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Lowest, mean and highest value of each column; NaN where there is none."""
        known = np.isfinite(values)
        first = self.edges[:-1]
        counts = np.add.reduceat(known.astype(np.int64), first)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.add.reduceat(np.where(known, values, 0.0), first) / counts
        low = np.minimum.reduceat(np.where(known, values, np.inf), first)
        high = np.maximum.reduceat(np.where(known, values, -np.inf), first)
        none = counts == 0
        return np.where(none, np.nan, low), mean, np.where(none, np.nan, high)

    def stretches(self, flags: Flags) -> tuple[Stretch, ...]:
        """Where flags are true, columns that touch joined."""
        found = np.add.reduceat(flags.astype(np.int64), self.edges[:-1]) > 0
        borders = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]])))
        return tuple(
            self.stretch(int(self.edges[a]), int(self.edges[b])) for a, b in borders.reshape(-1, 2)
        )

    def stretch(self, start: int, stop: int) -> Stretch:
        """A half-open span of frames, wide enough to be seen."""
        x, width = start / self.frames * WIDTH, (stop - start) / self.frames * WIDTH
        least = max(0.0, 3 - width)
        x = min(max(0.0, x - least / 2), WIDTH - 3)
        return Stretch(_short(x), _short(width + least), start, stop)


def strips(ear: Measures, doubt: Doubt, columns: Columns) -> tuple[Strip, ...]:
    """The plots of an ear: doubt first, then what it comes from."""
    score = np.where(ear.seen, ear.score, np.nan)
    area = np.where(ear.done, ear.area, np.nan)
    total = np.where(ear.done, doubt.total, np.nan)
    share = (0.0, 1.0)
    made = [
        _strip("Doubt", "how far to look twice", columns, share, [("doubt", total)], guide=0.3),
        _strip("Score", "predicted overlap", columns, share, [("score", score)]),
        _strip("Presence", "in view or not; flat at 0.50: not believed, counts as out of view",
               columns, share,
               [("presence", ear.presence)], guide=0.5),
        _strip("Area", "pixels of the mask", columns, (0.0, _top(area)), [("area", area)]),
        _strip("Motion", "ear sizes per second", columns, (0.0, _top(ear.speed)),
               [("motion", ear.speed)]),
        _strip("Mask overlap", "with the frame before; a jump dips", columns,
               share, [("overlap", ear.overlap)]),
    ]  # fmt: skip
    if ear.confidence is not None and ear.visible is not None:
        lines = [("median confidence", ear.confidence), ("share visible", ear.visible)]
        made.append(_strip("Landmarks", "confidence and visibility", columns, share, lines))
    return tuple(made)


def sparkline(values: Floats, columns: int = 120) -> str:
    """The highest value of each column as a filled path, 0 to 1 being the height."""
    folded = Columns(len(values), columns)
    high = np.nan_to_num(folded.folded(values)[2], nan=0.0)
    y = HEIGHT * (1 - np.clip(high, 0, 1))
    middle = " ".join(f"L{_number(a)} {_number(b)}" for a, b in zip(folded.x, y, strict=True))
    return f"M0 {HEIGHT} {middle} L{WIDTH} {HEIGHT} Z"


def ticks(times: Floats) -> tuple[Tick, ...]:
    """Round numbers of frames along a plot, with their times."""
    frames = len(times)
    steps = [one * scale for scale in (1, 100, 10_000) for one in NICE]
    step = next((one for one in steps if frames / one <= TICKS), frames)
    return tuple(
        Tick(_short((at + 0.5) / frames * 100), at, clock(float(times[at])))
        for at in range(0, frames, step)
    )


def _strip(
    title: str,
    hint: str,
    columns: Columns,
    limits: tuple[float, float],
    series: Sequence[tuple[str, Floats]],
    guide: float | None = None,
) -> Strip:
    low, high = limits
    folded = [columns.folded(values) for _, values in series]
    lines = tuple(
        _line(name, columns, parts, limits) for (name, _), parts in zip(series, folded, strict=True)
    )
    return Strip(
        title=title,
        hint=hint,
        lines=lines,
        low=_label(low),
        high=_label(high),
        guide=None if guide is None else _short(float(_heights(np.array([guide]), limits)[0])),
        spoken=f"{title} over time: " + "; ".join(_spoken(*one) for one in series) + ".",
        readout=tuple(_readout(mean) for _, mean, _ in folded),
    )


def _line(
    name: str, columns: Columns, parts: tuple[Floats, Floats, Floats], limits: tuple[float, float]
) -> Line:
    low, mean, high = (_heights(part, limits) for part in parts)
    band, path = [], []
    for run in _runs(np.isfinite(mean)):
        x = columns.x[run]
        path.append(_polyline(x, mean[run]))
        if columns.count < columns.frames:
            there = list(zip(x, high[run], strict=True))
            back = list(zip(x, low[run], strict=True))[::-1]
            band.append("M" + "L".join(f"{_number(a)} {_number(b)}" for a, b in there + back) + "Z")
    return Line(name, "".join(band), "".join(path))


def _polyline(x: Floats, y: Floats) -> str:
    points = "L".join(f"{_number(a)} {_number(b)}" for a, b in zip(x, y, strict=True))
    return f"M{points}h0" if len(x) == 1 else f"M{points}"  # a round cap makes that a dot


def _runs(flags: Flags) -> list[slice]:
    borders = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [slice(int(a), int(b)) for a, b in borders.reshape(-1, 2)]


def _heights(values: Floats, limits: tuple[float, float]) -> Floats:
    low, high = limits
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(HEIGHT - INSET - share * (HEIGHT - 2 * INSET))


def _readout(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(f"{v:.3g}") if np.isfinite(v) else None for v in values)


def _spoken(name: str, values: Floats) -> str:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return f"no {name}"
    low, high = (known[pick(values[known])] for pick in (np.argmin, np.argmax))
    return (
        f"{name} median {np.median(values[known]):.3g}, lowest {values[low]:.3g} on frame {low}, "
        f"highest {values[high]:.3g} on frame {high}"
    )


def _top(values: Floats) -> float:
    """A round number that no value exceeds."""
    known = values[np.isfinite(values)]
    highest = float(known.max()) if len(known) else 0.0
    if highest <= 0:
        return 1.0
    scale = 10.0 ** np.floor(np.log10(highest))
    nice = (scale * one for one in (1, 1.5, 2, 3, 4, 5, 6, 8, 10))
    return float(next(top for top in nice if top >= highest))


def _label(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 10 else f"{value:g}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _short(value: float) -> float:
    return round(value, 2)
