"""``motion``: masks that lie where the object was going, and a memory of those."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earvid.tracker.candidates import Candidates, Choice, box_iou
from earvid.tracker.memory import MemoryBank, MemoryEntry, Selection
from earvid.tracker.policies.base import (
    MemoryPolicy,
    Moment,
    check_parameters,
    nearest_keyframes,
    ranked,
    trim,
)
from earvid.tracker.policies.kalman import BoxMotion

MARK = "motion"  # of entries: IoU of the mask's box with the predicted one


@dataclass(frozen=True, eq=False)
class _Path:
    """A Kalman filter, and for how many frames in a row it has been fed."""

    motion: BoxMotion
    steady: int


@dataclass(frozen=True)
class Motion(MemoryPolicy):
    """SAMURAI's motion-aware choice of masks and memories.

    A Kalman filter of constant velocity follows the mask's box. It is fed while the predicted IoU
    exceeds ``steady_score``, else forgotten and begun anew at the next mask. Once it has been fed
    ``steady`` frames in a row, the mask becomes that candidate whose
    ``weight * IoU(its box, the filter's box) + (1 - weight) * predicted IoU`` is highest; before
    that, the model chooses. Frames with the object in view, a predicted IoU above ``min_score`` and
    a box IoU above ``min_motion`` (or without one yet) are remembered: the newest ``maps - 1`` give
    their maps, and the frame just before always takes part. Pointers are those of the last
    ``pointers - 1`` frames, as in ``fifo``.

    Source: Yang et al. 2024, "SAMURAI: Adapting Segment Anything Model for Zero-Shot Visual
    Tracking with Motion-Aware Memory", arXiv 2411.11922; yangchris11/samurai, ``sam2_base.py`` and
    ``kalman_filter.py``.

    Deviations: the filter belongs to one object and direction instead of the model, works in pixels
    of the source frame, so that a crop that moves does not disturb it, and starts at every prompted
    frame, which tells more than a first guess; specks do not widen boxes. Frames may be missing: a
    gap forgets the filter. The original counts an object as present from a logit of -1; here the
    tracker's own decision stands, at 0. Its prompted frames take part without limit, here at most
    ``keyframes``.

    A model that offers only one mask leaves nothing to choose; the memory is gated all the same.

    Args:
        maps: memory maps attended to, a keyframe's included.
        pointers: object pointers attended to, a keyframe's included.
        weight: of motion against predicted IoU, 0..1 (SAMURAI: 0.15 for its largest model).
        steady: frames in a row after which the filter is trusted.
        steady_score: predicted IoU above which a mask feeds the filter, 0..1.
        min_score: predicted IoU above which a frame is remembered, 0..1.
        min_motion: box IoU above which a frame is remembered, 0..1.
        keyframes: prompted frames attended to at most.
    """

    maps: int = 7
    pointers: int = 16
    weight: float = 0.25
    steady: int = 15
    steady_score: float = 0.3
    min_score: float = 0.5
    min_motion: float = 0.0
    keyframes: int = 4
    name: ClassVar[str] = "motion"
    looks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share = (0.0, 1.0)
        check_parameters(
            self,
            maps=(1, 64),
            pointers=(1, 64),
            weight=share,
            steady=(1, 10_000),
            steady_score=share,
            min_score=share,
            min_motion=share,
            keyframes=(1, 64),
        )

    def choose(self, bank: MemoryBank, candidates: Candidates) -> Choice:
        """Weigh where the candidates are against how sure the model is of them."""
        path = _expected(bank, candidates.index)
        if path is None or path.steady < self.steady:
            return Choice(candidates.preferred)
        expected = path.motion.box()
        close = [0.0 if box is None else box_iou(box, expected) for box in candidates.boxes()]
        worth = self.weight * np.array(close) + (1 - self.weight) * candidates.scores
        best = int(worth.argmax())
        if worth[best] == worth[candidates.preferred]:
            best = candidates.preferred
        return Choice(best, {MARK: close[best]})

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Feed the filter; every frame enters, for its pointer."""
        path = _expected(bank, entry.index)
        if entry.box is None:
            _forget(bank)
        elif path is None:
            _store(bank, entry.index, _Path(BoxMotion.start(entry.box), 1))
        elif entry.score > self.steady_score:
            _store(bank, entry.index, _Path(path.motion.update(entry.box), path.steady + 1))
        else:
            _forget(bank)
        return True

    def good(self, entry: MemoryEntry) -> bool:
        """Whether a frame is worth remembering."""
        moved_as_expected = entry.marks.get(MARK, math.inf) > self.min_motion
        return entry.presence > 0 and entry.score > self.min_score and moved_as_expected

    def evict(self, bank: MemoryBank) -> None:
        """Keep maps of the newest good frames and of the last one, pointers of the last ones."""
        newest = bank.newest_first()
        good = [e for e in newest if self.good(e)][: self.maps - 1]
        near = [e for e in newest if 1 + bank.age(e, newest[0].index) < self.pointers]
        trim(bank, [*newest[:1], *good], near)

    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose the frame just before and the newest good ones."""
        maps = [
            e
            for e in bank.newest_first()
            if e.features is not None and (bank.age(e, moment.index) == 1 or self.good(e))
        ]
        ages = {bank.age(e, moment.index): e for e in bank.recent.values()}
        return Selection(
            ranked(maps, self.maps - 1),
            {ago: e for ago, e in ages.items() if ago < self.pointers},
            nearest_keyframes(bank, moment.index, self.keyframes),
        )

    def slots(self, keyframes: int) -> int:
        """As many as take part at most."""
        return min(keyframes, self.keyframes) + self.maps - 1


def _expected(bank: MemoryBank, index: int) -> _Path | None:
    """The filter's prediction for a frame, if it knows the frame before."""
    before = index - bank.direction
    prompted = bank.keyframes.get(before)
    if prompted is not None and prompted.box is not None:
        return _Path(BoxMotion.start(prompted.box).predict(), 1)
    if "path" not in bank.numbers or bank.numbers["path"][0] != before:
        return None
    motion = BoxMotion(
        np.array(bank.numbers["mean"]), np.array(bank.numbers["covariance"]).reshape(8, 8)
    )
    return _Path(motion.predict(), int(bank.numbers["path"][1]))


def _store(bank: MemoryBank, index: int, path: _Path) -> None:
    bank.numbers["path"] = (index, path.steady)
    bank.numbers["mean"] = tuple(path.motion.mean.tolist())
    bank.numbers["covariance"] = tuple(path.motion.covariance.ravel().tolist())


def _forget(bank: MemoryBank) -> None:
    bank.numbers.clear()
