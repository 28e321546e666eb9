"""What makes a prompt wrong; every check raises a PromptError of one sentence.

The sentences do not say where: whoever knows the file, the object or the frame puts it in
front with `located`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from earvid.errors import PromptError

Box = tuple[float, float, float, float]
Point = tuple[float, float]

BOX_SLACK = 1.0
"""Pixels by which a box may exceed the outermost pixel centres, so that `0, 0, W, H` is the
whole frame for those who count pixel edges as well as for those who count centres."""


@contextmanager
def located(where: object) -> Iterator[None]:
    """Put `where` in front of the message of a PromptError raised inside."""
    try:
        yield
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error.__cause__


def default_name(object_id: int, single: bool) -> str:
    """Name an ear that the user did not name."""
    return "ear" if single else f"ear-{object_id}"


def numbers(values: object) -> str:
    """Write coordinates as a user would: `12, 30.5`."""
    return ", ".join(f"{float(value):g}" for value in np.asarray(values).ravel())


def check_box(box: Box) -> None:
    """Refuse a box that is not finite, reversed or thinner than a pixel."""
    x0, y0, x1, y1 = box
    if not np.isfinite(box).all():
        raise PromptError(f"the box ({numbers(box)}) is not finite; give four plain numbers.")
    if x1 < x0 or y1 < y0:
        raise PromptError(
            f"the box ({numbers(box)}) is reversed; give x0, y0, x1, y1 with x0 < x1 and y0 < y1."
        )
    if x1 - x0 < 1 or y1 - y0 < 1:
        raise PromptError(f"the box ({numbers(box)}) is thinner than one pixel; draw it larger.")


def check_points(points: npt.NDArray[np.float32], labels: npt.NDArray[np.generic]) -> None:
    """Refuse points without one label of 0 or 1 each, and points that are not finite."""
    if labels.shape != (len(points),):
        raise PromptError(
            f"{len(points)} points need {len(points)} labels, not an array of shape {labels.shape}."
        )
    for point, label in zip(points, labels, strict=True):
        if label not in (0, 1):
            raise PromptError(
                f"the point ({numbers(point)}) has the label {label}; 1 is ear, 0 is background."
            )
        if not np.isfinite(point).all():
            raise PromptError(f"the point ({numbers(point)}) is not finite; give two numbers.")


def check_mask(mask: npt.NDArray[np.bool_]) -> None:
    """Refuse a mask that says nothing: all background, or all ear."""
    if not mask.any():
        raise PromptError("the mask is empty; paint the ear with any value but 0.")
    if mask.all():
        raise PromptError("the mask covers the whole frame; the background must be 0.")


def check_landmarks(landmarks: Mapping[str, Point]) -> None:
    """Refuse landmarks without a name or without a place."""
    for name, point in landmarks.items():
        check_name(name, "a landmark")
        if not np.isfinite(point).all():
            raise PromptError(
                f"the landmark '{name}' ({numbers(point)}) is not finite; leave out landmarks "
                "that cannot be placed."
            )


def check_name(name: str, of_what: str) -> None:
    """Refuse names that cannot be read back from a label or a table."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise PromptError(
            f"{of_what} has the name {name!r}; a name is printable text without spaces around it."
        )


def check_says_something(
    box: Box | None,
    labels: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_] | None,
    landmarks: Mapping[str, Point],
) -> None:
    """Refuse a frame on which nothing says where the ear is."""
    if box is not None or mask is not None or landmarks or labels.any():
        return
    if len(labels):
        raise PromptError(
            "there are only background points; add a point on the ear, a box or a mask."
        )
    raise PromptError("nothing is given; add a box, points, a mask or landmarks.")


def check_box_meets_mask(box: Box | None, mask: npt.NDArray[np.bool_] | None) -> None:
    """Refuse a box and a mask that share no pixel: they cannot mean the same ear."""
    if box is None or mask is None:
        return
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = box
    inside = (columns >= x0) & (columns <= x1) & (rows >= y0) & (rows <= y1)
    if not inside.any():
        raise PromptError(
            "the box and the mask share no pixel; if they are two ears, make them two objects."
        )


def check_box_fits(box: Box, width: int, height: int) -> None:
    """Refuse a box that reaches outside the frame; it may touch the border."""
    x0, y0, x1, y1 = box
    reach = width - 1 + BOX_SLACK, height - 1 + BOX_SLACK
    if x0 < -BOX_SLACK or y0 < -BOX_SLACK or x1 > reach[0] or y1 > reach[1]:
        raise PromptError(
            f"the box ({numbers(box)}) is outside the frame of {width} × {height} pixels; "
            "draw it inside."
        )


def check_point_fits(what: str, point: Point, width: int, height: int) -> None:
    """Refuse a point that lies on no pixel of the frame."""
    x, y = point
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise PromptError(
            f"{what} ({numbers(point)}) is outside the frame of {width} × {height} pixels; "
            "move it inside or leave it out."
        )


def check_mask_fits(mask: npt.NDArray[np.bool_], width: int, height: int) -> None:
    """Refuse a mask of another size than the frame."""
    if mask.shape != (height, width):
        raise PromptError(
            f"the mask is {mask.shape[1]} × {mask.shape[0]} pixels but the frame is "
            f"{width} × {height}; draw it on the full frame."
        )
