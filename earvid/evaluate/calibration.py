"""Whether confidences mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """What happened against what was promised, in bins of equal width over 0..1.

    Args:
        promised: ``(bins,)`` mean confidence of each bin; NaN where it is empty.
        seen: ``(bins,)`` mean outcome of each bin; NaN where it is empty.
        count: ``(bins,)`` how many fell into it.
    """

    promised: Floats
    seen: Floats
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean gap between promise and outcome, by count.

        As in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. NaN without data.
        """
        total = self.count.sum()
        if total == 0:
            return float("nan")
        gap = np.where(self.count > 0, np.abs(self.promised - self.seen), 0.0)
        return float((gap * self.count).sum() / total)


def reliability(confidence: Floats, outcome: Floats, bins: int = 10) -> Reliability:
    """Compare confidences with outcomes.

    Args:
        confidence: ``(N,)`` promised values, 0..1.
        outcome: ``(N,)`` what came: 0 or 1 for probabilities, the true IoU for predicted IoUs.
        bins: how many bins.

    Raises:
        ValueError: the two differ in length, or a confidence is NaN or outside 0..1.
    """
    confidence, outcome = np.asarray(confidence, float), np.asarray(outcome, float)
    if confidence.shape != outcome.shape or confidence.ndim != 1:
        raise ValueError("Confidences and outcomes must be two lists of one length.")
    if confidence.size and not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("A confidence is not between 0 and 1.")
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(where, minlength=bins)
    with np.errstate(invalid="ignore"):
        promised = np.bincount(where, confidence, bins) / count
        seen = np.bincount(where, outcome, bins) / count
    return Reliability(promised, seen, count.astype(np.int64))


def plot_reliability(parts: dict[str, Reliability], path: Path) -> None:
    """Draw reliability diagrams side by side as a PNG; needs matplotlib.

    Args:
        parts: title -> reliability.
        path: where to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(parts), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, part) in zip(
        figure.subplots(1, len(parts), squeeze=False)[0], parts.items(), strict=True
    ):
        bins = len(part.count)
        centers = (np.arange(bins) + 0.5) / bins
        share = part.count / max(1, part.count.sum())
        axes.bar(centers, share, 1 / bins, color="#d9dde3", label="share of frames")
        axes.plot([0, 1], [0, 1], color="#888888", lw=1)
        axes.plot(part.promised, part.seen, "o-", color="#1764ab", label="seen")
        axes.set(title=f"{title}: error {part.error:.3f}", xlabel="promised", ylabel="seen")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=110)
