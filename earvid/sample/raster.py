"""Contours to pixels, exactly: which share of each pixel lies within."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from earvid.sample.planes import Picture, Plane, Points

FINE = 8  # subpixels each way
_BAND = 64  # rows at a time: subpixels need 64 times the memory
_SHIFT = 4  # fractional bits of a subpixel

Pixel = npt.NDArray[np.int_]  # (2,) column and row
Mask = npt.NDArray[np.bool_]


def coverage(contours: Sequence[Points], width: int, height: int) -> Plane:
    """The share of every pixel that lies within any of the contours.

    Args:
        contours: Closed (N, 2) polygons, integer = pixel center.
        width: Pixels across.
        height: Pixels down.

    Returns:
        (height, width) from 0 to 1, in steps of 1/64.
    """
    bands = []
    for top in range(0, height, _BAND):
        size = np.array([width, min(_BAND, height - top)])
        bands.append(_counts(_subpixels(contours, np.array([0, top]), size)))
    share: Plane = np.vstack(bands) / np.float32(FINE * FINE)
    return share


def visible_mask(outline: Points, covers: Sequence[Points], width: int, height: int) -> Mask:
    """Pixels of which at least half lies within `outline` and within none of `covers`.

    Args:
        outline: Closed (N, 2) polygon, integer = pixel center; it may leave the frame.
        covers: Closed polygons of what is in front.
        width: Pixels across.
        height: Pixels down.
    """
    mask = np.zeros((height, width), bool)
    low = np.floor(outline.min(axis=0)).astype(int).clip(0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, (width, height))
    if (high <= low).any():
        return mask
    size = high - low
    seen = _subpixels([outline], low, size) & ~_subpixels(covers, low, size)
    mask[low[1] : high[1], low[0] : high[0]] = _counts(seen) * 2 >= FINE * FINE
    return mask


def inside_any(contours: Sequence[Points], points: Points) -> Mask:
    """(P,) which of the (P, 2) points lie within any of the contours."""
    polygons = [contour.astype(np.float32) for contour in contours]
    tests = [
        any(cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for polygon in polygons)
        for x, y in points
    ]
    return np.array(tests, bool)


def _counts(fine: Picture) -> Picture:
    """(h, w) how many of each pixel's 64 subpixels are set."""
    rows, columns = fine.shape[0] // FINE, fine.shape[1] // FINE
    counts: Picture = fine.reshape(rows, FINE, columns, FINE).sum(axis=(1, 3), dtype=np.uint8)
    return counts


def _subpixels(contours: Sequence[Points], low: Pixel, size: Pixel) -> Picture:
    """(8 h, 8 w) 0 or 1 over the window of `size` (w, h) that begins at pixel `low`."""
    columns, rows = size * FINE
    drawn = np.zeros((rows, columns), np.uint8)
    for contour in contours:
        fine = (contour - low + 0.5) * FINE - 0.5
        fixed = np.round(fine * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(drawn, [fixed], 1, shift=_SHIFT)
    return drawn
