"""``distractor``: frames on which a lookalike was told apart are remembered for long."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earvid.tracker.candidates import Candidates, Choice, largest_part
from earvid.tracker.memory import MemoryBank, MemoryEntry, Selection
from earvid.tracker.policies.base import (
    MemoryPolicy,
    Moment,
    check_parameters,
    in_order,
    ranked,
    trim,
)
from earvid.tracker.results import mask_box

MARK = "alone"  # of entries: how little an alternative mask would add, as a box IoU, 1 = nothing
_SIZES = 10  # the last areas, of which the median is taken


@dataclass(frozen=True)
class Distractor(MemoryPolicy):
    """DAM4SAM's distractor-aware memory.

    Where an alternative mask of the decoder reaches far beyond the chosen one, it shows something
    that looks like the object. With ``b`` the chosen mask's box and ``b'`` the box of it and the
    largest part that an alternative adds, such a frame has ``min IoU(b, b') <= overlap``. It
    becomes an anchor, on a par with keyframes, if moreover its predicted IoU exceeds ``min_score``,
    its area differs from the median of the last 10 by at most the share ``steadiness``, and more
    than ``gap`` frames have passed since the last anchor.

    A frame is conditioned on at most ``anchors`` of them: the first keyframe always, then the
    nearest. The remaining ``maps`` places go to the frame just before (or the newest with the
    object in view) and from there back to every ``stride``-th frame that shows the object. Pointers
    are those of the last ``pointers - 1`` frames that show it.

    Source: Videnovic et al. 2024, "A Distractor-Aware Memory for Visual Object Tracking with
    SAM2", arXiv 2411.17576; jovanavidenovic/DAM4SAM, ``dam4sam_tracker.py`` and ``sam2_base.py``.

    Deviations: the first keyframe takes the place of frame 0, for the anchor that always stays and
    for where strides are counted from; both directions and further keyframes work. All but the
    newest ``anchors - 1`` anchors are let go, as no later frame could be conditioned on them; the
    original keeps them all. Areas are pixels of the source frame, whatever the crop; the median
    looks back as far as it has to. A keyframe keeps SAM 2's own time code, which in the original
    depends on how many frames take part.

    A model that offers only one mask shows no lookalikes: there are no anchors but keyframes then.

    Args:
        maps: memory maps attended to in all, anchors included.
        pointers: object pointers attended to, a keyframe's included.
        anchors: keyframes and anchors attended to at most.
        stride: frames between remembered frames, apart from the last.
        min_score: predicted IoU above which a frame may become an anchor, 0..1.
        steadiness: by which share its area may differ from the median of the last.
        gap: frames that have to lie between an anchor and the one before it.
        overlap: box IoU up to which an alternative is a distractor, 0..1.
    """

    maps: int = 7
    pointers: int = 16
    anchors: int = 4
    stride: int = 5
    min_score: float = 0.8
    steadiness: float = 0.2
    gap: int = 5
    overlap: float = 0.7
    name: ClassVar[str] = "distractor"
    looks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_parameters(
            self,
            maps=(1, 64),
            pointers=(1, 64),
            anchors=(1, 64),
            stride=(1, 1000),
            min_score=(0, 1),
            steadiness=(0, 1),
            gap=(0, 10_000),
            overlap=(0, 1),
        )

    def choose(self, bank: MemoryBank, candidates: Candidates) -> Choice:
        """Leave the choice to the model, and note what the alternatives would add."""
        chosen = candidates.masks[candidates.preferred]
        others = np.delete(candidates.masks, candidates.preferred, axis=0)
        added = [largest_part(other & ~chosen) for other in others if (other & ~chosen).any()]
        if not added or not chosen.any():
            return Choice(candidates.preferred)
        alone = min(_box_area(chosen) / _box_area(chosen | part) for part in added)
        return Choice(candidates.preferred, {MARK: alone})

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Note the area and, where a lookalike was told apart, an anchor; every frame enters."""
        sizes = bank.numbers.get("sizes", ())
        if entry.area > 0:
            sizes = (*sizes, entry.area)[-_SIZES:]
            bank.numbers["sizes"] = sizes
        if len(sizes) > 1 and self._tells_apart(bank, entry, median(sizes)):
            bank.anchors[entry.index] = entry
        return True

    def _tells_apart(self, bank: MemoryBank, entry: MemoryEntry, usual: float) -> bool:
        waited = all(bank.age(a, entry.index) > self.gap for a in bank.anchors.values())
        steady = abs(entry.area / usual - 1) <= self.steadiness
        sure = entry.area > 0 and entry.score > self.min_score
        return sure and steady and waited and entry.marks.get(MARK, 1.0) <= self.overlap

    def evict(self, bank: MemoryBank) -> None:
        """Keep the newest anchors, and maps and pointers that a later frame may reach."""
        for index in list(bank.anchors)[: max(0, len(bank.anchors) - (self.anchors - 1))]:
            del bank.anchors[index]
        newest = bank.newest_first()
        seen = [e for e in newest if e.area > 0]
        # Some that lie on a stride may be anchors as well, and are passed over then.
        on_stride = [e for e in seen if self._on_stride(bank, e)][: self.maps + self.anchors]
        # The newest that is no anchor; it need not be the newest.
        last = [e for e in seen if e.index not in bank.anchors][:1]
        near = [e for e in seen if 1 + bank.age(e, newest[0].index) < self.pointers]
        trim(bank, [*newest[:1], *last, *on_stride], near)

    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose anchors first, then recent frames that show the object."""
        anchors = self._anchors(bank, moment.index)
        seen = [
            e
            for e in bank.newest_first()
            if e.area > 0 and e.features is not None and e.index not in anchors
        ]
        maps = [*seen[:1], *(e for e in seen[1:] if self._on_stride(bank, e))]
        ages = {bank.age(e, moment.index): e for e in bank.recent.values() if e.area > 0}
        return Selection(
            ranked(maps, max(0, self.maps - len(anchors))),
            {ago: e for ago, e in ages.items() if ago < self.pointers},
            anchors,
        )

    def slots(self, keyframes: int) -> int:
        """As many as take part at most."""
        return max(self.maps, self.anchors)

    def _anchors(self, bank: MemoryBank, index: int) -> dict[int, MemoryEntry]:
        """The first keyframe, then keyframes and anchors by distance, the frame before apart."""
        others = [
            *(e for e in bank.keyframes.values() if e.index != bank.start),
            *(e for e in bank.anchors.values() if bank.age(e, index) > 1),
        ]
        others.sort(key=lambda e: (abs(bank.age(e, index)), bank.age(e, index) < 0))
        chosen = [bank.keyframes[bank.start], *others[: self.anchors - 1]]
        return in_order(bank, chosen)

    def _on_stride(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        return (entry.index - bank.start) % self.stride == 0


def _box_area(mask: NDArray[np.bool_]) -> float:
    box = mask_box(mask)
    return 0.0 if box is None else (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
