"""Spans of frames as they are written: the last frame counts, whatever they are in memory."""

from __future__ import annotations


def written(first: int, stop: int) -> str:
    """A half-open span for people: ``3–4``, or ``7`` alone."""
    return f"{first}–{stop - 1}" if stop - first > 1 else str(first)


def spelled(first: int, stop: int) -> str:
    """A half-open span for programs, always with both ends: ``3-4``, ``7-7``."""
    return f"{first}-{stop - 1}"
