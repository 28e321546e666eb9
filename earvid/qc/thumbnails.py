"""Small pictures of an ear on single frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.store import PALETTE, PROXY_STEP, Store
from earvid.video import Clip, Frame

MARGIN = 0.4  # around the ear, as a share of its longer side
OUTLINE = 0.01  # width of its outline, likewise of the picture


def ear_thumbnail(
    store: Store, clip: Clip | None, index: int, object_id: int, side: int = 160
) -> NDArray[np.uint8]:
    """Cut an ear out of a frame, with its outline.

    Args:
        store: of the clip.
        clip: the frames; without it, or where it is damaged, the store's gray ones are shown.
        index: of the frame.
        object_id: which ear; without a mask there, the whole frame is shown.
        side: of the picture.

    Returns:
        ``(side, side, 3)`` uint8 RGB; black beyond the frame.
    """
    frame = None if clip is None else clip.frame(index)
    if frame is None or frame.damaged:
        frame = Frame(index, float(store.times[index]), gray_frame(store, index))
    return thumbnail(store, frame, object_id, side)


def thumbnail(store: Store, frame: Frame, object_id: int, side: int) -> NDArray[np.uint8]:
    """The same, of a frame that has been read.

    Args:
        store: of the clip.
        frame: the frame.
        object_id: which ear.
        side: of the picture.
    """
    mask = store.mask(frame.index) == object_id
    x, y, length = _region(mask)
    small = _cut(frame.image, x, y, length, side, cv2.INTER_AREA)
    shape = _cut(mask.astype(np.uint8), x, y, length, side, cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(shape, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    color = PALETTE[(object_id - 1) % len(PALETTE)]
    cv2.drawContours(small, outlines, -1, color, max(1, round(OUTLINE * side)), cv2.LINE_AA)
    return small


def gray_frame(store: Store, index: int) -> NDArray[np.uint8]:
    """The store's small gray frame, enlarged to the size of the frame.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    gray = np.asarray(store.proxy[index], np.uint8)
    size = (gray.shape[1] * PROXY_STEP, gray.shape[0] * PROXY_STEP)
    large = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    whole = large[: store.height, : store.width]
    return np.repeat(whole[:, :, None], 3, axis=2)


def _region(mask: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Left, top and side of the square to show: around the mask, or all of the frame."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    margin = 1 + 2 * MARGIN
    if not width:
        x, y, (height, width), margin = 0, 0, mask.shape, 1.0
    length = max(1, round(max(width, height) * margin))
    return x + (width - length) // 2, y + (height - length) // 2, length


def _cut(
    image: NDArray[np.uint8], x: int, y: int, length: int, side: int, interpolation: int
) -> NDArray[np.uint8]:
    """Cut a square out, black beyond the frame, and bring it to a size."""
    square = np.zeros((length, length, *image.shape[2:]), np.uint8)
    top, left = max(0, -y), max(0, -x)
    part = image[max(0, y) : y + length, max(0, x) : x + length]
    square[top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.asarray(cv2.resize(square, (side, side), interpolation=interpolation), np.uint8)
