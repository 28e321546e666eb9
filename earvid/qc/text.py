"""Numbers as people read them, and colors as style sheets name them."""

from __future__ import annotations

import math

from earvid.store import PALETTE


def percent(share: float) -> str:
    """A share; a dash where there is none."""
    if math.isnan(share):
        return "–"
    text = f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
    return "< 1\N{NO-BREAK SPACE}%" if share and text[0] == "0" else text


def number(value: float) -> str:
    """A score; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def clock(seconds: float) -> str:
    """A time: ``4.8 s``, ``12:04``, ``1:02:03``."""
    if seconds < 59.95:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def frames_in_words(start: int, stop: int) -> str:
    """A half-open span of frames, the last frame included."""
    return f"frame {start}" if stop - start == 1 else f"frames {start}–{stop - 1}"


def ear_color(object_id: int) -> int:
    """Number of an ear's color, from 1."""
    return (object_id - 1) % len(PALETTE) + 1
