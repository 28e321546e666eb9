"""Smoothing landmarks in time, without a lag; what was tracked is kept as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError

ORDER = 2  # of the polynomials


def smooth_landmarks(position: NDArray[np.float32], window: int = 7) -> NDArray[np.float32]:
    """Smooth positions over time with a Savitzky-Golay filter, which has no lag.

    Each run of frames on which a landmark is known is smoothed by itself: nothing is carried over
    a gap, no gap is filled, and runs that are shorter than the window stay as they are.

    Args:
        position: ``(T, ...)``, NaN where not known, such as ``tracks/position``.
        window: frames, odd, at least 3.

    Raises:
        UsageError: the window makes no sense, or scipy is not installed.
    """
    try:
        from scipy.signal import savgol_filter
    except ImportError as error:
        raise UsageError(
            "Smoothing needs scipy; install it with: pip install 'earvid[analysis]'"
        ) from error
    if window < 3 or window % 2 == 0:
        raise UsageError(f"A window of {window} frames cannot be centered; give an odd number > 2.")
    smoothed = np.array(position, np.float32)
    flat = smoothed.reshape(len(position), -1)
    for column in flat.T:
        known = np.isfinite(column)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
        for first, stop in edges.reshape(-1, 2):
            if stop - first >= window:
                run = column[first:stop].astype(np.float64)
                column[first:stop] = savgol_filter(run, window, min(ORDER, window - 1))
    return smoothed
