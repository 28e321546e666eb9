"""How results are told to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from earvid.spans import written

MAX_SPANS = 8  # an ear that flickers would fill the screen


def to_json(document: Any) -> str:
    """One JSON document; NaN, which JSON does not know, is an error."""
    return json.dumps(document, indent=2, allow_nan=False)


def ear_line(ear: dict[str, Any]) -> str:
    """Name, frames, mean score and absences of an ear, from its summary's plain values."""
    by_hand = ear.get("ruled_out", 0)
    said = f" (by hand on {_frames(by_hand)})" if by_hand else ""
    one = _one_with(ear.get("duplicate_of", {}))
    if not ear["visible"]:
        return f"  {ear['name']}: never seen{said}{one}"
    line = f"  {ear['name']}: visible on {_frames(ear['visible'])}"
    if ear["mean_score"] is not None:
        line += f", mean score {ear['mean_score']:.3f}"
    return line + (f", not visible on {spans(ear['absent'])}{said}{one}" if ear["absent"] else "")


def _one_with(others: dict[str, int]) -> str:
    """On how many of the frames without it an ear was seen in the place of another."""
    told = (f"one with {name} on {_frames(count)}" for name, count in others.items())
    return f" ({', '.join(told)})" if others else ""


def spans(half_open: Sequence[Sequence[int]]) -> str:
    """Write spans of frames as people do, the last frame included: ``3–4, 7``."""
    shown = [written(first, stop) for first, stop in half_open[:MAX_SPANS]]
    more = len(half_open) - len(shown)
    return ", ".join(shown) + (f" and {more} more spans" if more else "")


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"
