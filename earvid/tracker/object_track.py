"""What a session knows of one ear."""

from __future__ import annotations

from dataclasses import dataclass, field

from earvid.tracker.looks import Looks
from earvid.tracker.memory import MemoryBank
from earvid.tracker.roi import RoiState


@dataclass(eq=False)
class ObjectTrack:
    """What a session knows of one ear.

    Args:
        bank: its memories.
        roi: where its crop is; ``None`` when the whole frame is looked at, or before its keyframe.
        start_roi: its crop after the first keyframe, for the way back.
        handover: the first entries after the keyframe, for the way back.
        looks: by which it is recognized, where there is a scout.
    """

    bank: MemoryBank
    roi: RoiState | None = None
    start_roi: RoiState | None = None
    handover: MemoryBank = field(default_factory=lambda: MemoryBank(1))
    looks: Looks = field(default_factory=Looks)
