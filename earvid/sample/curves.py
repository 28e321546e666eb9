"""Smooth curves through points, and distances to them."""

import numpy as np
import numpy.typing as npt

from earvid.sample.planes import Plane, Points

Complex = npt.NDArray[np.complex64]  # places: x + iy

PER_SPAN = 8  # samples from one control point to the next
_CHUNK = 1 << 13  # pixels per distance block: keeps the block in a core's cache


def through(points: Points, *, closed: bool = False) -> Points:
    """A Catmull-Rom curve through `points`.

    Args:
        points: (N, 2), at least two.
        closed: The curve returns to its first point, which is not repeated.

    Returns:
        (8 (N - 1) + 1, 2), or (8 N, 2) when closed. Every eighth sample is a given point.
    """
    if closed:
        around = np.vstack([points[-1:], points, points[:2]])
    else:
        around = np.vstack([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    p0, p1, p2, p3 = (around[i : len(around) - 3 + i, None] for i in range(4))
    t = (np.arange(PER_SPAN) / PER_SPAN)[:, None]
    cubic = (3 * (p1 - p2) + p3 - p0) * t**3 + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
    spans = 0.5 * (cubic + (p2 - p0) * t + 2 * p1)
    curve: Points = spans.reshape(-1, 2)
    return curve if closed else np.vstack([curve, points[-1:]])


def distance(x: Plane, y: Plane, curve: Points) -> tuple[Plane, Plane]:
    """Distance from every pixel to a curve, and where along it the nearest point lies.

    Args:
        x: (H, W) coordinates of the pixels.
        y: (H, W).
        curve: (N, 2) dense.

    Returns:
        (H, W) distance and (H, W) position, from 0 at the first point to 1 at the last.
    """
    line = (curve[:, 0] + 1j * curve[:, 1]).astype(np.complex64)
    pixels = (x + np.complex64(1j) * y).ravel()
    blocks = [_nearest(pixels[i : i + _CHUNK], line) for i in range(0, len(pixels), _CHUNK)]
    gap, along = (np.concatenate(part).reshape(x.shape) for part in zip(*blocks, strict=True))
    return gap, along / np.float32(len(curve) - 1)


def _nearest(pixels: Complex, line: Complex) -> tuple[Plane, Plane]:
    """(P,) distance, and position in samples: the nearest sample, refined on either side of it."""
    dot = np.stack([pixels.real, pixels.imag], axis=1) @ np.stack([line.real, line.imag])
    # Half the square of the distance, less the pixel's own square, which decides nothing.
    nearest = (np.abs(line) ** 2 / 2 - dot).argmin(axis=1)
    before, before_at = _on_segment(pixels, line, (nearest - 1).clip(0))
    after, after_at = _on_segment(pixels, line, nearest.clip(None, len(line) - 2))
    return np.minimum(before, after), np.where(before < after, before_at, after_at)


def _on_segment(pixels: Complex, line: Complex, start: npt.NDArray[np.intp]) -> tuple[Plane, Plane]:
    """Distance to a segment each, and the position on the line in samples."""
    along = np.diff(line)[start]
    offset = pixels - line[start]
    share = ((offset * along.conj()).real / np.abs(along) ** 2).clip(0, 1)
    return np.abs(offset - share * along), (start + share).astype(np.float32)
