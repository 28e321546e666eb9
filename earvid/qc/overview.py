"""The page of all clips: what failed, and the rest with the most doubtful first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from earvid.qc.commands import absolute
from earvid.qc.outcomes import Outcome
from earvid.qc.plots import sparkline
from earvid.qc.review import Review
from earvid.qc.spans import level_of
from earvid.qc.templates import render
from earvid.qc.text import frames_in_words, number, percent
from earvid.store import StorePath

EXPLAINED = (
    "The doubt of a clip is that of its worst span, and more the more is flagged. What is flagged "
    "and seen is the mean over the ears."
)


@dataclass(frozen=True)
class Row:
    """A clip on the page; plain values, so that no store is kept in memory.

    Args:
        store: its path.
        page: file of its own page.
        name: of the clip.
        complete: whether all of it is tracked.
        state: likewise in words.
        doubt: 0..1, by which clips are ranked.
        spark: path of its doubt over time.
        spans: flagged ones.
        flagged: share of frames in them, as text.
        seen: share of frames with an ear, as text.
        score: mean, as text.
        frames: of the clip.
        worst: the most doubtful span in words; empty without one.
    """

    store: StorePath
    page: Path
    name: str
    complete: bool
    state: str
    doubt: float
    spark: str
    spans: int
    flagged: str
    seen: str
    score: str
    frames: int
    worst: str


@dataclass(frozen=True)
class Failure:
    """A clip without results, or a store that cannot be read.

    Args:
        name: of the clip or store.
        state: in a word.
        sentence: what went wrong.
    """

    name: str
    state: str
    sentence: str


def row_of(review: Review, page: Path) -> Row:
    """What the page of all clips shows of one.

    Args:
        review: of its store.
        page: file of its own page.
    """
    store, spans = review.store, review.spans
    worst = ""
    if spans:
        first = spans[0]
        worst = f"{first.name}, {frames_in_words(first.start, first.stop)}: {first.reasons[0]}"
    return Row(
        store=store.path,
        page=page,
        name=store.clip_name,
        complete=store.complete,
        state="complete" if store.complete else f"{100 * store.progress:.0f} % done",
        doubt=review.doubt,
        spark=sparkline(review.course),
        spans=len(spans),
        flagged=percent(review.flagged),
        seen=percent(review.seen),
        score=number(review.score),
        frames=len(store),
        worst=worst,
    )


def index_page(
    title: str,
    rows: Sequence[Row],
    failures: Sequence[Failure],
    outcomes: Sequence[Outcome],
    folder: Path,
) -> str:
    """Make the page of all clips.

    Args:
        title: of the page.
        rows: clips with a page of their own.
        failures: stores that cannot be read.
        outcomes: what a batch says; those that failed are shown unless they are complete by now.
        folder: that of the page, from which links begin.
    """
    complete = {absolute(row.store) for row in rows if row.complete}
    failed = [
        Failure(Path(one.clip).name or one.clip, one.state, one.error or "Not done yet.")
        for one in outcomes
        if one.went_wrong and one.key not in complete
    ]
    every = [*failed, *failures]
    ranked = sorted(rows, key=lambda row: (-row.doubt, row.name))
    return render(
        "index.html",
        script=False,
        title=title,
        facts=_facts(rows, every),
        notes=[],
        explained=EXPLAINED,
        failed=every,
        clips=[_shown(row, folder) for row in ranked],
    )


def link(target: Path, folder: Path) -> str:
    """A relative link from a page in a folder to a file."""
    return quote(Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix())


def _shown(row: Row, folder: Path) -> dict[str, Any]:
    return {**vars(row), "href": link(row.page, folder), "level": level_of(row.doubt)}


def _facts(rows: Sequence[Row], failed: Sequence[Failure]) -> list[str]:
    frames, spans = sum(row.frames for row in rows), sum(row.spans for row in rows)
    facts = [
        f"{len(rows)} clip{'' if len(rows) == 1 else 's'}",
        f"{frames} frames",
        f"{spans} flagged span{'' if spans == 1 else 's'}",
    ]
    return facts + ([f"{len(failed)} failed"] if failed else [])
