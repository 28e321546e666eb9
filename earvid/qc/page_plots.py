"""What the page of a store shows of each ear over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from earvid.qc.doubt import Doubt
from earvid.qc.measures import Flags, Measures
from earvid.qc.plots import Columns, strips
from earvid.qc.review import Review
from earvid.qc.text import clock, ear_color, frames_in_words

PLOTTED = 16  # ears
MARKS = 200  # keyframes in a plot
FLAGS = 200  # spans in a plot


def plot_views(review: Review, linked: int) -> list[dict[str, Any]]:
    """What the template shows of the ears, as many as a page can hold.

    Args:
        review: of the store.
        linked: so many spans are on the page with pictures, to be led to.
    """
    shown = review.ears[:PLOTTED]
    columns = Columns.shared(len(review.store), len(shown))
    return [_plot(review, ear, doubt, columns, linked) for ear, doubt in shown]


def _plot(
    review: Review, ear: Measures, doubt: Doubt, columns: Columns, linked: int
) -> dict[str, Any]:
    made = strips(ear, doubt, columns)
    middle = [int(a + b - 1) // 2 for a, b in zip(columns.edges, columns.edges[1:], strict=False)]
    times = review.store.times
    return {
        "color": ear_color(ear.object_id),
        "name": ear.name,
        "strips": made,
        "away": columns.stretches(~ear.seen),
        "flags": _flags(review, ear, columns, linked),
        "keyframes": _marks(columns, ear.prompted & ~ear.corrected),
        "corrected": _marks(columns, ear.corrected & ~ear.ruled_out),
        "data": {
            "frames": middle,
            "times": [clock(float(times[index])) for index in middle],
            "series": [strip.readout for strip in made],
        },
    }


def _marks(columns: Columns, flags: Flags) -> list[float]:
    frames = np.flatnonzero(flags)[:MARKS]
    return [round((int(index) + 0.5) / columns.frames * 1000, 1) for index in frames]


def _flags(review: Review, ear: Measures, columns: Columns, linked: int) -> list[dict[str, Any]]:
    return [
        {
            "at": columns.stretch(span.start, span.stop),
            "link": rank if rank <= linked else None,
            "title": f"{rank}: {frames_in_words(span.start, span.stop)}, doubt {span.doubt:.2f}",
        }
        for rank, span in enumerate(review.spans[:FLAGS], 1)
        if span.object_id == ear.object_id
    ]
