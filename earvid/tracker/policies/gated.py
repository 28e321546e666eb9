"""``gated``: the last frames on which the model was sure of the object."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from earvid.tracker.memory import MemoryBank, MemoryEntry, Selection
from earvid.tracker.policies.base import (
    MemoryPolicy,
    Moment,
    check_parameters,
    nearest_keyframes,
    ranked,
    trim,
)


@dataclass(frozen=True)
class Gated(MemoryPolicy):
    """The gate of SAM 3's tracker: presence times predicted IoU.

    With the object-score logit ``s``, a frame is worth ``(2 sigmoid(s) - 1) * IoU`` if ``s > 0``,
    else nothing. Of the frames worth more than ``threshold``, the newest ``pointers - 1`` give
    their pointers and the newest ``maps - 1`` of these their maps. The frame just before always
    takes part, whatever it shows. At most ``keyframes`` prompted frames take part.

    Source: "SAM 3: Segment Anything with Concepts", Meta 2025; facebookresearch/sam3,
    ``sam3_tracker_base.py`` (``frame_filter``) and ``model_builder.py``.

    Deviations: entries that can no longer be chosen are let go at once, where SAM 3 keeps them for
    hundreds of frames; "the frame just before" means just that, also after frames that left no
    memory; the first tracked frames are judged as all others, where SAM 3 takes those of the clip
    apart.

    Args:
        maps: memory maps attended to, a keyframe's included.
        pointers: object pointers attended to, a keyframe's included.
        threshold: worth above which a frame is remembered, 0..1.
        keyframes: prompted frames attended to at most.
    """

    maps: int = 7
    pointers: int = 16
    threshold: float = 0.01
    keyframes: int = 4
    name: ClassVar[str] = "gated"

    def __post_init__(self) -> None:
        check_parameters(self, maps=(1, 64), pointers=(1, 64), threshold=(0, 1), keyframes=(1, 64))

    def worth(self, entry: MemoryEntry) -> float:
        """How much a frame can be relied on, 0..1."""
        if entry.presence <= 0:
            return 0.0
        return math.tanh(entry.presence / 2) * entry.score  # 2 sigmoid(s) - 1 = tanh(s / 2)

    def evict(self, bank: MemoryBank) -> None:
        """Keep the newest worthy frames, and the last one for the frame after it."""
        worthy = [e for e in bank.newest_first() if self.worth(e) > self.threshold]
        last = bank.newest_first()[:1]
        trim(bank, [*last, *worthy[: self.maps - 1]], [*last, *worthy[: self.pointers - 1]])

    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose the frame just before and the newest worthy ones."""
        good = [
            e
            for e in bank.newest_first()
            if bank.age(e, moment.index) == 1 or self.worth(e) > self.threshold
        ]
        return Selection(
            ranked((e for e in good if e.features is not None), self.maps - 1),
            ranked(good, self.pointers - 1),
            nearest_keyframes(bank, moment.index, self.keyframes),
        )

    def slots(self, keyframes: int) -> int:
        """As many as take part at most."""
        return min(keyframes, self.keyframes) + self.maps - 1
