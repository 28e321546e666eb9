"""A picture of how crops compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earvid.evaluate.roi_report import RoiReport
from earvid.evaluate.roi_settings import PARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLES = {
    "factor": "side of the crop over the ear's",
    "smoothing": "share of the old side that is kept",
    "size": "side of the model's input, pixels",
}


def plot_roi(report: RoiReport, path: Path) -> None:
    """Draw J&F over factor, smoothing and input size, one line a group; needs matplotlib.

    Args:
        report: what was measured.
        path: of the PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    varied = [part for part in PARTS if len(report.plan.along(part)) > 1] or list(PARTS[:1])
    drawn = Figure(figsize=(3.8 * len(varied) + 1, 4.4), layout="constrained")
    FigureCanvasAgg(drawn)
    panels: Sequence[Axes] = drawn.subplots(1, len(varied), sharey=True, squeeze=False)[0]
    for axes, part in zip(panels, varied, strict=True):
        _draw(report, part, axes)
    panels[0].set_ylabel("J&F")
    drawn.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(report.groups) + 2,
    )
    drawn.savefig(path, dpi=110)


def _draw(report: RoiReport, part: str, axes: Axes) -> None:
    settings = sorted(report.plan.along(part), key=lambda one: float(getattr(one, part)))
    values = [getattr(one, part) for one in settings]
    rows = [report.row(one) for one in settings]
    for group in report.groups:
        axes.plot(values, [row.by_group[group] for row in rows], "o-", label=group, alpha=0.7)
    if len(report.groups) > 1:
        axes.plot(values, [row.j_and_f for row in rows], "ko-", lw=2.5, label="mean of all")
    default = getattr(report.plan.default, part)
    axes.axvline(default, color="gray", ls=":", label="default")
    axes.set(title=_TITLES[part], xlabel=part)
    axes.set_xticks(values)
