"""What the page of a store shows of each flagged span."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earvid.qc.album import Picture, Wish
from earvid.qc.commands import Absence, Correction, absence, correction, watching
from earvid.qc.doubt import frames_in
from earvid.qc.measures import Measures
from earvid.qc.review import Review
from earvid.qc.spans import Span
from earvid.qc.text import clock, ear_color, frames_in_words
from earvid.store import Store
from earvid.video import Clip

Pictures = Mapping[Wish, Picture]


def span_wishes(span: Span, frames: int) -> list[Wish]:
    """The pictures of a span: its moments, and the whole worst frame to draw a box on.

    Args:
        span: the span.
        frames: of the clip.
    """
    moments = [Wish(index, span.object_id) for _, index in _moments(span, frames)]
    return [*moments, Wish(span.worst, marked=False)]


def _moments(span: Span, frames: int) -> list[tuple[str, int]]:
    """What is shown of a span, in order: its start, its worst frame and its end."""
    if span.stop - span.start <= 2:
        wanted = [("before", span.start - 1), ("worst", span.worst), ("after", span.stop)]
    else:
        wanted = [("start", span.start), ("worst", span.worst), ("end", span.stop - 1)]
    kept: dict[int, str] = {}
    for name, index in wanted:
        if 0 <= index < frames:
            kept[index] = f"{kept[index]}, {name}" if index in kept else name
    return [(name, index) for index, name in sorted(kept.items())]


def span_view(
    review: Review, span: Span, ear: Measures, clip: Clip | None, pictures: Pictures
) -> dict[str, Any]:
    """What the template shows of a span.

    Args:
        review: of the store.
        span: the span.
        ear: its ear.
        clip: where corrections find the frames; None if it is missing.
        pictures: all that :func:`span_wishes` wants.
    """
    store = review.store
    where = None if clip is None else Path(clip.info.path)
    fix = correction(store, where, ear, span) if store.complete else None
    gone = absence(store, where, ear, span) if store.complete else None
    return {
        **listed(span),
        "level": span.level,
        "title": f"{span.name}, {frames_in_words(span.start, span.stop)}",
        "when": _when(store, span),
        "worst": span.worst,
        "reasons": span.reasons,
        "thumbs": [
            _thumb(store, ear, name, index, pictures[Wish(index, span.object_id)])
            for name, index in _moments(span, len(store))
        ],
        "frame": pictures[Wish(span.worst, marked=False)],
        "fix": fix,
        "advice": "" if fix is None else _advice(span, fix),
        "gone": gone,
        "not_here": "" if gone is None else _not_here(span, gone),
        "watch": watching(store, where, span, frames_in(ear, 1.0)),
    }


def listed(span: Span) -> dict[str, Any]:
    """What the template shows of a span without pictures."""
    return {
        "color": ear_color(span.object_id),
        "name": span.name,
        "title_frames": frames_in_words(span.start, span.stop),
        "doubt": span.doubt,
        "reasons": span.reasons,
    }


def _when(store: Store, span: Span) -> str:
    first, last = clock(float(store.times[span.start])), clock(float(store.times[span.stop - 1]))
    return first if first == last else f"{first} to {last}"


def _advice(span: Span, fix: Correction) -> str:
    first, last = fix.reach
    when = "is wrong" if fix.tracked else "shows the ear"
    otherwise = "is right" if fix.tracked else "does not show it"
    return (
        f"If frame {fix.frame} {when}, draw the ear's box on it and run this: {span.name} is then "
        f"tracked anew on {frames_in_words(first, last + 1)}. If it {otherwise}, there is nothing "
        f"to do."
    )


def _not_here(span: Span, gone: Absence) -> str:
    """When to say that the ear is not there, and what comes of it."""
    frames = frames_in_words(span.start, span.stop)
    if gone.out:
        return (
            f"If this is not {span.name} at all, but hair, say, or somebody else's ear, run this: "
            f"nothing but {frames} says where {span.name} is, and so it is taken out of the clip."
        )
    return (
        f"If {span.name} is not in view on {frames}, but covered, away, or somebody else's, run "
        f"this: its mask is then empty there, and nobody asks about these frames again."
    )


def _thumb(store: Store, ear: Measures, name: str, index: int, picture: Picture) -> dict[str, Any]:
    seen = "with the outline of its mask" if ear.seen[index] else "not seen"
    state = "" if ear.seen[index] else ", not seen"
    return {
        "picture": picture,
        "alt": f"{ear.name} on frame {index}, {seen}",
        "name": name,
        "caption": f"frame {index}, {clock(float(store.times[index]))}{state}",
    }
