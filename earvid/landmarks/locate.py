"""Finding an ear again after it was covered or away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.chart import (
    KNOTS,
    SIDE,
    SMALL,
    Cover,
    Float,
    Gray,
    Placed,
    apply,
    even,
    gray_of,
)

TURNS = (-0.35, 0.0, 0.35)  # radians
SIZES = (0.85, 1.0, 1.18)
TRIED = 3  # places that are worth a closer look
LEAST = 0.15  # correlation of a place that is
_PER = SIDE // SMALL  # chart pixels per pixel of the search
_MARGIN = 24  # of the search around the chart, its own pixels


class Locator:
    """Searches for the ear of a keyframe in other frames, as one small picture.

    Args:
        chart: of the keyframe.
        points: ``(N, 2)`` in it.
    """

    def __init__(self, chart: Gray, points: Float) -> None:
        small = cv2.resize(chart, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
        low = np.clip(np.floor(points.min(0) / _PER) - 1, 0, SMALL - 4).astype(int)
        high = np.clip(np.ceil(points.max(0) / _PER) + 2, low + 4, SMALL).astype(int)
        self._template = np.ascontiguousarray(small[low[1] : high[1], low[0] : high[0]])
        self._low = low
        self._center = (points.min(0) + points.max(0)) / 2
        self._side = float(np.ptp(points, axis=0).max())

    def candidates(
        self, image: NDArray[np.uint8], cover: Cover | None, last: Placed
    ) -> list[Placed]:
        """Places at which the ear may be, the likeliest first.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or ``(H, W)`` gray.
            cover: the mask, if it is known.
            last: where the ear was seen with certainty.
        """
        center, scales = self._expected(image, cover, last)
        gray = gray_of(image)
        base = float(np.arctan2(last.affine[1, 0], last.affine[0, 0]))
        bases = (0.0, base) if abs(base) > TURNS[-1] / 2 else (0.0,)
        turns = [start + turn for start in bases for turn in TURNS]
        found = [self._search(gray, center, size, turn) for size in scales for turn in turns]
        found.sort(key=lambda one: -one[0])
        still = np.zeros((KNOTS * KNOTS, 2))
        return [Placed(affine, still) for score, affine in found[:TRIED] if score > LEAST]

    def _expected(
        self, image: NDArray[np.uint8], cover: Cover | None, last: Placed
    ) -> tuple[Float, list[float]]:
        """The middle of the search, and sizes: as it was last, and as the mask has it."""
        scales = [last.scale * s for s in SIZES]
        if cover is None:
            return apply(last.affine, self._center[None])[0], scales
        x0, y0, x1, y1 = cover.box()
        masked = max(x1 - x0, y1 - y0) / self._side
        for size in SIZES:
            if all(abs(np.log(masked * size / s)) > 0.1 for s in scales):
                scales.append(masked * size)
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2]), scales

    def _search(self, gray: Gray, center: Float, scale: float, turn: float) -> tuple[float, Float]:
        """The best place at one size and turn."""
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        origin = center - linear @ self._center
        corner = np.full(2, -_MARGIN * _PER + (_PER - 1) / 2)
        matrix = np.column_stack([linear * _PER, origin + linear @ corner])
        side = SMALL + 2 * _MARGIN
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(
            gray, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        flat = even(np.asarray(part, np.uint8), 1)
        scores = cv2.matchTemplate(flat, self._template, cv2.TM_CCOEFF_NORMED)
        _, best, _, place = cv2.minMaxLoc(scores)
        shift = (np.array(place) - _MARGIN - self._low) * float(_PER)
        return float(best), np.column_stack([linear, origin + linear @ shift])
