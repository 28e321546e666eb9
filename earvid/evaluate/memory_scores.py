"""How a policy did on one scripted clip, from its masks and the truth of every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.memory_clips import ClipFrame, absences
from earvid.evaluate.metrics import boundary_f, iou
from earvid.train.clips import MIN_VISIBLE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SWAP_FRAMES = 3  # on another's ear that make a swap; fewer are a flicker
AWAY_FRAMES = 5  # frames out of view after which an ear has to be found again
BACK_VISIBLE = 0.5  # share of an ear in view from which on it can be found
FOUND_IOU = 0.5  # from which on it is
FOUND_WITHIN = 10  # frames that this may take


@dataclass(frozen=True, eq=False)
class EarScore:
    """One tracked ear of one clip; all arrays ``(N,)``, one value per frame after the prompt's.

    Args:
        j: region similarity with the truth.
        f: contour accuracy.
        visible: share of the ear in view, 0..1.
        painted: whether the ear has a mask.
        taken: whether most of that mask, and more than on the ear itself, lies on another's ear.
    """

    j: Floats
    f: Floats
    visible: Floats
    painted: Bools
    taken: Bools

    @property
    def quality(self) -> Floats:
        """J&F of the frames on which the ear is in view."""
        return self._quality(np.ones(len(self.j), bool))

    @property
    def quality_after(self) -> Floats:
        """J&F of the frames on which the ear is in view again after it was wholly out of view."""
        return self._quality(np.minimum.accumulate(self.visible) == 0)

    @property
    def painted_absent(self) -> Bools:
        """Whether the ear is painted, for all frames on which it is wholly out of view."""
        return np.asarray(self.painted[self.visible == 0])

    @property
    def swaps(self) -> int:
        """How often the mask goes over to another's ear, for at least 3 frames."""
        return len(absences(np.asarray(1.0 - self.taken, np.float64), SWAP_FRAMES))

    @property
    def found(self) -> list[int | None]:
        """Frames that it took to find the ear, for every return.

        Counted from the first frame with at least half the ear in view (0: found on that frame);
        ``None`` where it was not found before it left again, or the clip ended.
        """
        away = absences(self.visible, AWAY_FRAMES)
        starts = [*(start for start, _ in away), len(self.visible)]
        delays: list[int | None] = []
        for (_, back), end in zip(away, starts[1:], strict=True):
            half = np.flatnonzero(self.visible[back:end] >= BACK_VISIBLE)
            if half.size:
                hit = np.flatnonzero(self.j[back + half[0] : end] >= FOUND_IOU)
                delays.append(int(hit[0]) if hit.size else None)
        return delays

    def _quality(self, where: Bools) -> Floats:
        chosen = where & (self.visible >= MIN_VISIBLE)
        return np.asarray((self.j[chosen] + self.f[chosen]) / 2)


class Judge:
    """Compares the masks of a clip with its truth, frame by frame.

    Args:
        object_ids: the tracked ears.
    """

    def __init__(self, object_ids: Sequence[int]) -> None:
        self._rows: dict[int, list[tuple[float, ...]]] = {i: [] for i in object_ids}

    def add(self, truth: ClipFrame, labels: NDArray[np.uint8]) -> None:
        """Judge a frame.

        Args:
            truth: of the frame.
            labels: ``(H, W)`` uint8 object ids, 0 where no ear was painted.
        """
        for object_id, rows in self._rows.items():
            ear, painted = truth.ears[object_id], labels == object_id
            taken = _taken(painted, ear, _other_ears(truth, object_id))
            quality = iou(painted, ear), boundary_f(painted, ear)
            rows.append((*quality, truth.visible[object_id], painted.any(), taken))

    def scores(self) -> dict[int, EarScore]:
        """What was judged so far, by ear."""
        return {object_id: _score(rows) for object_id, rows in self._rows.items()}


def in_time(delays: Sequence[int | None]) -> int:
    """How many ears were found within :data:`FOUND_WITHIN` frames."""
    return sum(delay is not None and delay <= FOUND_WITHIN for delay in delays)


def clip_quality(scores: Mapping[int, EarScore], *, after: bool = False) -> float:
    """Mean J&F over all frames and ears of a clip; NaN where nothing is to be judged.

    Args:
        scores: of the clip's ears.
        after: only where an ear is in view again after it was wholly out of view.
    """
    parts = [s.quality_after if after else s.quality for s in scores.values()]
    values = np.concatenate(parts)
    return float(values.mean()) if values.size else float("nan")


def _other_ears(truth: ClipFrame, object_id: int) -> list[Bools]:
    return [mask for i, mask in truth.ears.items() if i != object_id] + list(truth.others)


def _taken(painted: Bools, own: Bools, others: Sequence[Bools]) -> bool:
    area = np.count_nonzero(painted)
    if area == 0:
        return False
    right = np.count_nonzero(painted & own)
    wrong = max((np.count_nonzero(painted & other) for other in others), default=0)
    return bool(wrong > right and 2 * wrong > area)


def _score(rows: Sequence[tuple[float, ...]]) -> EarScore:
    table = np.array(rows, float).reshape(-1, 5)
    j, f, visible, painted, taken = table.T
    return EarScore(j, f, visible, painted > 0, taken > 0)
