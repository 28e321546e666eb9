"""Which frames of a recording: by name, by a condition, or by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earvid.errors import UsageError
from earvid.qc.spans import FLAGGED
from earvid.store import CORRECTED, PENDING

if TYPE_CHECKING:
    from earvid.library.recording import Recording

Flags = NDArray[np.bool_]
Where = str | slice | Sequence[int] | ArrayLike | None


def flags(recording: Recording, name: str) -> Flags:
    """(T,) bool: on which frames something holds for at least one ear.

    Args:
        recording: an opened result.
        name: one of :data:`NAMES`.

    Raises:
        UsageError: there is no such name.
    """
    if name not in NAMES:
        raise UsageError(f"There are no frames called {name!r}; choose from {', '.join(NAMES)}.")
    return NAMES[name](recording)


def chosen(recording: Recording, where: Where) -> NDArray[np.int64]:
    """(F,) numbers of the frames that are meant; see :meth:`Recording.frames`.

    Raises:
        UsageError: there are no such frames, or the condition has another length.
    """
    count = len(recording)
    if where is None:
        return np.flatnonzero(flags(recording, "done"))
    if isinstance(where, str):
        return np.flatnonzero(flags(recording, where))
    if isinstance(where, slice):
        return np.arange(count)[where]
    values = np.asarray(where)
    if values.dtype == bool:
        return _of_condition(values, count)
    return _of_numbers(values, count)


def spans(marked: Flags) -> list[tuple[int, int]]:
    """Half-open spans of consecutive true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]


def _of_condition(values: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Frames of a (T,) condition, or of a (T, N) one that holds for at least one ear."""
    if values.ndim not in (1, 2) or len(values) != count:
        raise UsageError(
            f"A condition of shape {values.shape} does not fit a clip of {count} frames; give one "
            f"truth value per frame, or per frame and ear."
        )
    return np.flatnonzero(values if values.ndim == 1 else values.any(axis=1))


def _of_numbers(values: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    if values.size == 0:
        return np.zeros(0, np.int64)
    if values.ndim > 1 or not np.issubdtype(values.dtype, np.integer):
        raise UsageError(
            f"{values.tolist()!r} does not tell frames: give a name, a slice, frame numbers, or a "
            f"condition of one truth value per frame."
        )
    numbers = np.atleast_1d(values).astype(np.int64)
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise UsageError(f"There is no frame {outside[0]}; frames run from 0 to {count - 1}.")
    return numbers


def _done(recording: Recording) -> Flags:
    return np.asarray(recording.status != PENDING, bool)


def _absent(recording: Recording) -> Flags:
    return np.asarray(_done(recording) & (recording.areas == 0).any(axis=1))


def _doubtful(recording: Recording) -> Flags:
    return np.asarray((recording.doubt >= FLAGGED).any(axis=1))


def _keyframes(recording: Recording) -> Flags:
    numbers = np.arange(len(recording))[:, None, None]
    return np.asarray((recording.memory == numbers).any(axis=(1, 2)))


NAMES: dict[str, Callable[[Recording], Flags]] = {
    "done": _done,
    "pending": lambda recording: ~_done(recording),
    "seen": lambda recording: np.asarray((recording.areas > 0).any(axis=1)),
    "absent": _absent,
    "doubtful": _doubtful,
    "corrected": lambda recording: np.asarray(recording.status == CORRECTED),
    "keyframes": _keyframes,
}
"""Names of sets of frames, each with what makes a frame one of them."""
