"""A picture of the benchmark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.bench_report import MIB, BenchReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL_STAGES = ("encode", "attend", "decode mask", "memory", "landmarks")


def plot_bench(report: BenchReport, path: Path) -> None:
    """Draw time per frame, peak memory and the stages of the rows; needs matplotlib.

    Args:
        report: what was measured; rows of which no run was are left out.
        path: of the PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    report = replace(report, rows=[row for row in report.rows if report.runs[row.name]])
    names = [row.name for row in report.rows]
    places = np.arange(len(names))
    drawn = Figure(figsize=(11, 1.6 + 0.34 * len(names)), layout="constrained")
    FigureCanvasAgg(drawn)
    pace, memory, stages = drawn.subplots(1, 3, sharey=True)
    colors = ["tab:gray" if row.engine == "stock" else "tab:blue" for row in report.rows]
    for axes, title, values, how in (
        (pace, "seconds per frame", [_middle(report, name, pace=True) for name in names], "%.3g"),
        (memory, "peak memory, MiB", [_middle(report, name, pace=False) for name in names], "%.0f"),
    ):
        bars = axes.barh(places, values, color=colors)
        axes.bar_label(bars, fmt=how, padding=2, fontsize=8)
        axes.set(title=title, xscale="log" if axes is pace else "linear")
        axes.margins(x=0.2)
    _draw_stages(report, stages, places)
    drawn.legend(loc="outside lower center", ncols=len(MODEL_STAGES), fontsize=8)
    pace.set_yticks(places, names)
    pace.invert_yaxis()
    drawn.savefig(path, dpi=110)


def _middle(report: BenchReport, name: str, *, pace: bool) -> float:
    found = report.middle(name, lambda m: m.seconds_per_frame if pace else m.peak_bytes / MIB)
    return float("nan") if found is None else found


def _draw_stages(report: BenchReport, axes: Axes, places: NDArray[np.int64]) -> None:
    """Shares of the time; stages that run beside each other come to more than all of it."""
    left = np.zeros(len(places))
    for stage in MODEL_STAGES:
        shares = np.array(
            [
                runs[0].stages.get(stage, 0.0) / runs[0].wall_seconds
                for runs in (report.runs[row.name] for row in report.rows)
            ]
        )
        axes.barh(places, shares, left=left, label=stage)
        left += shares
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(title="time in stages, of the whole run")
