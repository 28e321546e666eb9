"""Which ears were corrected by hand on which frames; the status of a frame is that of all ears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.store.record import CORRECTED

Keyframe = tuple[str, int]  # name of the ear, frame


def corrected_ears(
    status: NDArray[np.uint8], names: Sequence[str], provenance: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Tell the ears apart on frames that were corrected by hand.

    A person came back to an ear where it has a keyframe other than its first: of the first prompt,
    or of a correction, which may be earlier than that; and where it is said to be absent. Frames
    that the provenance does not tell about count for every ear.

    Args:
        status: (T,) as of the store.
        names: of the N ears.
        provenance: of the store.

    Returns:
        (T, N) bool.
    """
    marked = status == CORRECTED
    flags = np.zeros((len(status), len(names)), bool)
    for name, frame in _revisited(provenance):
        if name in names and frame < len(status):
            flags[frame, list(names).index(name)] = marked[frame]
    flags |= absent_ears(len(status), names, provenance) & marked[:, None]
    untold = marked & ~flags.any(axis=1)
    return np.asarray(flags | untold[:, None])


def absent_ears(
    frame_count: int, names: Sequence[str], provenance: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Where a person said that an ear is not.

    Args:
        frame_count: T, of the store.
        names: of the N ears.
        provenance: of the store.

    Returns:
        (T, N) bool.
    """
    flags = np.zeros((frame_count, len(names)), bool)
    for ear in (provenance.get("prompt") or {}).get("objects") or []:
        for start, stop in ear.get("absent") or ():
            if ear["name"] in names:
                flags[start:stop, list(names).index(ear["name"])] = True
    return flags


def _revisited(provenance: Mapping[str, Any]) -> Iterator[Keyframe]:
    corrections = provenance.get("corrections") or []
    first = corrections[0].get("before") or {} if corrections else provenance
    for frames in _keyframes(first.get("prompt")).values():
        yield from frames[1:]
    for entry in corrections:
        known = _keyframes((entry.get("before") or {}).get("prompt"))
        for name, frames in (entry.get("keyframes") or {}).items():
            is_new = bool(known) and name not in known
            yield from ((name, frame) for frame in sorted(frames)[is_new:])


def _keyframes(prompt: Mapping[str, Any] | None) -> dict[str, list[Keyframe]]:
    """Those of every ear of a prompt, in order."""
    return {
        ear["name"]: [(ear["name"], frame) for frame in sorted(map(int, ear.get("frames") or {}))]
        for ear in (prompt or {}).get("objects") or []
    }
