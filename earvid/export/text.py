"""Numbers in tables: as short as can be without loss, and nothing where there is none."""

from __future__ import annotations

import math

import numpy as np


def number(value: np.floating) -> str:
    """Write a number so that reading it in its own precision gives it back; NaN is empty."""
    return "" if math.isnan(value) else np.format_float_positional(value, trim="-")
