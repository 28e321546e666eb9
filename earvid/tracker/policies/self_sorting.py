"""``self-sorting``: a bank of sure and unlike frames, read by likeness to the current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

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
class SelfSorting(MemoryPolicy):
    """The self-sorting memory bank of MedSAM-2.

    The bank fills up with ``size`` frames. From then on, with cosines between memory maps, let
    ``i`` be the member least like the new frame ``m``, and ``j`` the member most like ``i``. The
    new frame takes the place of ``j`` if ``cos(m, i) < cos(i, j)`` (it adds more variety than ``j``
    does) and ``IoU(m) > IoU(j) - slack``. A frame is conditioned on the ``maps - 1`` members whose
    images are most like its own.

    Source: Zhu et al. 2024, "Medical SAM 2", arXiv 2408.00874; SuperMedIntel/Medical-SAM2,
    ``func_2d/function.py``.

    Deviations: the original draws the members it reads at random, with the likenesses as odds; here
    the most alike are taken, so that a run can be repeated. It reads them without order and without
    pointers, being made for unordered images; here they keep the order of time, newest first, and
    the members' pointers take part, as SAM 2 was trained for video. It compares whole image
    features; here their means over a 4 by 4 grid, for the sake of memory. Frames without the object
    never enter, prompted frames are kept apart and take part always (at most ``keyframes``).

    Args:
        maps: memory maps attended to, a keyframe's included.
        pointers: object pointers attended to, a keyframe's included.
        size: frames in the bank.
        slack: by how much the predicted IoU of a newcomer may be lower, 0..1.
        keyframes: prompted frames attended to at most.
    """

    maps: int = 7
    pointers: int = 16
    size: int = 16
    slack: float = 0.1
    keyframes: int = 4
    name: ClassVar[str] = "self-sorting"
    compares: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_parameters(
            self, maps=(1, 64), pointers=(1, 64), size=(2, 256), slack=(0, 1), keyframes=(1, 64)
        )

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Let a frame with the object in while there is room, or if a member has to go for it."""
        if entry.presence <= 0:
            return False
        members = list(bank.recent.values())
        return len(members) < self.size or self.replaced(members, entry) is not None

    def replaced(self, members: list[MemoryEntry], entry: MemoryEntry) -> MemoryEntry | None:
        """The member whose place a new frame takes, or ``None``."""
        rows = torch.stack([_direction(e) for e in members])
        to_new = rows @ _direction(entry)
        i = int(to_new.argmin())
        to_i = rows @ rows[i]
        to_i[i] = -2.0  # below any cosine: itself is no rival
        j = int(to_i.argmax())
        varied = float(to_new[i]) < float(to_i[j])
        return members[j] if varied and entry.score > members[j].score - self.slack else None

    def evict(self, bank: MemoryBank) -> None:
        """Make room for the newest if the bank is too full."""
        if len(bank.recent) <= self.size:
            return
        *members, newest = bank.recent.values()
        gone = self.replaced(members, newest) or newest
        kept = [e for e in bank.recent.values() if e is not gone]
        trim(bank, kept, kept)

    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose the members whose images are most like the current one."""
        members = bank.newest_first()
        alike = sorted(members, key=lambda e: _likeness(e, moment.signature), reverse=True)
        chosen = {e.index for e in alike[: self.maps - 1]}
        return Selection(
            ranked((e for e in members if e.index in chosen), self.maps - 1),
            ranked(members, self.pointers - 1),
            nearest_keyframes(bank, moment.index, self.keyframes),
        )

    def slots(self, keyframes: int) -> int:
        """As many as take part at most."""
        return min(keyframes, self.keyframes) + self.maps - 1


def _direction(entry: MemoryEntry) -> Tensor:
    features = entry.map
    assert features is not None
    return normalize(features.float().flatten(), dim=0)


def _likeness(entry: MemoryEntry, signature: Tensor | None) -> float:
    assert entry.signature is not None and signature is not None
    return float(normalize(entry.signature, dim=0) @ normalize(signature, dim=0))
