"""Pictures of frames without any plotting library."""

from __future__ import annotations

from base64 import b64encode

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.store import PALETTE, PROXY_STEP, Store

JPEG_QUALITY = 80
Image = NDArray[np.uint8]


def gray_frame(store: Store, index: int) -> Image:
    """(H, W, 3) uint8: the store's small gray copy of a frame, enlarged to the frame's size."""
    gray = np.asarray(store.proxy[index], np.uint8)
    size = gray.shape[1] * PROXY_STEP, gray.shape[0] * PROXY_STEP
    large = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    whole = large[: store.height, : store.width]
    return np.repeat(whole[:, :, None], 3, axis=2)


def outlined(image: Image, labels: Image, width: int) -> Image:
    """A small copy of a frame with the outlines of its ears.

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 ids of ears.
        width: of the copy, pixels; a smaller frame keeps its size.
    """
    scale = min(1.0, width / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    shapes = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    for object_id in np.unique(shapes[shapes > 0]).tolist():
        region = (shapes == object_id).astype(np.uint8)
        outlines, _ = cv2.findContours(region, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        color = PALETTE[(object_id - 1) % len(PALETTE)]
        cv2.drawContours(small, outlines, -1, color, 1, cv2.LINE_AA)
    return np.asarray(small, np.uint8)


def data_uri(image: Image) -> str:
    """A JPEG in a ``data:`` URI.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    return f"data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"
