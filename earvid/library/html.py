"""How a recording shows itself in a notebook: a few frames, and a line per ear."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.library.pictures import data_uri, gray_frame, outlined
from earvid.library.select import chosen, spans
from earvid.store import PALETTE

if TYPE_CHECKING:
    from earvid.library.arrays import EarTrack
    from earvid.library.recording import Recording

THUMBNAILS, WIDTH = 5, 168  # pixels
LINE_WIDTH, LINE_HEIGHT = 260, 30  # of the curve of scores, pixels
MOST_POINTS = 260  # of that curve; a longer clip is thinned out
MOST_SPANS = 6  # that are told in words

_CELL = "style='text-align:left;padding:2px 12px 2px 0;border:0'"


def as_html(recording: Recording) -> str:
    """A self-contained piece of HTML, with all that comes from a user escaped."""
    store = recording.store
    state = "complete" if store.complete else f"{100 * store.progress:.0f} % done"
    facts = [
        f"{len(recording)} frames",
        f"{store.width}&thinsp;×&thinsp;{store.height}",
        f"{store.times[-1]:.1f} s",
        f"{len(recording.keypoints)} landmarks" if recording.keypoints else "no landmarks",
        escape(str((store.provenance.get("model") or {}).get("name", "unknown model"))),
        state,
    ]
    rows = "".join(_row(recording, recording.ear(name)) for name in recording.ears)
    head = "".join(f"<th {_CELL}>{title}</th>" for title in ("ear", "seen", "score", "", "absent"))
    return (
        "<div style='font-family:sans-serif;font-size:13px'>"
        f"<div><b>{escape(store.clip_name)}</b> &nbsp;{' · '.join(facts)}</div>"
        f"<div style='display:flex;flex-wrap:wrap;gap:4px;margin:6px 0'>{_strip(recording)}</div>"
        f"<table style='border-collapse:collapse;font-size:inherit'><tr>{head}</tr>{rows}</table>"
        "</div>"
    )


def _strip(recording: Recording) -> str:
    """Evenly spaced frames."""
    done = chosen(recording, "done")
    if not done.size:
        return "<i>no frame is done yet</i>"
    places = np.unique(np.linspace(0, done.size - 1, THUMBNAILS).round().astype(int))
    return "".join(_thumbnail(recording, int(number)) for number in done[places])


def _thumbnail(recording: Recording, number: int) -> str:
    try:
        image = recording.image(number)
    except EarvidError:  # a clip that cannot be read must not hide the results
        image = gray_frame(recording.store, number)
    uri = data_uri(outlined(image, recording.store.mask(number), WIDTH))
    return (
        f"<figure style='margin:0'><img src='{uri}' alt='frame {number}' style='display:block'>"
        f"<figcaption style='font-size:11px;opacity:.7'>{number} · "
        f"{recording.times[number]:.2f} s</figcaption></figure>"
    )


def _row(recording: Recording, ear: EarTrack) -> str:
    done = recording.where("done")
    red, green, blue = PALETTE[(ear.id - 1) % len(PALETTE)]
    dot = f"<span style='color:rgb({red},{green},{blue})'>●</span>"
    seen = int(ear.seen.sum())
    mean = f"{np.nanmean(ear.scores):.2f}" if np.isfinite(ear.scores).any() else "–"
    cells = (
        f"{dot} {escape(ear.name)}",
        f"{seen} of {int(done.sum())}",
        mean,
        _curve(ear.scores, done & ~ear.seen),
        _spans_text(done & ~ear.seen),
    )
    return "<tr>" + "".join(f"<td {_CELL}>{cell}</td>" for cell in cells) + "</tr>"


def _spans_text(absent: NDArray[np.bool_]) -> str:
    found = spans(absent)
    told = ", ".join(f"{first}–{stop - 1}" for first, stop in found[:MOST_SPANS])
    return told + (" …" if len(found) > MOST_SPANS else "") or "never"


def _curve(scores: NDArray[np.float32], absent: NDArray[np.bool_]) -> str:
    """The score over time as a small drawing, with bands where the ear is absent."""
    across = LINE_WIDTH / max(1, len(scores))
    bands = "".join(
        f"<rect x='{first * across:.1f}' y='0' width='{max(1.0, (stop - first) * across):.1f}' "
        f"height='{LINE_HEIGHT}' fill='#888' opacity='.35'/>"
        for first, stop in spans(absent)
    )
    lines = "".join(
        f"<polyline points='{_points(scores, first, stop, across)}' fill='none' stroke='#0072B2' "
        f"stroke-width='1.5'/>"
        for first, stop in spans(np.isfinite(scores))
    )
    return (
        f"<svg width='{LINE_WIDTH}' height='{LINE_HEIGHT}' style='vertical-align:middle'>"
        f"<title>score from 0 to 1 over time</title>{bands}{lines}</svg>"
    )


def _points(scores: NDArray[np.float32], first: int, stop: int, across: float) -> str:
    step = max(1, len(scores) // MOST_POINTS)
    numbers = [*range(first, stop, step), stop - 1]
    return " ".join(
        f"{(n + 0.5) * across:.1f},{1 + (LINE_HEIGHT - 2) * (1 - float(scores[n])):.1f}"
        for n in numbers
    )
