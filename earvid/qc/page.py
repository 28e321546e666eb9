"""The page of one store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earvid.qc.album import Album, Wish
from earvid.qc.commands import prompt_file
from earvid.qc.doubt import absences
from earvid.qc.measures import Measures
from earvid.qc.origin import provenance_documents, provenance_rows
from earvid.qc.page_plots import PLOTTED, plot_views
from earvid.qc.page_spans import Pictures, listed, span_view, span_wishes
from earvid.qc.plots import ticks
from earvid.qc.review import Review
from earvid.qc.templates import render
from earvid.qc.text import clock, ear_color, frames_in_words, number, percent
from earvid.store import Store
from earvid.video import Clip

SHEET = 24  # frames on the contact sheet
SPANS = 20  # with pictures
LISTED = 200  # spans in the table below them
AWAY = 4  # absences that are written out
WRITTEN = 3  # ears whose shares are written out
LOST = 0.5  # share of an ear's frames in spans, from which on single corrections will not do


def store_page(
    review: Review,
    clip: Clip | None,
    *,
    clip_note: str | None = None,
    home: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Make the page of a store, whole within one text.

    Args:
        review: of the store.
        clip: for pictures in color; without it they are the store's small gray ones.
        clip_note: why there is no clip.
        home: link to the page of all clips, if there is one.
        progress: called with pictures done and pictures in all.

    Raises:
        StoreError: the store is damaged.
    """
    store, shown = review.store, review.spans[:SPANS]
    indices = np.unique(np.linspace(0, len(store) - 1, min(SHEET, len(store))).round().astype(int))
    wishes = [Wish(int(index)) for index in indices]
    wishes += [wish for span in shown for wish in span_wishes(span, len(store))]
    pictures = Album(store, clip).make(wishes, progress)
    ears = {ear.object_id: ear for ear, _ in review.ears}
    return render(
        "page.html",
        script=True,
        home=home,
        clip_name=store.clip_name,
        width=store.width,
        height=store.height,
        complete=store.complete,
        state="complete" if store.complete else f"{100 * store.progress:.0f} % done",
        facts=_facts(store),
        notes=_notes(review, clip, clip_note),
        ears=[_ear_row(review, ear) for ear, _ in review.ears],
        has_landmarks=any(ear.visible is not None for ear, _ in review.ears),
        spans=[span_view(review, span, ears[span.object_id], clip, pictures) for span in shown],
        span_words=_span_words(review) if shown else "",
        lost=_lost(review),
        more=[listed(span) for span in review.spans[SPANS : SPANS + LISTED]],
        more_words=_more_words(review),
        calm=_calm(review),
        sheet=[_tile(store, int(index), pictures) for index in indices],
        plotted=plot_views(review, SPANS),
        unplotted=_unplotted(review),
        ticks=ticks(store.times),
        provenance=provenance_rows(store),
        documents=provenance_documents(store),
    )


def _facts(store: Store) -> list[str]:
    duration = float(store.times[-1]) + 1 / store.fps
    facts = [
        f"{len(store)} frames",
        clock(duration),
        f"{store.width} × {store.height} pixels",
        f"{store.fps:.4g} frames/s",
    ]
    if store.keypoints:
        facts.append(f"{len(store.keypoints)} landmarks per ear")
    if name := (store.provenance.get("model") or {}).get("name"):
        facts.append(f"model {name}")
    return facts


def _notes(review: Review, clip: Clip | None, clip_note: str | None) -> list[str]:
    store = review.store
    notes = [] if clip_note is None else [clip_note]
    if torn := sum(int(ear.torn.sum()) for ear, _ in review.ears):
        notes.append(
            f"The store is damaged: on {torn} frames its masks are not as large as it says. Track "
            f"the clip again with --overwrite."
        )
    if not store.complete:
        notes.append(
            "The store is not complete: what is not tracked yet is shaded in the plots. Run the "
            "command that began it again, and it goes on; it can be corrected when it is complete."
        )
    elif file := prompt_file(store, None if clip is None else Path(clip.info.path)):
        notes.append(
            f"The store was prompted with masks, which it does not keep. The commands that correct "
            f"it take the prompt from {file} and leave the corrected one there: if it is in "
            f"another file, put that into them."
        )
    return notes + [str(one) for one in (store.provenance.get("clip") or {}).get("warnings") or []]


def _ear_row(review: Review, ear: Measures) -> dict[str, Any]:
    done = int(ear.done.sum())
    scores = ear.score[ear.seen & np.isfinite(ear.score)]
    visible = None if ear.visible is None else ear.visible[ear.seen & np.isfinite(ear.visible)]
    nan = float("nan")
    return {
        "color": ear_color(ear.object_id),
        "name": ear.name,
        "seen": percent(float(ear.seen.sum()) / done if done else nan),
        "score": number(float(scores.mean()) if len(scores) else nan),
        "landmarks": percent(nan if visible is None or not len(visible) else float(visible.mean())),
        "flagged": percent(review.share(ear)),
        "absent": _absent(ear),
    }


def _absent(ear: Measures) -> str:
    if not ear.seen.any():
        return "never seen" if ear.done.any() else "not tracked yet"
    spans = sorted(absences(ear), key=lambda span: span[0] - span[1])
    shown = ", ".join(frames_in_words(*span) for span in sorted(spans[:AWAY]))
    return shown + (f" and {len(spans) - AWAY} shorter" if len(spans) > AWAY else "")


def _tile(store: Store, index: int, pictures: Pictures) -> dict[str, Any]:
    time = clock(float(store.times[index]))
    return {
        "picture": pictures[Wish(index)],
        "alt": f"Frame {index} with the masks drawn over it",
        "caption": f"frame {index}, {time}",
    }


def _span_words(review: Review) -> str:
    count = len(review.spans)
    spans = "One span is flagged" if count == 1 else f"{count} spans are flagged"
    shares = [(ear.name, percent(review.share(ear))) for ear, _ in review.ears]
    if len(shares) == 1:
        flagged = f"{shares[0][1]} of the frames"
    elif len(shares) <= WRITTEN:
        flagged = ", ".join(f"{share} of the frames of {name}" for name, share in shares)
    else:
        flagged = f"on average {percent(review.flagged)} of an ear's frames"
    return (
        f"{spans}: {flagged}. The doubt of the clip is {review.doubt:.2f}: that of its worst span, "
        f"{review.spans[0].doubt:.2f}, and more the more is flagged."
    )


def _lost(review: Review) -> list[str]:
    """What to do about ears that no single correction mends."""
    lost = [ear.name for ear, _ in review.ears if review.share(ear) > LOST]
    return [
        f"{name} is not followed well here: prompt it on another frame{_leave(review, name)}."
        for name in lost
    ]


def _leave(review: Review, name: str) -> str:
    """How an ear is left out, where there is another."""
    others = [ear.name for ear, _ in review.ears if ear.name != name]
    if not others:
        return ""
    if sorted([name, *others]) == ["left", "right"] and "found" in review.store.provenance:
        return f", or leave it out (earvid track … --only {others[0]})"
    return ", or take it out (earvid correct … --absent :)"


def _more_words(review: Review) -> str:
    more = len(review.spans) - SPANS
    listed = f", of which {LISTED} are listed" if more > LISTED else ""
    return f"{more} more span{'' if more == 1 else 's'} with less doubt{listed}"


def _calm(review: Review) -> str:
    if not any(ear.done.any() for ear, _ in review.ears):
        return "No frame is tracked yet, so there is nothing to look at."
    return "Nothing is flagged. A look at the contact sheet is still worth while."


def _unplotted(review: Review) -> str:
    more = len(review.ears) - PLOTTED
    return f"{more} more ears are not plotted." if more > 0 else ""
