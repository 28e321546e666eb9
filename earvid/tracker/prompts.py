"""Prompts in the form that the model takes."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker.results import Box, mask_box
from earvid.tracker.roi import Roi

BOX_LABELS = (2, 3)  # how SAM 2 calls a box's corners
FEW_LANDMARKS = 6  # fewer cannot tell the extent of an ear


def prompt_box(given: FramePrompt) -> Box | None:
    """The ear's box as far as a prompt tells it: by mask, box or landmarks, in this order."""
    if given.mask is not None:
        return mask_box(given.mask)
    if given.box is not None:
        return given.box
    if not (given.labels == 1).any() and len(given.landmarks) >= FEW_LANDMARKS:
        points = np.array(list(given.landmarks.values()))
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)
    return None


def ear_points(given: FramePrompt) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The clicks of a prompt, ``(P, 2)`` frame pixels and ``(P,)`` labels.

    Landmarks lie on the ear: where nothing else says where it is, they serve as clicks.
    """
    points, labels = given.points.reshape(-1, 2), given.labels
    if given.landmarks and not (labels == 1).any() and prompt_box(given) is None:
        marks = np.array(list(given.landmarks.values()), np.float32)
        points = np.concatenate([points, marks])
        labels = np.concatenate([labels, np.ones(len(marks), np.int32)])
    return points, labels


def to_model_points(
    given: FramePrompt, roi: Roi, size: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Turn a prompt's box and points into SAM 2's, box corners first.

    Args:
        given: the prompt, frame pixels.
        roi: the region that is encoded.
        size: side of the model's input.

    Returns:
        ``(P, 2)`` float32 pixels of the model's input and ``(P,)`` int32 labels.
    """
    coords, labels = ear_points(given)
    box = given.box
    if box is None and given.mask is None:
        box = prompt_box(given)
    if box is not None:
        corners = np.array(box, np.float32).reshape(2, 2)
        coords = np.concatenate([corners, coords])
        labels = np.concatenate([np.array(BOX_LABELS, np.int32), labels])
    return roi.to_model(coords, size), np.ascontiguousarray(labels, np.int32)


def prompted_together(prompt: Prompt) -> frozenset[frozenset[int]]:
    """Pairs of objects that a user prompted in one place, as a part of an ear beside the whole."""
    pairs = combinations(prompt.objects, 2)
    return frozenset(frozenset((one.id, other.id)) for one, other in pairs if _meet(one, other))


def _meet(one: ObjectPrompt, other: ObjectPrompt) -> bool:
    if not one.frames or not other.frames:
        return False  # one of them is nowhere
    # Of prompts far apart in time, ears that pass each other may be in one place.
    near = min(product(one.frames, other.frames), key=lambda pair: abs(pair[0] - pair[1]))
    boxes = prompt_box(one.frames[near[0]]), prompt_box(other.frames[near[1]])
    return boxes[0] is not None and boxes[1] is not None and _within(boxes[0], boxes[1]) > 0.5


def _within(one: Box, other: Box) -> float:
    """The larger share that either box has inside the other."""
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (one, other)]
    return max(width, 0.0) * max(height, 0.0) / max(min(areas), 1e-6)
