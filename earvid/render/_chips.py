"""Text on dark plates, placed so that plates do not cover each other."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from earvid.render._draw import SHADE, Image
from earvid.render._style import Color, Sizes

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE: Color = (245, 245, 245)
PLATE_OPACITY = 0.65

Rect = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass
class ChipLayer:
    """The plates of one frame.

    Args:
        image: (H, W, 3) uint8 RGB, changed in place.
        sizes: Of text and padding.
    """

    image: Image
    sizes: Sizes
    taken: list[Rect] = field(default_factory=list)

    def top_left(self, text: str, ink: Color = WHITE) -> None:
        """Put a plate into the top left corner."""
        width, height = self._extent(text, swatch=False)
        self._draw((self.sizes.pad, self.sizes.pad, width, height), text, ink, None)

    def bottom_left(self, text: str, ink: Color = WHITE, swatch: Color | None = None) -> None:
        """Put a plate into the bottom left corner, above those that are there."""
        width, height = self._extent(text, swatch is not None)
        y = self.image.shape[0] - self.sizes.pad - height
        while y > 0 and self._collides((self.sizes.pad, y, width, height)):
            y -= 1
        self._draw((self.sizes.pad, y, width, height), text, ink, swatch)

    def beside(self, box: tuple[float, float, float, float], text: str, swatch: Color) -> None:
        """Put a plate above a box, or where there is room near it."""
        width, height = self._extent(text, swatch=True)
        places = [self._clamped(place, width, height) for place in self._around(box, width, height)]
        free = [place for place in places if not self._collides(place)]
        self._draw((free or places)[0], text, WHITE, swatch)

    def _around(
        self, box: tuple[float, float, float, float], width: int, height: int
    ) -> list[tuple[float, float]]:
        x0, y0, x1, y1 = box
        gap = self.sizes.pad
        above, below = y0 - gap - height, y1 + gap
        places = [(x0, above), (x0, below), (x1 + gap, y0), (x0 - gap - width, y0)]
        fits = [place for place in places if 0 <= place[1] <= self.image.shape[0] - height]
        return fits or [(x0, above)]

    def _clamped(self, place: tuple[float, float], width: int, height: int) -> Rect:
        room_y, room_x = self.image.shape[0] - height, self.image.shape[1] - width
        x, y = np.clip(place, 0, (max(room_x, 0), max(room_y, 0)))
        return round(x), round(y), width, height

    def _collides(self, rect: Rect) -> bool:
        x, y, width, height = rect
        return any(
            x < other_x + other_width
            and other_x < x + width
            and y < other_y + other_height
            and other_y < y + height
            for other_x, other_y, other_width, other_height in self.taken
        )

    def _extent(self, text: str, swatch: bool) -> tuple[int, int]:
        (width, height), base = cv2.getTextSize(text, FONT, self.sizes.font, self.sizes.weight)
        side = _swatch_side(height) + self.sizes.pad if swatch else 0
        return width + side + 2 * self.sizes.pad, height + base + self.sizes.pad

    def _draw(self, rect: Rect, text: str, ink: Color, swatch: Color | None) -> None:
        x, y, _, height = rect
        self.taken.append(rect)
        self._shade(rect)
        (_, rise), base = cv2.getTextSize(text, FONT, self.sizes.font, self.sizes.weight)
        left, line = x + self.sizes.pad, y + (height + rise - base // 2) // 2
        if swatch is not None:
            side = _swatch_side(rise)
            cv2.rectangle(self.image, (left, line - side), (left + side, line), swatch, -1)
            left += side + self.sizes.pad
        weight, kind = self.sizes.weight, cv2.LINE_AA
        cv2.putText(self.image, text, (left, line), FONT, self.sizes.font, ink, weight, kind)

    def _shade(self, rect: Rect) -> None:
        x, y, width, height = rect
        part = self.image[max(y, 0) : y + height, x : x + width]
        part[:] = np.round(part * (1 - PLATE_OPACITY) + np.array(SHADE) * PLATE_OPACITY)


def _swatch_side(rise: int) -> int:
    """Match the height of capitals, which is less than that of the tallest letters."""
    return round(0.8 * rise)
