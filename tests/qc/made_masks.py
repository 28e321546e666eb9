"""Masks of which it is known what is wrong with them."""

from __future__ import annotations

import numpy as np

FRAMES, JUMP, BACK, AWAY, RETURN = 100, 40, 46, 70, 85
"""Of `doubtful`: the mask jumps to another place and comes back, then the ear is away."""


def ellipse(x, y, width=24, height=40, shape=(120, 160)):
    """A mask of an ear-like size."""
    rows, columns = np.indices(shape)
    inside = ((columns - x) / (width / 2)) ** 2 + ((rows - y) / (height / 2)) ** 2 <= 1
    return inside.astype(np.uint8)


def doubtful():
    """An ear that drifts slowly, is elsewhere on a few frames, and is away for a while."""
    masks = []
    for t in range(FRAMES):
        x = 60 + 0.2 * t
        if JUMP <= t < BACK:
            masks.append(ellipse(x + 60, 80, 16, 16))
        elif AWAY <= t < RETURN:
            masks.append(np.zeros((120, 160), np.uint8))
        else:
            masks.append(ellipse(x, 60))
    return masks
