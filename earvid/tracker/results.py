"""What tracking a frame gives, and its masks at the size of the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.tracker.roi import Roi

Box = tuple[float, float, float, float]
SPECK = 0.1  # pieces of a mask smaller than this share of the largest are noise
SHARED = 0.4
"""Share of the smaller of two masks inside the other from which both are of one ear.

Two ears that touch, or pass each other, share the few pixels of a blurred outline, hardly a tenth;
two tracks of one ear on real clips share 0.7 and more on most frames, and the frames between on
which one of them is half lost are theirs, too.
"""


@dataclass(frozen=True, eq=False)
class ObjectResult:
    """One ear on one frame.

    Args:
        object_id: which ear.
        index: which frame.
        logits: ``(h, w)`` float32 mask logits over ``roi``; all -1024 when the ear is absent.
        roi: the region of the frame that the model saw.
        score: predicted IoU of the mask, 0..1.
        presence: probability that the ear is in view, 0..1; above 0.5 only when ``present``.
        present: the decision; when false the mask is empty.
        memory: frames whose memory maps conditioned this mask, keyframes first.
        keyframe: whether a prompt was given on this frame.
        duplicate_of: id of the ear that was seen in the same place and kept it, so that this one
            was not; 0 where there was none.
    """

    object_id: int
    index: int
    logits: NDArray[np.float32]
    roi: Roi
    score: float
    presence: float
    present: bool
    memory: tuple[int, ...]
    keyframe: bool
    duplicate_of: int = 0

    def patch(self, width: int, height: int) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
        """Mask logits of the region's part of the frame, and that part as (rows, columns)."""
        return self.roi.paste(self.logits, width, height)


@dataclass(frozen=True, eq=False)
class FrameResult:
    """All ears on one frame, by object id; an ear whose keyframe is still to come is missing."""

    index: int
    objects: dict[int, ObjectResult]


@dataclass(frozen=True, eq=False)
class LabeledFrame:
    """Masks at the size of the frame.

    Args:
        labels: ``(H, W)`` uint8 object ids, 0 = background.
        boxes: ``x0, y0, x1, y1`` of each object's mask, pixel centers; ``None`` without mask.
        areas: pixels of each object's mask.
        duplicates: of each ear whose mask was left out, the ear that kept the place.
    """

    labels: NDArray[np.uint8]
    boxes: dict[int, Box | None]
    areas: dict[int, int]
    duplicates: dict[int, int] = field(default_factory=dict)


def label_frame(
    results: Iterable[ObjectResult], width: int, height: int, *, tidy: bool = True
) -> LabeledFrame:
    """Draw the masks of all ears into one label image.

    Where the outlines of two ears overlap, the higher logit wins. Where they share a place
    (:data:`SHARED`), they are one ear, which is not dealt out between them: one mask is left out
    whole, that which was not prompted there or, of two that were not, that with the higher id.

    Args:
        results: the ears.
        width: of the frame.
        height: of the frame.
        tidy: drop specks. Off, the masks are those of the logits to the pixel.
    """
    labels = np.zeros((height, width), np.uint8)
    winning: NDArray[np.float32] | None = None
    patches = [_Patch.of(r, width, height, tidy=tidy) for r in results if r.present]
    duplicates = _duplicates(patches)
    patches = [one for one in patches if one.result.object_id not in duplicates]
    places: dict[int, tuple[slice, slice]] = {}
    if len(patches) > 1:
        winning = np.zeros((height, width), np.float32)
    for patch in patches:
        result, logits, mask, where = patch.result, patch.logits, patch.mask, patch.where
        if winning is not None:
            mask &= logits > winning[where]
            winning[where][mask] = logits[mask]
        labels[where][mask] = result.object_id
        places[result.object_id] = where
    masks = {n: labels[where] == n for n, where in places.items()}
    areas = {n: int(np.count_nonzero(mask)) for n, mask in masks.items()}
    boxes = {n: _box_in(mask, places[n]) if areas[n] else None for n, mask in masks.items()}
    return LabeledFrame(labels, boxes, areas, duplicates)


@dataclass(frozen=True, eq=False)
class _Patch:
    """The mask of one ear in its part of the frame."""

    result: ObjectResult
    logits: NDArray[np.float32]
    mask: NDArray[np.bool_]
    where: tuple[slice, slice]

    @classmethod
    def of(cls, result: ObjectResult, width: int, height: int, *, tidy: bool) -> _Patch:
        logits, where = result.patch(width, height)
        mask = logits > 0
        return cls(result, logits, without_specks(mask) if tidy else mask, where)


def _duplicates(patches: list[_Patch]) -> dict[int, int]:
    """Of each ear that shares a place with one that has the better claim to it, that one."""
    duplicates: dict[int, int] = {}
    # Not by score, which would let two tracks of one ear take turns.
    order = sorted(patches, key=lambda p: (not p.result.keyframe, p.result.object_id))
    for n, one in enumerate(order):
        for better in order[:n]:
            shares = shared(one.mask, one.where, better.mask, better.where) >= SHARED
            if better.result.object_id not in duplicates and shares:
                duplicates[one.result.object_id] = better.result.object_id
                break
    return duplicates


def shared(
    mask: NDArray[np.bool_],
    where: tuple[slice, slice],
    other: NDArray[np.bool_],
    there: tuple[slice, slice],
) -> float:
    """How much of the smaller of two masks lies inside the other.

    Args:
        mask: ``(h, w)``, of a part of the frame.
        where: that part, as ``(rows, columns)``.
        other: another mask, likewise.
        there: its part.

    Returns:
        0 to 1; 0 where one of them is empty.
    """
    top, left = (max(a.start, b.start) for a, b in zip(where, there, strict=True))
    bottom, right = (min(a.stop, b.stop) for a, b in zip(where, there, strict=True))
    if top >= bottom or left >= right:
        return 0.0
    cut = [
        m[top - at[0].start : bottom - at[0].start, left - at[1].start : right - at[1].start]
        for m, at in ((mask, where), (other, there))
    ]
    common = int(np.count_nonzero(cut[0] & cut[1]))
    return common / min(np.count_nonzero(mask), np.count_nonzero(other)) if common else 0.0


def without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop pieces that are much smaller than the largest; hair may split an ear in a few."""
    return tidied(mask)[0]


def tidied(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """A mask without specks, and how whole it is.

    Args:
        mask: ``(h, w)``.

    Returns:
        the mask, and the share of it that is in its largest piece; 1 for one piece, or none.
    """
    bytes_ = mask.view(np.uint8)
    if _pieces(bytes_) <= 1:
        return mask, 1.0
    _, parts, stats, _ = cv2.connectedComponentsWithStats(bytes_)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max()
    kept[0] = False  # the background
    return np.asarray(kept[parts], np.bool_), float(areas[1:].max() / areas[kept].sum())


def _pieces(mask: NDArray[np.uint8]) -> int:
    """How many pieces a mask has; following their outlines is much faster than labeling pixels."""
    _, levels = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    # Outlines of pieces have no parent, those of holes do. OpenCV gives none for an empty mask.
    return 0 if levels is None else int(np.count_nonzero(levels[0, :, 3] < 0))


def _box_in(mask: NDArray[np.bool_], where: tuple[slice, slice]) -> Box | None:
    """The box, in the frame, of a mask of a part of it."""
    box, (x, y) = mask_box(mask), (where[1].start, where[0].start)
    return None if box is None else (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def mask_box(mask: NDArray[np.bool_]) -> Box | None:
    """The box ``x0, y0, x1, y1`` of a mask, pixel centers, or ``None`` when it is empty."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return None if w == 0 or h == 0 else (float(x), float(y), float(x + w - 1), float(y + h - 1))
