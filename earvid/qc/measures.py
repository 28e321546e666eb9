"""What is measured of every frame of a store, ear by ear, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earvid.qc.shapes import Shape, overlap, shape_of
from earvid.store import PENDING, Store
from earvid.store._errors import reading

BLOCK_BYTES = 64 * 2**20  # of masks that are read at a time

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Measures:
    """One ear on the T frames of a clip; NaN where there is nothing to measure.

    Args:
        object_id: its value in the masks.
        name: its name.
        times: ``(T,)`` seconds.
        done: ``(T,)`` frames that are tracked.
        seen: ``(T,)`` frames with a mask of it.
        prompted: ``(T,)`` its keyframes.
        given: ``(T,)`` frames that a person has decided: keyframes, unless the detector made them,
            and frames that are ruled out.
        corrected: ``(T,)`` frames on which it was corrected by hand.
        ruled_out: ``(T,)`` those of them on which a person said that it is not there.
        duplicate_of: ``(T,)`` name of the ear in whose place it was seen, and which kept it; empty
            where there was none.
        area: ``(T,)`` pixels of its mask; 0 where it is not seen.
        torn: ``(T,)`` frames on which the store says another area than that of its mask.
        score: ``(T,)`` predicted IoU of its mask.
        presence: ``(T,)`` probability that it is in view.
        box: ``(T, 4)`` x0, y0, x1, y1 in source-frame pixels.
        side: ``(T,)`` longer side of its box in pixels: its size.
        leap: ``(T,)`` way of its centroid since the frame before, in ear sizes.
        speed: ``(T,)`` the same per second.
        overlap: ``(T,)`` IoU with the mask of the frame before, moved onto it.
        apart: ``(T,)`` share of the mask that is not in its largest piece.
        at_border: ``(T,)`` whether the mask touches the border of the frame.
        confidence: ``(T,)`` median confidence of its landmarks; None if the store has none.
        visible: ``(T,)`` share of its landmarks that is visible, likewise.
    """

    object_id: int
    name: str
    times: Floats
    done: Flags
    seen: Flags
    prompted: Flags
    given: Flags
    corrected: Flags
    ruled_out: Flags
    duplicate_of: NDArray[np.str_]
    area: Floats
    torn: Flags
    score: Floats
    presence: Floats
    box: Floats
    side: Floats
    leap: Floats
    speed: Floats
    overlap: Floats
    apart: Floats
    at_border: Flags
    confidence: Floats | None
    visible: Floats | None

    def __len__(self) -> int:
        return len(self.times)


def measure(store: Store, progress: Progress = lambda done, total: None) -> tuple[Measures, ...]:
    """Measure all ears on the frames that are done.

    Args:
        store: complete or being written.
        progress: called with frames done and frames in all.

    Raises:
        StoreError: it is damaged.
    """
    status = np.minimum(np.asarray(store.status), store.tracks.status)
    shapes = [_ShapeSeries(len(store)) for _ in store.object_ids]
    for index, mask in _masks(store, status != PENDING):
        for series, object_id in zip(shapes, store.object_ids, strict=True):
            series.add(index, shape_of(mask, object_id))
        progress(index + 1, len(store))
    progress(len(store), len(store))
    return tuple(_ear(store, status, column, series) for column, series in enumerate(shapes))


def _masks(store: Store, done: Flags) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The masks of frames that are done, read in blocks of at most a shard."""
    frames = max(1, min(store.shard_length, BLOCK_BYTES // (store.width * store.height)))
    for shard in range(0, len(store), store.shard_length):
        for start in range(shard, min(shard + store.shard_length, len(store)), frames):
            stop = min(start + frames, shard + store.shard_length, len(store))
            if not done[start:stop].any():
                continue
            with reading(store.path, f"The masks of frames {start} to {stop - 1}"):
                block = np.asarray(store.masks[start:stop], np.uint8)
            yield from ((i, block[i - start]) for i in range(start, stop) if done[i])


class _ShapeSeries:
    """What the shapes of one ear tell, frame by frame."""

    def __init__(self, count: int) -> None:
        self.area = np.zeros(count)
        self.side, self.leap, self.overlap, self.apart = np.full((4, count), np.nan)
        self.at_border = np.zeros(count, bool)
        self._before: tuple[int, Shape] | None = None

    def add(self, index: int, shape: Shape | None) -> None:
        if shape is None:
            self._before = None
            return
        self.area[index], self.side[index] = shape.area, shape.side
        self.apart[index], self.at_border[index] = shape.apart, shape.at_border
        if self._before is not None and self._before[0] == index - 1:
            self._compare(index, self._before[1], shape)
        self._before = index, shape

    def _compare(self, index: int, before: Shape, after: Shape) -> None:
        way = np.hypot(*np.subtract(after.center, before.center))
        self.leap[index] = way / (0.5 * (before.side + after.side))
        self.overlap[index] = overlap(before, after)


def _ear(store: Store, status: NDArray[np.uint8], column: int, shapes: _ShapeSeries) -> Measures:
    done, tracks = status != PENDING, store.tracks
    prompted = _prompted(store, store.object_ids[column]) & done
    corrected = done & store.corrected[:, column]
    ruled_out = done & store.ruled_out[:, column]
    seconds = np.diff(store.times, prepend=np.nan)
    confidence, visible = _landmarks(store, done, column)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.where(seconds > 0, shapes.leap / seconds, np.nan)
    return Measures(
        object_id=store.object_ids[column],
        name=store.object_names[column],
        times=np.asarray(store.times, np.float64),
        done=done,
        seen=shapes.area > 0,
        prompted=prompted,
        given=(corrected if _was_found(store) else prompted) | ruled_out,
        corrected=corrected,
        ruled_out=ruled_out,
        duplicate_of=_duplicates(store, done, column),
        area=shapes.area,
        torn=done & (shapes.area != np.nan_to_num(tracks.area[:, column])),
        score=_known(tracks.score[:, column], done),
        presence=_known(tracks.presence[:, column], done),
        box=_known(tracks.box[:, :, column], done[:, None]),
        side=shapes.side,
        leap=shapes.leap,
        speed=speed,
        overlap=shapes.overlap,
        apart=shapes.apart,
        at_border=shapes.at_border,
        confidence=confidence,
        visible=visible,
    )


def _duplicates(store: Store, done: Flags, column: int) -> NDArray[np.str_]:
    names = np.full(256, "", object)
    names[list(store.object_ids)] = store.object_names
    return np.where(done, names[store.tracks.duplicate_of[:, column]], "").astype(np.str_)


def _known(values: NDArray[np.float32], done: Flags) -> Floats:
    return np.where(done, np.asarray(values, np.float64), np.nan)


def _landmarks(store: Store, done: Flags, column: int) -> tuple[Floats | None, Floats | None]:
    if not store.keypoints:
        return None, None
    confidence = np.asarray(store.tracks.confidence[:, :, column], np.float64)
    known = np.isfinite(confidence).any(axis=1) & done
    if not known.any():
        return None, None  # this ear has none, though another has
    middle = np.full(len(store), np.nan)
    middle[known] = np.nanmedian(confidence[known], axis=1)
    share = np.asarray(store.tracks.visible[:, :, column] != 0).mean(axis=1)
    return middle, np.where(done, share, np.nan)


def _prompted(store: Store, object_id: int) -> Flags:
    """The keyframes of an ear, by the provenance."""
    flags = np.zeros(len(store), bool)
    for ear in (store.provenance.get("prompt") or {}).get("objects", []):
        if ear.get("id") == object_id:
            frames = [int(index) for index in ear.get("frames", {})]
            flags[[index for index in frames if index < len(store)]] = True
    return flags


def _was_found(store: Store) -> bool:
    """Whether the first prompt came from the detector."""
    corrections = store.provenance.get("corrections") or [{}]
    return "found" in store.provenance or "found" in (corrections[0].get("before") or {})
