"""How much each frame of an ear is to be doubted, and why.

The doubt of a frame is between 0 and 1. It is no probability: it orders frames by how much a look
at them is worth. Each *sign* below is itself between 0 (nothing to see) and 1, and weighs in with
the weight given; signs join as independent reasons do, ``1 - prod(1 - weight * sign)``, so that two
weak ones together count for more than each alone.

===========  ======  ==============================================================================
sign         weight  grows from 0 to 1 as
===========  ======  ==============================================================================
score        0.9     the predicted IoU falls from 0.75 to 0.45, or from 0.1 to 0.35 below the
                     ear's median
presence     0.6     the probability of being in view comes from 0.9 or 0.1 close to one half; in
                     an absence, if that of the second around does, too, where exactly one half is
                     a find that was not believed and counts as 0
outline      0.8     the mask, moved onto that of the frame before, overlaps it by 0.75 to 0.35, or
                     less for ears so small that the outline's own pixels weigh
leap         0.7     the centroid moves 0.2 to 0.8 ear sizes in one frame more than around it
area         0.7     the area changes 1.3- to 2.2-fold in one frame, or against the second around it
pieces       0.5     3 % to 25 % of the mask lie apart from its largest piece
lost         0.6     the ear goes or comes in mid-frame at full size, from one frame to the next
absent       1       it is not seen: 0.8 if never, 0.55 for less than a second between two sights;
                     of longer ones only the half second beside a sight counts, 0.4 between two
                     and 0.35 at either end of the clip
duplicate    0.6     it is not seen, for it was in the place of another ear, which kept that
landmarks    0.5     the share of visible landmarks falls by 0.25 to 0.75 within a quarter of a
                     second, or their median confidence falls from 0.4 to 0.1
border       0.1     the mask touches the border of the frame
===========  ======  ==============================================================================

Frames that were prompted by hand have no doubt, nor have those on which a person said that the ear
is not there, and frames that are not tracked yet have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from earvid.qc.measures import Flags, Floats, Measures

WEIGHTS: Mapping[str, float] = {
    "score": 0.9,
    "presence": 0.6,
    "outline": 0.8,
    "leap": 0.7,
    "area": 0.7,
    "pieces": 0.5,
    "lost": 0.6,
    "absent": 1.0,
    "duplicate": 0.6,
    "landmarks": 0.5,
    "border": 0.1,
}
AROUND = 1.0  # seconds within which an area or a speed is usual
NEVER, SHORT, LONG, END = 0.8, 0.55, 0.4, 0.35  # doubt of absences
BRIEF = 1.0  # seconds: shorter absences between two sights are more likely to be mistakes
EDGE = 0.5  # seconds of a long absence beside a sight; further in it is steady
DROP = 0.25  # seconds within which a loss of landmarks is sudden


@dataclass(frozen=True, eq=False)
class Doubt:
    """The doubt of one ear.

    Args:
        signs: by name, ``(T,)`` in 0..1, weights included.
        total: ``(T,)`` doubt in 0..1.
    """

    signs: Mapping[str, Floats]
    total: Floats


def doubt_of(ear: Measures) -> Doubt:
    """Doubt every frame of an ear; see the module for how."""
    raw = {
        "score": _score(ear),
        "presence": _undecided(ear),
        "outline": _outline(ear),
        "leap": _leap(ear),
        "area": _area(ear),
        "pieces": ramp(ear.apart, 0.03, 0.25),
        "lost": _lost(ear),
        "absent": _absent(ear),
        "duplicate": (ear.duplicate_of != "").astype(float),
        "landmarks": _landmarks(ear),
        "border": ear.at_border.astype(float),
    }
    counts = ear.done & ~ear.given
    signs = {name: np.where(counts, WEIGHTS[name] * sign, 0.0) for name, sign in raw.items()}
    return Doubt(signs, 1 - np.prod([1 - sign for sign in signs.values()], axis=0))


def ramp(values: ArrayLike, start: ArrayLike, end: ArrayLike) -> Floats:
    """0 up to ``start``, 1 from ``end`` on, straight between; NaN counts as 0."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    share = (np.asarray(values, float) - start) / (end - start)
    return np.asarray(np.nan_to_num(np.clip(share, 0.0, 1.0), nan=0.0))


def frames_in(ear: Measures, seconds: float) -> int:
    """How many frames last so long, at least 1."""
    step = ear.times[-1] / (len(ear) - 1) if len(ear) > 1 else 0.0
    return max(1, round(seconds / step)) if step > 0 else 1


def absences(ear: Measures) -> list[tuple[int, int]]:
    """Half-open spans of frames that are done and on which it is not seen."""
    flags = np.concatenate([[False], ear.done & ~ear.seen, [False]])
    edges = np.flatnonzero(np.diff(flags.astype(np.int8))).reshape(-1, 2)
    return [(int(start), int(stop)) for start, stop in edges]


def refused(ear: Measures) -> Flags:
    """Frames on which something was found and not believed: it counts as out of view.

    The tracker tells its presence as one half at most, to which it is cut off.
    """
    return np.asarray(~ear.seen & (ear.presence == 0.5))


def usual(values: Floats, frames: int) -> Floats:
    """Median of the values within so many frames on either side, NaN left out."""
    padded = np.pad(values, frames, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1)
    found = np.full(len(values), np.nan)
    for start in range(0, len(values), 4096):  # a window per frame is much for long clips
        part = windows[start : start + 4096]
        known = np.isfinite(part).any(axis=1)
        found[start : start + 4096][known] = np.nanmedian(part[known], axis=1)
    return found


def _score(ear: Measures) -> Floats:
    score = np.where(ear.seen, ear.score, np.nan)
    known = score[np.isfinite(score)]
    below = ramp(score, 0.75, 0.45)
    if not len(known):
        return below
    median = float(np.median(known))
    return np.maximum(below, ramp(score, median - 0.1, median - 0.35))


def _undecided(ear: Measures) -> Floats:
    here = np.where(refused(ear), 0.0, ear.presence)
    away = usual(np.where(ear.seen, np.nan, here), frames_in(ear, AROUND / 2))
    sign = ramp(np.abs(here - 0.5), 0.4, 0.0)
    steady = ramp(np.abs(away - 0.5), 0.4, 0.0)
    return np.where(ear.seen, sign, np.minimum(sign, steady))


def _outline(ear: Measures) -> Floats:
    # A pixel more or less all around is nothing; on an ear of 20 pixels it is a fifth of the area.
    least = 0.75 - np.minimum(0.35, 4 / ear.side)
    return ramp(ear.overlap, least, least - 0.4)


def _leap(ear: Measures) -> Floats:
    return ramp(ear.leap - usual(ear.leap, max(2, frames_in(ear, AROUND / 4))), 0.2, 0.8)


def _area(ear: Measures) -> Floats:
    logs = np.full(len(ear), np.nan)
    logs[ear.seen] = np.log(ear.area[ear.seen])
    step = np.abs(np.diff(logs, prepend=np.nan))
    away = np.abs(logs - usual(logs, max(2, frames_in(ear, AROUND / 2))))
    return np.maximum(ramp(step, np.log(1.3), np.log(2.2)), ramp(away, np.log(1.3), np.log(2.2)))


def _lost(ear: Measures) -> Floats:
    """Doubt first frames without and with the ear, by the area that it had or has there."""
    sign = np.zeros(len(ear))
    if not ear.seen.any():
        return sign
    whole = float(np.median(ear.area[ear.seen]))
    for start, stop in absences(ear):
        for at, other in ((start, start - 1), (stop, stop)):
            inside = 0 <= other < len(ear) and at < len(ear) and ear.seen[other]
            told = at == stop and ear.ruled_out[stop - 1]  # it has to come back from there
            if inside and not told and not ear.at_border[other]:
                sign[at] = ramp(ear.area[other] / whole, 0.2, 0.8)
    return sign


def _absent(ear: Measures) -> Floats:
    sign = np.zeros(len(ear))
    brief, edge = frames_in(ear, BRIEF), frames_in(ear, EDGE)
    for start, stop in absences(ear):
        before, after = bool(ear.seen[:start].any()), bool(ear.seen[stop:].any())
        if not before and not after:
            sign[start:stop] = NEVER
        elif before and after and stop - start < brief:
            sign[start:stop] = SHORT
        else:
            doubt = LONG if before and after else END
            if before:
                sign[start : min(start + edge, stop)] = doubt
            if after:
                sign[max(stop - edge, start) : stop] = doubt
    return sign


def _landmarks(ear: Measures) -> Floats:
    if ear.visible is None or ear.confidence is None:
        return np.zeros(len(ear))
    seen: Flags = ear.seen
    visible = np.where(seen, ear.visible, np.nan)
    lag = frames_in(ear, DROP)
    before = np.concatenate([np.full(min(lag, len(ear)), np.nan), visible[:-lag]])
    sudden = ramp(before - visible, 0.25, 0.75)
    return np.maximum(sudden, ramp(np.where(seen, ear.confidence, np.nan), 0.4, 0.1))
