"""What tracking a frame gives, and its masks at the size of the frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.tracker.roi import Roi

Box = tuple[float, float, float, float]
SPECK = 0.1  # pieces of a mask smaller than this share of the largest are noise


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
    """

    labels: NDArray[np.uint8]
    boxes: dict[int, Box | None]
    areas: dict[int, int]


def label_frame(
    results: Iterable[ObjectResult], width: int, height: int, *, tidy: bool = True
) -> LabeledFrame:
    """Draw the masks of all ears into one label image; where two overlap the higher logit wins.

    Args:
        results: the ears.
        width: of the frame.
        height: of the frame.
        tidy: drop specks. Off, the masks are those of the logits to the pixel.
    """
    labels = np.zeros((height, width), np.uint8)
    winning: NDArray[np.float32] | None = None
    shown = [r for r in results if r.present]
    places: dict[int, tuple[slice, slice]] = {}
    if len(shown) > 1:
        winning = np.zeros((height, width), np.float32)
    for result in shown:
        logits, where = result.patch(width, height)
        mask = logits > 0
        if tidy:
            mask = without_specks(mask)
        if winning is not None:
            mask &= logits > winning[where]
            winning[where][mask] = logits[mask]
        labels[where][mask] = result.object_id
        places[result.object_id] = where
    masks = {n: labels[where] == n for n, where in places.items()}
    areas = {n: int(np.count_nonzero(mask)) for n, mask in masks.items()}
    boxes = {n: _box_in(mask, places[n]) if areas[n] else None for n, mask in masks.items()}
    return LabeledFrame(labels, boxes, areas)


def without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop pieces that are much smaller than the largest; hair may split an ear in a few."""
    bytes_ = mask.view(np.uint8)
    if _pieces(bytes_) <= 1:
        return mask
    _, parts, stats, _ = cv2.connectedComponentsWithStats(bytes_)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= SPECK * areas[1:].max()
    kept[0] = False  # the background
    return np.asarray(kept[parts], np.bool_)


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
