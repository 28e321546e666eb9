"""What all plots share: where they draw, and in which colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earvid.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
SKY, VERMILION, PURPLE = "#56B4E9", "#D55E00", "#CC79A7"
"""Colors of Okabe and Ito (2008), which people with any kind of color vision tell apart."""

EARS = (SKY, ORANGE, GREEN, PURPLE, VERMILION, BLUE)
"""Of the ears over a picture, by their place; repeated when there are more."""

LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
"""Of the ears on white."""

ABSENT, DOUBTFUL = "0.80", "#F7E3B5"
"""Of spans of time without the ear, and of those that are worth a look."""

TIME = "cividis"
"""Name of the colors of a course of time, or of a share."""


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The Axes to draw into.

    Args:
        ax: of the caller; None makes a figure.
        size: of that figure, inches.

    Raises:
        UsageError: matplotlib is not installed.
    """
    return ax if ax is not None else rows(1, size)[0]


def rows(count: int, size: tuple[float, float]) -> list[Axes]:
    """A figure with several Axes, one under another.

    Args:
        count: of the Axes.
        size: of each, inches.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise UsageError(
            "Plots need matplotlib; install it with: pip install 'earvid[plot]'"
        ) from error
    _, made = pyplot.subplots(
        count, figsize=(size[0], count * size[1]), layout="constrained", squeeze=False
    )
    return list(made[:, 0])


def colormap(name: str = TIME) -> Colormap:
    """Colors by their name, gray where there is no value."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad="0.6")


def stroke(width: float = 1.5, color: str = "black") -> list[Any]:
    """Path effects that set a line or text off from whatever picture is behind it."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width, foreground=color, alpha=0.7), Normal()]


def plain(ax: Axes) -> None:
    """Leave nothing but the two axes that carry numbers."""
    ax.spines[["top", "right"]].set_visible(False)
