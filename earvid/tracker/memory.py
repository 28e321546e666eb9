"""The memory bank: what is kept of past frames, and how it reaches SAM 2's attention.

Storage is apart from policy, as in Cutie (Cheng et al. 2024). A bank belongs to one object and one
direction and holds everything that is remembered of them; what decides over it is in
:mod:`earvid.tracker.policies`. The idea of re-keying SAM 2's output dictionary, so that any choice
of memories reaches its unchanged attention code, is what makes policies possible without copying
that code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from earvid.errors import UsageError

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class MemoryEntry:
    """What one frame left behind.

    Args:
        index: the frame.
        features: ``(1, M, h, w)`` bfloat16 memory map, or ``None`` once only the pointer is kept.
            It may still be on its way, for nobody needs it before the next frame; :attr:`map` has
            it.
        pointer: ``(1, C)`` float32 object pointer.
        score: predicted IoU of the mask, 0..1.
        presence: object-score logit; above 0 the object was seen.
        area: of the mask, source-frame pixels; 0 when it was not seen.
        box: of the mask without specks, outer edges ``x0, y0, x1, y1`` in source-frame pixels, or
            ``None`` when there is none.
        marks: numbers that a policy noted about this frame, by name.
        signature: ``(D,)`` float32 description of the image, for policies that compare images.
    """

    index: int
    features: Tensor | Future[Tensor] | None
    pointer: Tensor
    score: float
    presence: float
    area: float
    box: Box | None = None
    marks: Mapping[str, float] = field(default_factory=dict)
    signature: Tensor | None = None

    @property
    def map(self) -> Tensor | None:
        """The memory map, once it is there."""
        return self.features.result() if isinstance(self.features, Future) else self.features

    def without_map(self) -> MemoryEntry:
        """The same entry with only its pointer and its numbers."""
        return replace(self, features=None, signature=None)

    def tensors(self) -> Iterator[Tensor]:
        """The tensors that are there."""
        for tensor in (self.map, self.pointer, self.signature):
            if tensor is not None:
                yield tensor


@dataclass(eq=False)
class MemoryBank:
    """Memories of one object in one direction.

    Args:
        direction: 1 forwards, -1 backwards.
        keyframes: entries of prompted frames, by frame; never evicted. Tracking began at the first.
        recent: entries of tracked frames, by frame, in the order they were added.
        anchors: entries of tracked frames that a policy put on a par with keyframes, likewise.
        numbers: what else a policy has to remember, by name. Whatever it is must stay small: it is
            saved with the bank.
    """

    direction: int
    keyframes: dict[int, MemoryEntry] = field(default_factory=dict)
    recent: dict[int, MemoryEntry] = field(default_factory=dict)
    anchors: dict[int, MemoryEntry] = field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """The frame at which tracking began."""
        return next(iter(self.keyframes))

    def age(self, entry: MemoryEntry, index: int) -> int:
        """How many frames before ``index`` an entry is, in the bank's direction."""
        return (index - entry.index) * self.direction

    def newest_first(self) -> list[MemoryEntry]:
        """Entries of tracked frames, the last one added first."""
        return list(reversed(self.recent.values()))

    def nbytes(self) -> int:
        """Bytes of all tensors; what is in two places counts once."""
        entries = (*self.keyframes.values(), *self.recent.values(), *self.anchors.values())
        sizes = {id(t): t.nbytes for entry in entries for t in entry.tensors()}
        return sum(sizes.values())


@dataclass(frozen=True, eq=False)
class Selection:
    """What conditions one frame.

    Args:
        maps: entries whose memory map is attended to, by how many frames ago SAM 2 shall believe
            they were (1 = the frame before, at most ``num_maskmem - 1``).
        pointers: entries whose object pointer is attended to, likewise (at most
            ``max_obj_ptrs_in_encoder - 1``).
        anchors: entries that take part as prompted frames do, by frame; ``None`` for all keyframes.
    """

    maps: dict[int, MemoryEntry]
    pointers: dict[int, MemoryEntry]
    anchors: dict[int, MemoryEntry] | None = None

    def frames(self) -> tuple[int, ...]:
        """The frames whose maps were chosen, nearest first."""
        return tuple(entry.index for _, entry in sorted(self.maps.items()))

    def check(self, policy: str, maps: int, pointers: int) -> None:
        """See that SAM 2 will look everything up that was chosen; it would pass over it in silence.

        Args:
            policy: what to call the policy in errors.
            maps: ``num_maskmem`` of the model.
            pointers: its ``max_obj_ptrs_in_encoder``.

        Raises:
            UsageError: something has a place out of reach, or no map where one was chosen.
        """
        for what, chosen, limit in (
            ("map", self.maps, maps),
            ("pointer", self.pointers, pointers),
        ):
            for ago in chosen:
                if not 1 <= ago < limit:
                    raise UsageError(
                        f"The policy {policy} put a {what} in place {ago}; this model looks up "
                        f"places 1 to {limit - 1}."
                    )
        mapped = (*self.maps.values(), *(self.anchors or {}).values())
        if gone := [entry.index for entry in mapped if entry.features is None]:
            raise UsageError(
                f"The policy {policy} chose the map of frame {gone[0]}, which it had let go."
            )


def virtual_outputs(
    bank: MemoryBank, selection: Selection, index: int, position: Tensor
) -> dict[str, dict[int, dict[str, Any]]]:
    """Write a selection in the form of SAM 2's ``output_dict``.

    Args:
        bank: whose keyframes take part unless the selection names others.
        selection: what the policy chose.
        index: the frame to be conditioned.
        position: ``(1, M, h, w)`` positional code of memory maps, the same for all.

    Returns:
        ``cond_frame_outputs`` and ``non_cond_frame_outputs``, keyed by the frames at which SAM 2
        looks the chosen entries up. Map and pointer of one key may come from different frames.
        SAM 2 reads both wherever it finds a key: a pointer without a map there gets a map of no
        places, which attention does not see, and a map without a pointer brings its own.
    """
    recent: dict[int, dict[str, Any]] = {}
    for ago in {**selection.pointers, **selection.maps}:
        mapped = selection.maps.get(ago)
        pointed = selection.pointers.get(ago, mapped)
        assert pointed is not None
        recent[index - ago * bank.direction] = _slot(mapped, pointed, position)
    anchors = bank.keyframes if selection.anchors is None else selection.anchors
    conditioning = {at: _slot(entry, entry, position) for at, entry in anchors.items()}
    return {"cond_frame_outputs": conditioning, "non_cond_frame_outputs": recent}


def _slot(mapped: MemoryEntry | None, pointed: MemoryEntry, position: Tensor) -> dict[str, Any]:
    features = None if mapped is None else mapped.map
    if features is None:
        features = position = position[:, :, :0]
    return {
        "maskmem_features": features,
        "maskmem_pos_enc": [position],
        "obj_ptr": pointed.pointer,
    }
