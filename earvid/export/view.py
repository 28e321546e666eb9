"""A store as exporters see it: the selected frames one by one, with the selected ears only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError
from earvid.export.selection import Selection, chosen_ears, chosen_frames
from earvid.store import Store
from earvid.store._errors import reading

PER_FRAME = ("position", "confidence", "visible", "box", "score", "presence", "area", "status")


@dataclass(frozen=True, eq=False)
class Item:
    """One frame, with E ears and K landmarks; the ear comes first in every array.

    Where an ear is not shown it has no pixel, no box, no score and no landmarks.

    Args:
        index: of the frame.
        time: seconds from the first frame of the clip.
        status: 1 done, 2 done and corrected by hand.
        corrected: (E,) bool, ears that were corrected by hand there.
        shown: (E,) bool.
        mask: (H, W) uint8 ids of the ears that are shown; empty where masks were not asked for.
        box: (E, 4) float32 x0, y0, x1, y1 in source-frame pixels, NaN = none.
        score: (E,) float32, NaN = none.
        presence: (E,) float32, NaN = none.
        position: (E, K, 2) float32 x, y in source-frame pixels, NaN = none.
        confidence: (E, K) float32, NaN = none.
        visible: (E, K) bool; False where there is no position.
    """

    index: int
    time: float
    status: int
    corrected: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    mask: NDArray[np.uint8]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    presence: NDArray[np.float32]
    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: NDArray[np.bool_]


class View:
    """What was selected of a store, read frame by frame in bounded memory.

    Args:
        store: an open store.
        selection: what of it.

    Attributes:
        store: the store.
        frames: (F,) int64 numbers of the selected frames, rising.
        ears: the selected ears.
        shown: (F, E) bool: visible, and not below a threshold.
        keypoints: names of the landmarks.

    Raises:
        UsageError: the selection names what is not there, or leaves nothing to see.
        StoreError: a selected frame has not been tracked yet, or the store is damaged.
    """

    def __init__(self, store: Store, selection: Selection) -> None:
        self.store = store
        self.frames = chosen_frames(selection, store)
        self.ears = chosen_ears(selection, store)
        self.keypoints = store.keypoints
        self._min_confidence = selection.min_confidence
        self._columns = [ear.column for ear in self.ears]
        self._corrected = store.corrected[:, self._columns]
        with reading(store.path, "The tracks"):
            group = store.group("tracks")
            self._arrays: dict[str, Any] = {name: group[name] for name in PER_FRAME}
        self.shown = self._shown(selection)
        if not self.shown.any():
            raise UsageError(
                f"No ear of the selection is visible in {store.path} on any of its "
                f"{len(self.frames)} frames; choose more frames or lower thresholds."
            )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def step(self) -> int | None:
        """Distance of neighbors among the selected frames; None where it is not always the same."""
        gaps = np.unique(np.diff(self.frames))
        return None if len(gaps) > 1 else int(gaps[0]) if len(gaps) else 1

    def items(self, *, masks: bool = True) -> Iterator[Item]:
        """The selected frames, in order.

        Args:
            masks: read the masks too.
        """
        empty = np.zeros((0, 0), np.uint8)
        block = range(0)
        rows: dict[str, NDArray[Any]] = {}
        for at, frame in enumerate(self.frames.tolist()):
            if frame not in block:
                block = self._block(frame)
                rows = self._read(block)
            row = {name: values[frame - block.start] for name, values in rows.items()}
            mask = self.mask(at) if masks else empty
            yield self._item(at, row, mask)

    def mask(self, at: int) -> NDArray[np.uint8]:
        """(H, W) uint8 ids of the ears shown on the selected frame with this place in `frames`."""
        mask = self.store.mask(int(self.frames[at]))
        keep = np.zeros(256, np.uint8)
        for ear, shown in zip(self.ears, self.shown[at], strict=True):
            keep[ear.id] = ear.id if shown else 0
        return keep[mask]

    def _block(self, frame: int) -> range:
        """The frames whose tracks are read at once: those of a shard."""
        length = self.store.shard_length
        start = frame // length * length
        return range(start, min(start + length, self.store.frame_count))

    def _read(self, block: range) -> dict[str, NDArray[Any]]:
        with reading(self.store.path, "The tracks"):
            return {
                name: np.asarray(array[block.start : block.stop])
                for name, array in self._arrays.items()
            }

    def _shown(self, selection: Selection) -> NDArray[np.bool_]:
        with reading(self.store.path, "The tracks"):
            area, score, presence = (
                np.asarray(self._arrays[name][:])[self.frames][:, self._columns]
                for name in ("area", "score", "presence")
            )
        shown: NDArray[np.bool_] = area > 0
        for values, least in (
            (score, selection.min_score),
            (presence, selection.min_presence),
        ):
            if least is not None:
                shown = shown & (values >= least)
        return shown

    def _item(self, at: int, row: dict[str, NDArray[Any]], mask: NDArray[np.uint8]) -> Item:
        shown, columns, frame = self.shown[at], self._columns, int(self.frames[at])
        position = np.where(
            shown[:, None, None], row["position"][:, :, columns].transpose(2, 1, 0), np.nan
        )
        confidence = row["confidence"][:, columns].T
        known = np.asarray(np.isfinite(position).all(axis=2))
        if self._min_confidence is not None:
            known &= confidence >= self._min_confidence
        return Item(
            index=frame,
            time=float(self.store.times[frame]),
            status=int(row["status"]),
            corrected=self._corrected[frame],
            shown=shown,
            mask=mask,
            box=np.where(shown[:, None], row["box"][:, columns].T, np.nan).astype(np.float32),
            score=np.where(shown, row["score"][columns], np.nan).astype(np.float32),
            presence=row["presence"][columns],
            position=np.where(known[:, :, None], position, np.nan).astype(np.float32),
            confidence=np.where(known, confidence, np.nan).astype(np.float32),
            visible=known & (row["visible"][:, columns].T != 0),
        )
