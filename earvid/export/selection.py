"""Which frames, ears and landmarks of a store are handed on."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.errors import StoreError, UsageError
from earvid.store import PENDING, Store

_RANGE = re.compile(r"(\d*):(\d*)(?::(\d+))?")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What of a store is handed on; everything by default.

    A frame that is selected stays, even where a threshold takes its ears away: there, they count
    as not visible.

    Args:
        frames: numbers of frames, and slices, which are half open; None is all of them.
        ears: names or ids; None is all of them.
        min_score: least score of an ear's mask on a frame, 0 to 1.
        min_presence: least presence of an ear on a frame, 0 to 1.
        min_confidence: least confidence of a landmark, 0 to 1.

    Raises:
        UsageError: a threshold is out of its range.
    """

    frames: tuple[int | slice, ...] | None = None
    ears: tuple[str | int, ...] | None = None
    min_score: float | None = None
    min_presence: float | None = None
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_score", "min_presence", "min_confidence"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{value} for {name.replace('_', ' ')} is not between 0 and 1.")


@dataclass(frozen=True)
class Ear:
    """An ear that was selected.

    Args:
        column: of the store's arrays.
        id: its value in the masks.
        name: its name.
    """

    column: int
    id: int
    name: str


def parse_frames(text: str) -> tuple[int | slice, ...]:
    """Read frames as people type them: ``7``, ``10:40``, ``0:300:5`` or ``100:``, by commas.

    Raises:
        UsageError: it is none of these.
    """
    return tuple(_parse_part(part.strip(), text) for part in text.split(","))


def _parse_part(part: str, text: str) -> int | slice:
    if part.isascii() and part.isdigit():
        return int(part)
    found = _RANGE.fullmatch(part)
    if found is None or found[3] == "0":
        raise UsageError(
            f"{text!r} does not name frames; write for example 7, 10:40 or 0:300:5, and commas "
            f"between."
        )
    start, stop, step = (int(value) if value else None for value in found.groups())
    return slice(start, stop, step)


def chosen_frames(selection: Selection, store: Store) -> NDArray[np.int64]:
    """(F,) numbers of the frames that were selected, rising, each once.

    Raises:
        UsageError: there is no such frame, or none is left.
        StoreError: one of them has not been tracked yet.
    """
    count = store.frame_count
    wanted = (slice(None),) if selection.frames is None else selection.frames
    chosen: set[int] = set()
    for part in wanted:
        bounds = (part.start, part.stop) if isinstance(part, slice) else (part, part + 1)
        first, last = (0 if bounds[0] is None else bounds[0]), bounds[1]
        last = count if last is None else last
        if not 0 <= first <= last <= count:
            raise UsageError(
                f"{store.path} has the frames 0 to {count - 1}; {_range_text(first, last)} "
                f"is not among them."
            )
        chosen.update(range(first, last, (part.step or 1) if isinstance(part, slice) else 1))
    if not chosen:
        raise UsageError("The selection has no frames; give at least one.")
    frames = np.array(sorted(chosen), np.int64)
    _check_done(frames, store)
    return frames


def chosen_ears(selection: Selection, store: Store) -> tuple[Ear, ...]:
    """The ears that were selected, in the order of the store.

    Raises:
        UsageError: there is no such ear.
    """
    known = [
        Ear(column, number, name)
        for column, (number, name) in enumerate(
            zip(store.object_ids, store.object_names, strict=True)
        )
    ]
    if selection.ears is None:
        return tuple(known)
    columns = {_find_ear(wanted, known, store).column for wanted in selection.ears}
    if not columns:
        raise UsageError("The selection has no ears; give at least one.")
    return tuple(ear for ear in known if ear.column in columns)


def _find_ear(wanted: str | int, known: list[Ear], store: Store) -> Ear:
    """By name, which may be a number, or else by id."""
    named = [ear for ear in known if ear.name == str(wanted)]
    found = named or [ear for ear in known if str(ear.id) == str(wanted)]
    if not found:
        names = ", ".join(f"{ear.name} ({ear.id})" for ear in known)
        raise UsageError(f"{store.path} has no ear {str(wanted)!r}; it has {names}.")
    return found[0]


def _check_done(frames: NDArray[np.int64], store: Store) -> None:
    pending = frames[store.status[frames] == PENDING]
    if len(pending):
        more = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
        raise StoreError(
            f"Frame {pending[0]}{more} of {store.path} have not been tracked yet: run the same "
            f"'earvid track' again to finish, or choose frames that are done with --frames."
        )


def _range_text(first: int, last: int) -> str:
    return f"frame {first}" if last == first + 1 else f"the range {first}:{last}"
