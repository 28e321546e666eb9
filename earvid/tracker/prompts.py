"""Prompts in the form that the model takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earvid.prompt import FramePrompt
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
