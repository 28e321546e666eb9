"""A store looked through: its ears measured, their doubt, and the spans to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earvid.qc.doubt import Doubt, doubt_of
from earvid.qc.measures import Floats, Measures, measure
from earvid.qc.spans import Span, clip_doubt, flagged_spans
from earvid.store import Store


@dataclass(frozen=True, eq=False)
class Review:
    """What a store comes to.

    Args:
        store: the store.
        ears: every ear, measured, with its doubt.
        spans: of all ears, the most doubtful first.
        doubt: of the clip, 0..1, by which clips are ranked.
    """

    store: Store
    ears: tuple[tuple[Measures, Doubt], ...]
    spans: tuple[Span, ...]
    doubt: float

    @property
    def seen(self) -> float:
        """Share of the frames done on which ears are seen, over all ears; NaN if none is done."""
        done = sum(int(ear.done.sum()) for ear, _ in self.ears)
        seen = sum(int(ear.seen.sum()) for ear, _ in self.ears)
        return seen / done if done else float("nan")

    @property
    def score(self) -> float:
        """Mean score over all ears where they are seen; NaN if they never are."""
        scores = np.concatenate([ear.score[ear.seen] for ear, _ in self.ears])
        scores = scores[np.isfinite(scores)]
        return float(scores.mean()) if len(scores) else float("nan")

    @property
    def flagged(self) -> float:
        """The mean of it over all ears; NaN if no frame is done."""
        done = sum(int(ear.done.sum()) for ear, _ in self.ears)
        frames = sum(span.stop - span.start for span in self.spans)
        return frames / done if done else float("nan")

    def share(self, ear: Measures) -> float:
        """Share of an ear's frames done that are in a span of its own; NaN if none is done."""
        spans = (span for span in self.spans if span.object_id == ear.object_id)
        done = int(ear.done.sum())
        return sum(span.stop - span.start for span in spans) / done if done else float("nan")

    @property
    def course(self) -> Floats:
        """``(T,)`` doubt of the most doubtful ear on each frame."""
        return np.asarray(np.max([doubt.total for _, doubt in self.ears], axis=0))


def review(store: Store, progress: Callable[[int, int], None] = lambda done, total: None) -> Review:
    """Look a store through.

    Args:
        store: complete or being written.
        progress: called with frames done and frames in all.

    Raises:
        StoreError: it is damaged.
    """
    ears = tuple((ear, doubt_of(ear)) for ear in measure(store, progress))
    spans = flagged_spans(ears)
    return Review(store, ears, spans, clip_doubt(spans, [ear for ear, _ in ears]))
