"""``fifo``: the last frames, whatever they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earvid.tracker.memory import MemoryBank, Selection
from earvid.tracker.policies.base import MemoryPolicy, Moment, check_parameters


@dataclass(frozen=True)
class Fifo(MemoryPolicy):
    """SAM 2's own policy.

    Maps of the last ``maps - 1`` frames, pointers of the last ``pointers - 1``, all keyframes. The
    results are those of stock ``SAM2VideoPredictor``, on the way back too: there the first frames
    after the keyframe are still remembered for the first frames before it.

    Source: Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", arXiv 2408.00714;
    facebookresearch/sam2, ``sam2_base.py``.

    Deviation: stock code keeps every frame and looks a few up; here, what it would never look up
    again is let go.

    Args:
        maps: memory maps attended to, the keyframe's included.
        pointers: object pointers attended to, the keyframe's included.
    """

    maps: int = 7
    pointers: int = 16
    name: ClassVar[str] = "fifo"
    carries_over: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_parameters(self, maps=(1, 64), pointers=(1, 64))

    def evict(self, bank: MemoryBank) -> None:
        """Keep what the next frame can still reach."""
        if not bank.recent:
            return
        newest = next(reversed(bank.recent))
        for index, entry in list(bank.recent.items()):
            age = 1 + bank.age(entry, newest)  # as the next frame will see it
            if age >= self.pointers:
                del bank.recent[index]
            elif age >= self.maps and entry.features is not None:
                bank.recent[index] = entry.without_map()

    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose by distance in frames, as stock code looks frames up."""
        found = {
            ago: bank.recent[moment.index - ago * bank.direction]
            for ago in range(1, self.pointers)
            if moment.index - ago * bank.direction in bank.recent
        }
        maps = {a: e for a, e in found.items() if a < self.maps and e.features is not None}
        return Selection(maps, found)
