"""A picture of how memory policies compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from earvid.evaluate.memory_report import MemoryReport, Row

_PARTS: tuple[tuple[str, Callable[[Row], float | None]], ...] = (
    ("J&F", lambda row: row.j_and_f),
    ("J&F after a return", lambda row: row.j_and_f_after_return),
    ("share of absent frames painted", lambda row: row.false_presence),
)


def plot_memory(report: MemoryReport, path: Path) -> None:
    """Draw J&F, J&F after returns and false presence by kind and policy; needs matplotlib.

    Args:
        report: what was measured.
        path: of the PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 8.4), layout="constrained")
    FigureCanvasAgg(drawn)
    places = np.arange(len(report.kinds))
    width = 0.8 / len(report.policies)
    for axes, (title, value) in zip(drawn.subplots(3, 1), _PARTS, strict=True):
        for number, policy in enumerate(report.policies):
            values = [value(report.row(policy, kind)) for kind in report.kinds]
            heights = [np.nan if one is None else one for one in values]
            axes.bar(places + number * width, heights, 0.9 * width, label=policy)
        axes.set(title=title, ylim=(0, 1))
        axes.set_xticks(places + 0.4 - width / 2, report.kinds)
    drawn.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(report.policies)
    )
    drawn.savefig(path, dpi=110)
