"""One frame with what is known drawn over it."""

import math

import numpy as np
import numpy.typing as npt

from earvid.render._chips import ChipLayer
from earvid.render._draw import (
    Image,
    draw_contour,
    draw_corners,
    draw_curves,
    draw_landmarks,
    fill_mask,
)
from earvid.render._marks import EarMarks, FrameMarks, are_sure
from earvid.render._style import DEFAULT_STYLE, Color, Style, sizes_for

NOTICE: Color = (255, 205, 90)


def render_frame(
    image: npt.NDArray[np.uint8],
    marks: FrameMarks,
    *,
    index: int | None = None,
    time: float | None = None,
    damaged: bool = False,
    style: Style = DEFAULT_STYLE,
) -> npt.NDArray[np.uint8]:
    """Draw masks, boxes, landmarks and labels over a copy of a frame.

    Args:
        image: (H, W, 3) uint8 RGB.
        marks: What is known about the frame, such as `marks_at(store, index)`.
        index: Frame number to write into the corner, or None.
        time: Seconds to write beside the number, or None.
        damaged: Say that the frame could not be decoded.
        style: What to draw.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: The mask has another size than the image.
    """
    if marks.mask is not None and marks.mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {marks.mask.shape}, the image {image.shape[:2]}")
    out: Image = np.ascontiguousarray(image).copy()
    sizes = sizes_for(image.shape, style.scale)
    for ear in marks.ears:
        _draw_ear(out, marks.mask, ear, style)
    chips = ChipLayer(out, sizes)
    if style.frame_number and index is not None:
        chips.top_left(_clock(index, time))
    _draw_notices(chips, marks, damaged, style)
    if style.labels:
        for ear in marks.ears:
            if ear.present and ear.box is not None:
                chips.beside(ear.box, _label(ear), style.color(ear.id))
    return out


def _draw_ear(
    image: Image, mask: npt.NDArray[np.uint8] | None, ear: EarMarks, style: Style
) -> None:
    sizes, color = sizes_for(image.shape, style.scale), style.color(ear.id)
    region = np.zeros(image.shape[:2], bool) if mask is None else mask == ear.id
    if style.fill and region.any():
        fill_mask(image, region, color, style.fill)
    if style.contour and region.any():
        draw_contour(image, region, color, sizes)
    if style.box and ear.present and ear.box is not None:
        draw_corners(image, ear.box, color, sizes)
    if style.landmarks and ear.present:
        if ear.curves:
            draw_curves(image, ear.landmarks, ear.visible, ear.curves, color, sizes)
        sure = are_sure(ear.visible, ear.confidence)
        draw_landmarks(image, ear.landmarks, sure, color, sizes)


def _draw_notices(chips: ChipLayer, marks: FrameMarks, damaged: bool, style: Style) -> None:
    """Say what is not to be seen, whatever the style: a bare frame would look like a miss."""
    if marks.status == "pending":
        chips.bottom_left("pending", NOTICE)
    if damaged:
        chips.bottom_left("damaged frame", NOTICE)
    for ear in reversed(marks.ears):
        if not ear.present:
            chips.bottom_left(f"{ear.name} not visible", NOTICE, style.color(ear.id))
    for ear in reversed(marks.ears):
        if ear.corrected:
            chips.bottom_left(f"{ear.name} corrected by hand", swatch=style.color(ear.id))


def _label(ear: EarMarks) -> str:
    return ear.name if math.isnan(ear.score) else f"{ear.name} {ear.score:.2f}"


def _clock(index: int, time: float | None) -> str:
    return f"{index}" if time is None else f"{index}   {time:.2f} s"
