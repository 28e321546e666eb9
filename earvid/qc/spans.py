"""Doubtful frames gathered into spans, the one most worth a look first, with reasons in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from earvid.qc.doubt import Doubt, absences, frames_in, refused, usual
from earvid.qc.measures import Flags, Measures
from earvid.qc.text import frames_in_words

FLAGGED = 0.3  # doubt of a frame from which on it is flagged
MERGE = 0.4  # seconds: flagged frames that are closer are one span
LONGEST = 3.0  # seconds: longer spans are split, for a person to act on
FEWEST = 12  # frames of a span that are never split, however slow the clip
LASTING = 0.5  # seconds of full doubt for which a span counts almost twice
TELLING = 0.12  # weighted sign from which on it is a reason of its own
NEARLY = 0.05  # below the usual score, from which on it is less
REASONS = 4  # that are told of a span
HIGH, MEDIUM = 0.7, 0.4  # doubt of a span or a clip


@dataclass(frozen=True)
class Span:
    """Frames that are worth a look.

    Args:
        object_id: of the ear.
        name: of the ear.
        start: first frame.
        stop: frame after the last.
        worst: frame with the most doubt.
        doubt: 0..1, by which spans are ranked.
        reasons: in words, the weightiest first.
        is_absence: whether the ear is not seen on most of the frames.
    """

    object_id: int
    name: str
    start: int
    stop: int
    worst: int
    doubt: float
    reasons: tuple[str, ...]
    is_absence: bool

    @property
    def level(self) -> str:
        """``high``, ``medium`` or ``low``."""
        return level_of(self.doubt)


def level_of(doubt: float) -> str:
    """``high``, ``medium`` or ``low``."""
    return "high" if doubt >= HIGH else "medium" if doubt >= MEDIUM else "low"


def flagged_spans(ears: Sequence[tuple[Measures, Doubt]]) -> tuple[Span, ...]:
    """The spans of all ears, ranked.

    Frames with a doubt of 0.3 or more are flagged, and those less than 0.4 s apart are one span,
    unless a keyframe given by hand lies between, which no correction reaches across. A span of
    more than 3 s is split where there is least doubt, but for an ear that is never seen.
    The doubt of a span is the middle between its worst frame's and its mean, times about 1/2 for
    a single frame and growing to 1 as doubt lasts, with 0.5 s of the worst frame's as the scale.

    Args:
        ears: what was measured, and :func:`earvid.qc.doubt.doubt_of` it.
    """
    spans = [span for ear, doubt in ears for span in _of_ear(ear, doubt)]
    return tuple(sorted(spans, key=lambda span: (-span.doubt, span.start, span.object_id)))


def clip_doubt(spans: Sequence[Span], ears: Sequence[Measures]) -> float:
    """One number for a clip, by which clips are ranked: 0..1.

    That of its worst span, and the share of frames in spans weighted by their doubts, joined as
    independent reasons: ``1 - (1 - worst) * (1 - share)``.
    """
    frames = sum(int(ear.done.sum()) for ear in ears)
    if not spans or not frames:
        return 0.0
    share = sum(span.doubt * (span.stop - span.start) for span in spans) / frames
    return 1 - (1 - spans[0].doubt) * (1 - min(1.0, share))


def _of_ear(ear: Measures, doubt: Doubt) -> list[Span]:
    flagged, gap = doubt.total >= FLAGGED, frames_in(ear, MERGE)
    borders = [0, *np.flatnonzero(ear.given).tolist(), len(ear)]
    return [
        _span(ear, doubt, *part)
        for first, last in pairwise(borders)
        for start, stop in _joined(flagged[first:last], gap)
        for part in _parts(ear, doubt, first + start, first + stop)
    ]


def _parts(ear: Measures, doubt: Doubt, start: int, stop: int) -> list[tuple[int, int]]:
    """Split a span until no part is too long, where there is least doubt and near the middle."""
    longest = max(FEWEST, frames_in(ear, LONGEST))
    if stop - start <= longest or not ear.seen.any():
        return [(start, stop)]
    third = (stop - start) // 3
    inner = np.arange(start + max(1, third), stop - third)
    off = np.abs(inner - (start + stop) / 2)
    cut = int(inner[np.lexsort((off, doubt.total[inner].round(2)))[0]])
    return [*_parts(ear, doubt, start, cut), *_parts(ear, doubt, cut, stop)]


def _joined(flags: Flags, gap: int) -> list[tuple[int, int]]:
    """Half-open spans of true values, those at most so many frames apart joined."""
    spans: list[tuple[int, int]] = []
    for index in np.flatnonzero(flags).tolist():
        if spans and index - spans[-1][1] < gap:
            spans[-1] = spans[-1][0], index + 1
        else:
            spans.append((index, index + 1))
    return spans


def _span(ear: Measures, doubt: Doubt, start: int, stop: int) -> Span:
    part = doubt.total[start:stop]
    peak = float(part.max())
    worst = start + int(part.argmax())
    lasting = float(part.sum()) / peak / frames_in(ear, LASTING)
    return Span(
        object_id=ear.object_id,
        name=ear.name,
        start=start,
        stop=stop,
        worst=worst,
        doubt=(peak + float(part.mean())) / 2 * (1 - 0.5 * float(np.exp(-lasting))),
        reasons=_reasons(ear, doubt, start, stop),
        is_absence=bool((~ear.seen[start:stop]).mean() > 0.5),
    )


def _reasons(ear: Measures, doubt: Doubt, start: int, stop: int) -> tuple[str, ...]:
    weights = {name: float(sign[start:stop].max()) for name, sign in doubt.signs.items()}
    strongest = max(weights.values())
    telling = [name for name in weights if weights[name] >= min(TELLING, strongest)]
    ordered = sorted(telling, key=lambda name: -weights[name])[:REASONS]
    where = {name: start + int(doubt.signs[name][start:stop].argmax()) for name in ordered}
    return tuple(WORDS[name](ear, start, stop, where[name]) for name in ordered)


def _score_words(ear: Measures, start: int, stop: int, at: int) -> str:
    usually, here = float(np.nanmedian(ear.score[ear.seen])), ear.score[at]
    if usually - here < NEARLY:
        return f"The model trusts its mask little, here as elsewhere: {here:.2f}."
    return f"The model trusts its mask less here: {here:.2f}, usually {usually:.2f}."


def _presence_words(ear: Measures, start: int, stop: int, at: int) -> str:
    side = "in view" if ear.seen[at] else "out of view"
    return (
        f"Hard to tell on frame {at} whether the ear is in view (presence {ear.presence[at]:.2f}): "
        f"taken to be {side}."
    )


def _outline_words(ear: Measures, start: int, stop: int, at: int) -> str:
    return (
        f"The outline jumps from frame {at - 1} to {at} "
        f"(overlap {ear.overlap[at]:.2f} once moved onto each other)."
    )


def _leap_words(ear: Measures, start: int, stop: int, at: int) -> str:
    return f"The ear leaps by {ear.leap[at]:.1f} times its size from frame {at - 1} to {at}."


def _area_words(ear: Measures, start: int, stop: int, at: int) -> str:
    if at and ear.seen[at - 1]:
        factor = ear.area[at] / ear.area[at - 1]
        if max(factor, 1 / factor) >= 1.3:
            return f"The area {_change(factor)} from frame {at - 1} to {at}."
    logs = np.where(ear.seen, np.log(np.maximum(ear.area, 1)), np.nan)
    factor = float(np.exp(logs[at] - usual(logs, max(2, frames_in(ear, 0.5)))[at]))
    return f"{_times(factor)} on frame {at} as within half a second around it."


def _pieces_words(ear: Measures, start: int, stop: int, at: int) -> str:
    return f"{100 * ear.apart[at]:.0f} % of the mask on frame {at} lie apart from the rest."


def _lost_words(ear: Measures, start: int, stop: int, at: int) -> str:
    if ear.seen[at]:
        return f"The ear appears in the middle of the picture on frame {at}."
    return f"The ear vanishes in the middle of the picture on frame {at}."


def _absent_words(ear: Measures, start: int, stop: int, at: int) -> str:
    if not ear.seen.any():
        return "The ear is never seen."
    first, last = max(
        (span for span in absences(ear) if span[0] < stop and span[1] > start),
        key=lambda span: span[1] - span[0],
    )
    if last - first == 1:
        return f"The ear is not seen on frame {first}."
    seconds = (last - first) * ear.times[-1] / (len(ear) - 1)
    words = f"The ear is not seen for {seconds:.1f} s: {frames_in_words(first, last)}."
    if refused(ear)[first:last].any():
        words += " Something was found at times and not believed, so it counts as out of view."
    return words


def _duplicate_words(ear: Measures, start: int, stop: int, at: int) -> str:
    other = str(ear.duplicate_of[at])
    count = int(np.count_nonzero(ear.duplicate_of[start:stop] == other))
    where = "all of these frames" if count == stop - start > 1 else f"{count} of these frames"
    return f"It was one with {other} on {where}: both were seen in one place, which {other} kept."


def _landmark_words(ear: Measures, start: int, stop: int, at: int) -> str:
    assert ear.visible is not None and ear.confidence is not None
    return (
        f"Landmarks are lost about frame {at}: {100 * ear.visible[at]:.0f} % are visible, with a "
        f"median confidence of {ear.confidence[at]:.2f}."
    )


def _border_words(ear: Measures, start: int, stop: int, at: int) -> str:
    return "The mask touches the border of the picture."


WORDS: Mapping[str, Callable[[Measures, int, int, int], str]] = {
    "score": _score_words,
    "presence": _presence_words,
    "outline": _outline_words,
    "leap": _leap_words,
    "area": _area_words,
    "pieces": _pieces_words,
    "lost": _lost_words,
    "absent": _absent_words,
    "duplicate": _duplicate_words,
    "landmarks": _landmark_words,
    "border": _border_words,
}


def _times(factor: float) -> str:
    """An area beside another: ``Half as large``."""
    if abs(factor - 0.5) < 0.05 or abs(factor - 2) < 0.1:
        return "Half as large" if factor < 1 else "Twice as large"
    return f"{factor:.1f} times as large"


def _change(factor: float) -> str:
    return f"grows {factor:.1f}-fold" if factor > 1 else f"shrinks {1 / factor:.1f}-fold"
