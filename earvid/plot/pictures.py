"""Single frames: masks over the whole picture, and the landmarks of an ear close up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError
from earvid.landmarks import scheme_of
from earvid.library.frame import TrackedEar, TrackedFrame
from earvid.library.recording import Recording
from earvid.plot.canvas import BLUE, EARS, GREEN, ORANGE, PURPLE, SKY, axes, stroke
from earvid.render import are_sure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = (SKY, ORANGE, GREEN, PURPLE, BLUE)
"""Of the curves of a scheme of landmarks, in its order."""

FILL = 0.15  # opacity of a mask, so that the ear keeps its own color
MARGIN = 0.22  # around an ear that is shown close up, as a share of its longer side


def overlay(
    source: Recording | TrackedFrame,
    frame: int | None = None,
    *,
    ax: Axes | None = None,
    landmarks: bool = True,
    labels: bool = True,
) -> Axes:
    """Draw the ears of one frame over its picture.

    Args:
        source: a recording, or a frame of :func:`earvid.stream` or :meth:`Recording.frames`.
        frame: number of the frame of a recording.
        ax: to draw into; None makes a figure.
        landmarks: draw landmarks as dots, hollow where they are hidden or uncertain.
        labels: write name and score beside each ear.

    Raises:
        UsageError: there is no such frame, or matplotlib is not installed.
    """
    shown = frame_of(source, frame)
    height, width = shown.labels.shape
    ax = axes(ax, (7.2, 7.2 * height / width + 0.3))
    ax.imshow(shown.image, interpolation="antialiased")
    for place, ear in enumerate(shown.ears.values()):
        color = EARS[place % len(EARS)]
        draw_mask(ax, ear.mask, color)
        if landmarks:
            _draw_dots(ax, ear.landmarks, are_sure(ear.visible, ear.confidence), color, 7)
        if labels and ear.box is not None:
            _write_label(ax, ear, color)
    _write_title(ax, shown)
    ax.set_axis_off()
    return ax


def landmarks(
    source: Recording | TrackedFrame,
    frame: int | None = None,
    ear: str | None = None,
    *,
    ax: Axes | None = None,
    names: bool = False,
) -> Axes:
    """Draw the landmarks of one ear close up, along the curves of their scheme.

    Filled dots are visible; hollow ones are covered, turned away or of a confidence below 0.4.
    The smaller a dot, the lower its confidence.

    Args:
        source: a recording, or a frame.
        frame: number of the frame of a recording.
        ear: name; None is the only one.
        ax: to draw into; None makes a figure.
        names: write the name of every landmark beside it.

    Raises:
        UsageError: there is no such frame or ear, it has no landmarks there, or matplotlib is not
            installed.
    """
    shown = frame_of(source, frame)
    one = ear_of(shown, ear)
    known = np.asarray(np.isfinite(one.landmarks).all(axis=1))
    if not known.any():
        raise UsageError(
            f"No landmark of {one.name} is known on frame {shown.index}; choose another frame, or "
            f"track the clip with landmarks='auto'."
        )
    ax = axes(ax, (5.2, 5.6))
    ax.imshow(shown.image, interpolation="antialiased")
    draw_mask(ax, one.mask, "white", fill=0.0, width=1.0)
    scheme = scheme_of(_names(source, len(one.landmarks)))
    curves = scheme.contours or {"landmarks": tuple(range(len(one.landmarks)))}
    for number, (title, places) in enumerate(curves.items()):
        color = CURVES[number % len(CURVES)]
        points = one.landmarks[list(places)]
        if scheme.contours:
            ax.plot(
                points[:, 0],
                points[:, 1],
                color=color,
                lw=1.8,
                alpha=0.85,
                path_effects=stroke(3.0),
            )
        size = 10 + 26 * np.nan_to_num(one.confidence[list(places)])
        sure = are_sure(one.visible, one.confidence)[list(places)]
        _draw_dots(ax, points, sure, color, size, title)
    if names:
        _write_names(ax, one.landmarks, scheme.names)
    _zoom(ax, one, known)
    _write_title(ax, shown, one.name)
    if len(curves) > 1:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, frameon=False)
    ax.set_axis_off()
    return ax


def frame_of(source: Recording | TrackedFrame, frame: int | None) -> TrackedFrame:
    """The frame that is meant, in the store's gray where its clip is not at hand."""
    if isinstance(source, TrackedFrame):
        return source
    if frame is None:
        raise UsageError("Say which frame of the recording to draw, such as 30.")
    return source.frame(frame, gray=True)


def ear_of(shown: TrackedFrame, name: str | None) -> TrackedEar:
    """The ear that is meant.

    Raises:
        UsageError: there is no such ear, or none is named and there are several.
    """
    names = ", ".join(shown.ears)
    if name is None and len(shown.ears) > 1:
        raise UsageError(f"There are several ears; name one of {names}.")
    if name is not None and name not in shown.ears:
        raise UsageError(f"There is no ear {name!r}; choose from {names}.")
    return next(iter(shown.ears.values())) if name is None else shown.ears[name]


def draw_mask(
    ax: Axes,
    mask: NDArray[np.bool_],
    color: str,
    *,
    fill: float = FILL,
    width: float = 1.8,
    place: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> None:
    """Draw a mask as a tint and a smooth outline.

    Args:
        ax: to draw into.
        mask: (H, W) bool.
        color: of both.
        fill: opacity of the tint.
        width: of the outline, points.
        place: where pixel 0, 0 is drawn, x and y, and how large a pixel is.
    """
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if not w:
        return
    part = np.pad(mask[y : y + h, x : x + w].astype(np.float32), 3)
    soft = cv2.GaussianBlur(part, (0, 0), 0.8)
    left, top, scale = place
    across = left + scale * (np.arange(w + 6) + x - 3)
    down = top + scale * (np.arange(h + 6) + y - 3)
    if fill:
        ax.contourf(across, down, soft, [0.5, 2.0], colors=[color], alpha=fill)
    line = ax.contour(across, down, soft, [0.5], colors=[color], linewidths=width)
    line.set_path_effects(stroke(width + 1.4))


def _draw_dots(
    ax: Axes,
    points: NDArray[np.float32],
    sure: NDArray[np.bool_],
    color: str,
    size: Any,
    label: str | None = None,
) -> None:
    """Draw landmarks, hollow where they are not sure."""
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        return
    filled = sure[known]
    ax.scatter(
        points[known, 0],
        points[known, 1],
        s=np.broadcast_to(size, len(points))[known],
        facecolors=[color if one else "none" for one in filled],
        edgecolors=["black" if one else color for one in filled],
        linewidths=[0.5 if one else 1.1 for one in filled],
        zorder=3,
    )
    if label is not None:
        ax.plot([], [], "o-", color=color, ms=5, label=label)  # one that is visible, for the legend


def _write_label(ax: Axes, ear: TrackedEar, color: str) -> None:
    assert ear.box is not None
    x0, y0, _, _ = ear.box
    ax.annotate(
        f"{ear.name} {ear.score:.2f}",
        (x0, y0),
        xytext=(0, 4),
        textcoords="offset points",
        va="bottom",
        fontsize=9,
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": color, "edgecolor": "none", "alpha": 0.9},
    )


def _write_title(ax: Axes, shown: TrackedFrame, name: str = "") -> None:
    ears = [ear for ear in shown.ears.values() if name in ("", ear.name)]
    notes = [f"{ear.name} not seen" for ear in ears if not ear.seen]
    notes += [f"{ear.name} corrected by hand" for ear in ears if ear.corrected]
    if shown.damaged:
        notes.append("damaged frame")
    first = f"{name}, " if name else ""
    text = f"{first}frame {shown.index}, {shown.time:.2f} s"
    ax.set_title(" · ".join([text, *notes]), loc="left", fontsize=10, parse_math=False)


def _write_names(ax: Axes, points: NDArray[np.float32], names: tuple[str, ...]) -> None:
    for (x, y), name in zip(points, names, strict=True):
        if np.isfinite(x):
            ax.annotate(
                name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7, color="white",
                path_effects=stroke(2.0), parse_math=False,
            )  # fmt: skip


def _zoom(ax: Axes, ear: TrackedEar, known: NDArray[np.bool_]) -> None:
    """Show the ear with some of what is around it."""
    corners = ear.landmarks[known]
    if ear.box is not None:
        corners = np.vstack([corners, np.reshape(ear.box, (2, 2))])
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, half = (low + high) / 2, (0.5 + MARGIN) * float((high - low).max())
    ax.set_xlim(middle[0] - 0.82 * half, middle[0] + 0.82 * half)
    ax.set_ylim(middle[1] + half, middle[1] - half)


def _names(source: Recording | TrackedFrame, count: int) -> tuple[str, ...]:
    if isinstance(source, Recording):
        return source.keypoints
    return tuple(map(str, range(count)))
