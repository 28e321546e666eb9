"""What a memory policy is, and what policies share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, ClassVar

from torch import Tensor

from earvid.errors import UsageError
from earvid.tracker.candidates import Candidates, Choice
from earvid.tracker.memory import MemoryBank, MemoryEntry, Selection


@dataclass(frozen=True, eq=False)
class Moment:
    """The frame for which memories are wanted.

    Args:
        index: its number.
        signature: ``(D,)`` description of its image, if the policy asks for signatures.
    """

    index: int
    signature: Tensor | None = None


class MemoryPolicy(ABC):
    """Decides what enters a bank, what leaves it, and what conditions a frame.

    Derive from it to make your own: :meth:`evict` and :meth:`select` have to be written, the rest
    has defaults. For every tracked frame a session calls :meth:`select`, then :meth:`choose`, then
    :meth:`admit` and, if that says yes, :meth:`evict`. A policy keeps nothing in itself, so that
    one instance serves all objects, both directions and any number of clips: what it has to
    remember goes into the bank (``anchors``, ``numbers``) or onto an entry (``marks``), where it
    is saved and restored with them. Its decisions may depend on nothing else, and must not be
    random, or a resumed run would differ. Ages are to be taken with :meth:`MemoryBank.age`, and
    entries may be missing (frames that could not be decoded, masks that were not believed).

    Attributes:
        name: what the command line and the store call it.
        looks: whether :meth:`choose` is to be asked.
        compares: whether entries and moments shall carry signatures.
        carries_over: whether the way back starts with the first memories of the way forward, as
            SAM 2 does it, rather than with the keyframes alone.
        maps: memory maps attended to, a keyframe's included; at most SAM 2's ``num_maskmem``.
        pointers: object pointers attended to, a keyframe's included; at most
            ``max_obj_ptrs_in_encoder``.
    """

    name: ClassVar[str]
    looks: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    carries_over: ClassVar[bool] = False
    maps: int = 7
    pointers: int = 16

    def choose(self, bank: MemoryBank, candidates: Candidates) -> Choice:
        """Choose the mask of an object that is in view; the model's own choice by default.

        Models that give several masks per frame (SAM 2.1: three) offer these. One that gives a
        single mask offers that alone, unless its weights say that they were trained for the three
        further masks that the decoder computes.
        """
        return Choice(candidates.preferred)

    def admit(self, bank: MemoryBank, entry: MemoryEntry) -> bool:
        """Say whether a tracked frame's entry enters ``bank.recent``; by default all do."""
        return True

    @abstractmethod
    def evict(self, bank: MemoryBank) -> None:
        """Remove from the bank what no later selection can use; keyframes stay."""

    @abstractmethod
    def select(self, bank: MemoryBank, moment: Moment) -> Selection:
        """Choose the entries that condition a frame."""

    def slots(self, keyframes: int) -> int:
        """How many frames one mask is conditioned on at most, given the number of keyframes."""
        return keyframes + self.maps - 1

    def describe(self) -> dict[str, Any]:
        """Name and parameters as plain values, for fingerprints and provenance."""
        return {"name": self.name, **(asdict(self) if is_dataclass(self) else {})}


def check_parameters(policy: Any, **ranges: tuple[float, float]) -> None:
    """See that a policy's parameters are numbers of their kind within their ranges.

    Args:
        policy: one that is a dataclass.
        ranges: lowest and highest value by name.

    Raises:
        UsageError: one is not; the sentence names it.
    """
    for field in fields(policy):
        value = getattr(policy, field.name)
        low, high = ranges[field.name]
        whole = isinstance(field.default, int)
        known = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not known or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise UsageError(
                f"{field.name} of the policy {policy.name} must be {kind} from {low:g} to "
                f"{high:g}, not {value!r}."
            )


def ranked(entries: Iterable[MemoryEntry], limit: int) -> dict[int, MemoryEntry]:
    """Give the first ``limit`` entries the places 1, 2, … of a selection.

    SAM 2 codes the time of a memory by its place, and so frames that are far apart look adjacent
    to it; all policies that leave frames out do it this way.
    """
    return dict(zip(range(1, limit + 1), entries, strict=False))


def trim(bank: MemoryBank, mapped: Iterable[MemoryEntry], pointed: Iterable[MemoryEntry]) -> None:
    """Keep of ``bank.recent`` the maps of some entries, the pointers of others, and no more."""
    maps, pointers = {e.index for e in mapped}, {e.index for e in pointed}
    for index, entry in list(bank.recent.items()):
        if index in maps:
            continue
        if index not in pointers:
            del bank.recent[index]
        elif entry.features is not None:
            bank.recent[index] = entry.without_map()


def nearest_keyframes(bank: MemoryBank, index: int, limit: int) -> dict[int, MemoryEntry]:
    """At most ``limit`` keyframes: the nearest on either side, then the nearest of the others.

    SAM 2 attends to all of them by default, so that every correction makes every later frame
    slower. Of two at the same distance, the one on the way behind comes first.
    """
    by_distance = sorted(
        bank.keyframes.values(),
        key=lambda entry: (abs(bank.age(entry, index)), bank.age(entry, index) < 0),
    )
    behind = [e for e in by_distance if bank.age(e, index) >= 0]
    ahead = [e for e in by_distance if bank.age(e, index) < 0]
    first = [*behind[:1], *ahead[:1]]
    rest = [e for e in by_distance if all(e is not f for f in first)]
    chosen = [*first, *rest][:limit]
    return in_order(bank, chosen)


def in_order(bank: MemoryBank, entries: Iterable[MemoryEntry]) -> dict[int, MemoryEntry]:
    """Entries by frame, in the order in which the bank's direction passes them.

    Attention does not mind the order, but its sums round differently.
    """
    return {e.index: e for e in sorted(entries, key=lambda e: e.index * bank.direction)}
