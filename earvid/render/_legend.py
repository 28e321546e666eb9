"""A strip that says what the marks of a picture mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from earvid.render._chips import FONT, WHITE
from earvid.render._draw import Image, draw_dot
from earvid.render._marks import SURE, StoreLike
from earvid.render._style import Color, Style

Sign = Literal["square", "dot", "ring", "none"]

GAP = 6
LINE = 22  # pixels from one line of text to the next
SIGN = 12  # pixels across a sign
SCALE = 0.42  # of the font
DOT: Color = (225, 225, 225)  # landmarks have the colors of all ears


@dataclass(frozen=True)
class Entry:
    """A sign and what it means.

    Args:
        text: In a few words.
        sign: What is drawn before it.
        color: RGB of the sign.
    """

    text: str
    sign: Sign = "none"
    color: Color = WHITE

    @property
    def width(self) -> int:
        """In pixels, with the space behind it."""
        (width, _), _ = cv2.getTextSize(self.text, FONT, SCALE, 1)
        return int(width) + 3 * GAP + (0 if self.sign == "none" else SIGN + GAP)


def entries_for(store: StoreLike, style: Style) -> list[Entry]:
    """What the pictures of a store show.

    Args:
        store: Whose ears are drawn.
        style: What is drawn of them.
    """
    ears = zip(store.object_ids, store.object_names, strict=True)
    entries = [Entry(name, "square", style.color(int(number))) for number, name in ears]
    if style.labels:
        entries.append(Entry("number: score of the mask, 0 to 1"))
    if style.landmarks and len(store.keypoints):
        entries.append(Entry("landmark", "dot", DOT))
        entries.append(Entry(f"landmark that is hidden, or less sure than {SURE:g}", "ring", DOT))
    return entries


def legend(entries: Sequence[Entry], width: int, background: int) -> Image:
    """Draw entries side by side, on as many lines as they need.

    Args:
        entries: At least one.
        width: Of the strip, in pixels.
        background: Gray value.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    lines = list(_lines(entries, width - GAP))
    strip = np.full((len(lines) * LINE + GAP, width, 3), background, np.uint8)
    for number, line in enumerate(lines):
        x = GAP
        for entry in line:
            _draw(strip, entry, x, number * LINE + LINE // 2)
            x += entry.width
    return strip


def _lines(entries: Sequence[Entry], width: int) -> Iterator[list[Entry]]:
    line: list[Entry] = []
    for entry in entries:
        if line and sum(one.width for one in (*line, entry)) > width:
            yield line
            line = []
        line.append(entry)
    yield line


def _draw(strip: Image, entry: Entry, x: int, middle: int) -> None:
    half = SIGN // 2
    if entry.sign == "square":
        cv2.rectangle(strip, (x, middle - half), (x + SIGN, middle + half), entry.color, -1)
    elif entry.sign != "none":
        place = np.array([x + half, middle], float)
        draw_dot(strip, place, half - 2, entry.color, filled=entry.sign == "dot")
    left = x if entry.sign == "none" else x + SIGN + GAP
    cv2.putText(strip, entry.text, (left, middle + 4), FONT, SCALE, WHITE, 1, cv2.LINE_AA)
