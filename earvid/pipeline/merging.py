"""Records of which some ears are new and the others those of an earlier store."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from earvid.pipeline.changes import Changes
from earvid.pipeline.marks import Marks
from earvid.pipeline.records import RecordMaker
from earvid.store import CORRECTED, DONE, FrameRecord, Store
from earvid.tracker import FrameResult, LabeledFrame, ObjectResult, label_frame
from earvid.tracker.results import SHARED, mask_box, shared

_PER_EAR = ("box", "score", "presence", "area", "duplicate_of")  # arrays whose last axis is the ear


class Merger:
    """Joins what was tracked anew with what a store holds; see :mod:`earvid.pipeline.changes`.

    Args:
        maker: builds records for the new prompt.
        old: the store that is corrected.
        changes: of the prompt, in this correction.
    """

    def __init__(self, maker: RecordMaker, old: Store, changes: Changes) -> None:
        self._maker, self._old, self._changes = maker, old, changes
        self._by_hand = old.corrected
        columns = {object_id: m for m, object_id in enumerate(old.object_ids)}
        # Ears that were there before: their place now, and then.
        self._places = {
            ear.id: (n, columns[ear.id])
            for n, ear in enumerate(maker.prompt.objects)
            if ear.id in columns
        }
        shared = [name for name in maker.keypoints if name in old.keypoints]
        self._points_now = [maker.keypoints.index(name) for name in shared]
        self._points_then = [old.keypoints.index(name) for name in shared]

    def record(self, index: int, results: Mapping[int, ObjectResult], marks: Marks) -> FrameRecord:
        """Build the record of one frame.

        Args:
            index: of the frame.
            results: the ears that were tracked anew on it; the others are kept.
            marks: the landmarks of the former.
        """
        old = self._old
        kept = [object_id for object_id in self._places if object_id not in results]
        labeled = self._labeled(old.mask(index), results, kept)
        gray = np.asarray(old.proxy[index], np.uint8)
        tracked = FrameResult(index, dict(results))
        record = self._maker.assemble(tracked, labeled, marks, gray, self._status(index))
        for object_id in kept:
            self._keep(record, *self._places[object_id])
        return record

    def _status(self, index: int) -> int:
        """Whether a person came back to a frame, in this correction or before.

        Before, to an ear that is said to be there again, does not count.
        """
        if index in self._changes.corrected:
            return CORRECTED
        back = {i for i, frames in self._changes.back.items() if index in frames}
        if not back:
            return int(self._old.tracks.status[index])
        others = [m for m, object_id in enumerate(self._old.object_ids) if object_id not in back]
        return CORRECTED if self._by_hand[index, others].any() else DONE

    def _labeled(
        self, mask: NDArray[np.uint8], results: Mapping[int, ObjectResult], kept: list[int]
    ) -> LabeledFrame:
        """Draw the new masks beneath those that are kept; one in the place of such, not at all."""
        if not results:
            return LabeledFrame(mask, {}, {})
        maker = self._maker
        drawn = label_frame(results.values(), maker.width, maker.height, tidy=maker.tidy)
        duplicates = {**drawn.duplicates, **_in_place_of(mask, kept, drawn)}
        new = np.where(np.isin(drawn.labels, list(duplicates)), 0, drawn.labels)
        labels = np.where(np.isin(mask, kept), mask, new)
        areas = {i: int(np.count_nonzero(labels == i)) for i in drawn.areas}
        boxes = {i: mask_box(labels == i) if area else None for i, area in areas.items()}
        return LabeledFrame(labels, boxes, areas, duplicates)

    def _keep(self, record: FrameRecord, now: int, then: int) -> None:
        """Copy all that the store knows of an ear on this frame."""
        old, index = self._old.tracks, record.index
        for name in _PER_EAR:
            getattr(record, name)[..., now] = getattr(old, name)[index, ..., then]
        slots = old.memory.shape[2]
        record.memory[now, :slots] = old.memory[index, then]
        points_now, points_then = self._points_now, self._points_then
        record.position[:, points_now, now] = old.position[index][:, points_then, then]
        record.confidence[points_now, now] = old.confidence[index][points_then, then]
        record.visible[points_now, now] = old.visible[index][points_then, then]


def _in_place_of(mask: NDArray[np.uint8], kept: list[int], drawn: LabeledFrame) -> dict[int, int]:
    """Of each new mask that shares the place of one that is kept, that one."""
    found: dict[int, int] = {}
    whole = (slice(0, mask.shape[0]), slice(0, mask.shape[1]))
    for new, area in drawn.areas.items():
        place = drawn.labels == new
        for old in np.unique(mask[place]).tolist() if area else ():
            if old in kept and shared(place, whole, mask == old, whole) >= SHARED:
                found[new] = old
    return found
