"""How to track: what a user may set, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earvid.errors import UsageError
from earvid.models import DEFAULT_MODEL
from earvid.tracker import Fifo, MemoryPolicy, policy
from earvid.video import ReaderName

ROIS = ("follow", "off")


@dataclass(frozen=True)
class TrackSettings:
    """How to track.

    Args:
        model: name in the zoo.
        checkpoint: weights to use instead of the model's own.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        roi: ``follow`` an ear with a crop, or ``off``: look at the whole frame as stock SAM 2.
        policy: of the memory bank, one of ``earvid.tracker.POLICIES``.
        policy_parameters: of that policy, by name; the others have their defaults, and ``maps`` and
            ``pointers`` those of the model.
        reader: ``auto``, ``decord`` or ``pyav``.
        shard_bytes: memory for one shard of masks.

    Raises:
        UsageError: a name is unknown, or a parameter is out of its range.
    """

    model: str = DEFAULT_MODEL
    checkpoint: Path | None = None
    device: str = "auto"
    roi: str = "follow"
    policy: str = Fifo.name
    policy_parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    reader: ReaderName = "auto"
    shard_bytes: int = 64 * 2**20

    def __post_init__(self) -> None:
        if self.roi not in ROIS:
            raise UsageError(f"There is no roi {self.roi!r}; choose from {', '.join(ROIS)}.")
        self.make_policy()

    def make_policy(self, **sizes: int) -> MemoryPolicy:
        """Make the policy.

        Args:
            sizes: ``maps`` and ``pointers`` of the model, where they are not set.
        """
        return policy(self.policy, **{**sizes, **self.policy_parameters})


DEFAULTS = TrackSettings()
