"""The memory bank: what is kept of past frames, and which of it conditions the next mask.

Storage is apart from policy, as in Cutie (Cheng et al. 2024). A bank belongs to one object and one
direction; a policy holds no state of its own, so that one instance serves them all. The idea of
re-keying SAM 2's output dictionary, so that any choice of memories reaches its unchanged attention
code, is what makes policies possible without copying that code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True, eq=False)
class MemoryEntry:
    """What one frame left behind.

    Args:
        index: the frame.
        features: ``(1, M, h, w)`` bfloat16 memory map, or ``None`` once only the pointer is kept.
        pointer: ``(1, C)`` float32 object pointer.
        score: predicted IoU of the mask, 0..1.
        presence: object-score logit; above 0 the object was seen.
        area: of the mask, as a share of the model's input.
    """

    index: int
    features: Tensor | None
    pointer: Tensor
    score: float
    presence: float
    area: float

    def without_map(self) -> MemoryEntry:
        """The same entry with only its pointer."""
        return MemoryEntry(self.index, None, self.pointer, self.score, self.presence, self.area)


@dataclass(eq=False)
class MemoryBank:
    """Memories of one object in one direction.

    Args:
        direction: 1 forwards, -1 backwards.
        keyframes: entries of prompted frames, by frame; never evicted.
        recent: entries of tracked frames, by frame, in the order they were added.
    """

    direction: int
    keyframes: dict[int, MemoryEntry] = field(default_factory=dict)
    recent: dict[int, MemoryEntry] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Selection:
    """What conditions one frame.

    Args:
        maps: entries whose memory map is attended to, by how many frames ago SAM 2 shall believe
            they were (1 = the frame before, at most ``maps - 1``).
        pointers: entries whose object pointer is attended to, likewise.
    """

    maps: dict[int, MemoryEntry]
    pointers: dict[int, MemoryEntry]

    def frames(self) -> tuple[int, ...]:
        """The frames whose maps were chosen, nearest first."""
        return tuple(entry.index for _, entry in sorted(self.maps.items()))


class MemoryPolicy(Protocol):
    """Decides what enters a bank, what leaves it, and what conditions a frame."""

    @property
    def name(self) -> str:
        """What the command line and the store call it."""

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Say whether a tracked frame's entry enters the bank."""

    def evict(self, bank: MemoryBank) -> None:
        """Remove from ``bank.recent`` what no later selection can use."""

    def select(self, bank: MemoryBank, index: int) -> Selection:
        """Choose the entries that condition frame ``index``, keyframes apart."""


@dataclass(frozen=True)
class Fifo:
    """SAM 2's own policy: the last frames, whatever they show (Ravi et al. 2024).

    Args:
        maps: memory maps attended to, the keyframe's included (``num_maskmem``).
        pointers: object pointers attended to (``max_obj_ptrs_in_encoder``).
    """

    maps: int = 7
    pointers: int = 16
    name: str = "fifo"

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Every frame enters."""
        return True

    def evict(self, bank: MemoryBank) -> None:
        """Keep the maps of the last ``maps - 1`` frames and the pointers of ``pointers - 1``."""
        if not bank.recent:
            return
        newest = next(reversed(bank.recent))
        for index in list(bank.recent):
            age = 1 + (newest - index) * bank.direction  # as the next frame will see it
            if age >= self.pointers:
                del bank.recent[index]
            elif age >= self.maps and bank.recent[index].features is not None:
                bank.recent[index] = bank.recent[index].without_map()

    def select(self, bank: MemoryBank, index: int) -> Selection:
        """Choose by distance in frames, as stock code looks frames up."""
        found = {
            ago: bank.recent[index - ago * bank.direction]
            for ago in range(1, self.pointers)
            if index - ago * bank.direction in bank.recent
        }
        maps = {a: e for a, e in found.items() if a < self.maps and e.features is not None}
        return Selection(maps, found)


def virtual_outputs(
    bank: MemoryBank, selection: Selection, index: int, position: Tensor
) -> dict[str, dict[int, dict[str, Any]]]:
    """Write a selection in the form of SAM 2's ``output_dict``.

    Args:
        bank: whose keyframes always take part.
        selection: what the policy chose.
        index: the frame to be conditioned.
        position: ``(1, M, h, w)`` positional code of memory maps, the same for all.

    Returns:
        ``cond_frame_outputs`` and ``non_cond_frame_outputs``, keyed by the frames at which SAM 2
        looks the chosen entries up. Map and pointer of one key may come from different frames.
    """
    recent: dict[int, dict[str, Any]] = {}
    for ago in {**selection.pointers, **selection.maps}:
        slot: dict[str, Any] = {}
        if ago in selection.maps:
            slot["maskmem_features"] = selection.maps[ago].features
            slot["maskmem_pos_enc"] = [position]
        pointed = selection.pointers.get(ago, selection.maps.get(ago))
        assert pointed is not None
        slot["obj_ptr"] = pointed.pointer
        recent[index - ago * bank.direction] = slot
    keyframes = {
        at: {
            "maskmem_features": entry.features,
            "maskmem_pos_enc": [position],
            "obj_ptr": entry.pointer,
        }
        for at, entry in bank.keyframes.items()
    }
    return {"cond_frame_outputs": keyframes, "non_cond_frame_outputs": recent}
