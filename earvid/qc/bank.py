"""The memory bank over time: which frames each mask was conditioned on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.store import PENDING, Store


@dataclass(frozen=True, eq=False)
class BankUse:
    """How one ear's memories were used.

    Args:
        object_id: value of the ear in the masks.
        name: of the ear.
        runs: ``(R, 3)`` int64: a remembered frame, and the half-open range of frames that it
            conditioned without a gap; ordered by remembered frame, then by time.
        keyframes: frames with a prompt, which are conditioned on themselves.
        score: ``(T,)`` float32 predicted IoU, NaN where the ear is not seen.
        presence: ``(T,)`` float32 probability that the ear is in view, NaN where unknown.
    """

    object_id: int
    name: str
    runs: NDArray[np.int64]
    keyframes: tuple[int, ...]
    score: NDArray[np.float32]
    presence: NDArray[np.float32]

    def used(self) -> dict[int, int]:
        """On how many frames each remembered frame took part, the most used first."""
        frames, which = np.unique(self.runs[:, 0], return_inverse=True)
        counts = np.zeros(len(frames), np.int64)
        np.add.at(counts, which, self.runs[:, 2] - self.runs[:, 1])
        order = np.lexsort((frames, -counts))
        return {int(frames[i]): int(counts[i]) for i in order}


def bank_use(store: Store) -> tuple[BankUse, ...]:
    """Read how the memories of every ear were used, on the frames that are done.

    Args:
        store: complete or being written.
    """
    done = np.asarray(store.status) != PENDING
    return tuple(
        _of_ear(store, done, column, object_id, name)
        for column, (object_id, name) in enumerate(
            zip(store.object_ids, store.object_names, strict=True)
        )
    )


def _of_ear(
    store: Store, done: NDArray[np.bool_], column: int, object_id: int, name: str
) -> BankUse:
    memory = np.where(done[:, None], store.tracks.memory[:, column], -1)
    at, slot = np.nonzero(memory >= 0)
    pairs = np.unique(np.column_stack([memory[at, slot], at]).astype(np.int64), axis=0)
    keyframes = tuple(int(t) for remembered, t in pairs if remembered == t)
    tracks = store.tracks
    return BankUse(
        object_id,
        name,
        _runs(pairs),
        keyframes,
        np.where(done, tracks.score[:, column], np.float32(np.nan)),
        np.where(done, tracks.presence[:, column], np.float32(np.nan)),
    )


def _runs(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join (remembered, frame) pairs, in order, over consecutive frames."""
    if not len(pairs):
        return np.zeros((0, 3), np.int64)
    breaks = (np.diff(pairs[:, 0]) != 0) | (np.diff(pairs[:, 1]) != 1)
    first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    last = np.concatenate([first[1:], [len(pairs)]]) - 1
    return np.column_stack([pairs[first, 0], pairs[first, 1], pairs[last, 1] + 1])
