"""Prompts as people have them at hand in a notebook: numbers, arrays, names, files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earvid.errors import PromptError, UsageError
from earvid.prompt import (
    IBUG55,
    IBUG55_NAMES,
    FramePrompt,
    ObjectPrompt,
    Prompt,
    read_landmarks,
    read_mask,
)
from earvid.prompt._checks import default_name, located
from earvid.prompt._json_in import VERSION, objects_from_document

AnyPath = str | os.PathLike[str]
PromptLike = Prompt | Mapping[str, Any] | AnyPath
Boxes = ArrayLike | Mapping[str, ArrayLike]
Points = ArrayLike | Mapping[str, ArrayLike]
Masks = ArrayLike | AnyPath | Mapping[str, Any]
Landmarks = ArrayLike | AnyPath | Mapping[str, Any]

MODES = ("auto", "prompt", "none")  # of landmarks, instead of landmarks


@dataclass(frozen=True, eq=False)
class Asked:
    """What a caller says about the ears; see :func:`earvid.track`.

    Args:
        prompt: all at once.
        box: of one ear, of several, or by name.
        points: of one ear, or by name.
        mask: of one ear, of several, or by name.
        landmarks: of one ear, by name of an ear, or one of :data:`MODES`.
        frame: on which the latter four are.
    """

    prompt: PromptLike | None = None
    box: Boxes | None = None
    points: Points | None = None
    mask: Masks | None = None
    landmarks: Landmarks | None = None
    frame: int | None = None

    @property
    def mode(self) -> str | None:
        """What ``landmarks`` is if it is one of :data:`MODES`."""
        said = self.landmarks
        return said if isinstance(said, str) and said in MODES else None

    def to_prompt(self) -> Prompt | None:
        """Make a prompt of it; None if nothing is said about any ear.

        Raises:
            UsageError: it contradicts itself, or a part of it does nothing.
            PromptError: it is malformed, or a file cannot be read.
        """
        marks = None if self.mode else self.landmarks
        parts = {"box": self.box, "points": self.points, "mask": self.mask, "landmarks": marks}
        given = [name for name, value in parts.items() if value is not None]
        if self.prompt is not None:
            if given or self.frame is not None:
                raise UsageError(
                    f"Give either prompt= or {'frame' if not given else given[0]}=, not both: a "
                    f"prompt names its frames itself."
                )
            return _whole(self.prompt)
        if not given:
            if self.frame is not None:
                raise UsageError(
                    "frame= does nothing by itself; say where the ear is with box=, points=, "
                    "mask= or landmarks=."
                )
            return None
        ears = {
            "box": _by_ear(self.box, 1, "box"),
            "points": _by_ear(self.points, 2, "points"),
            "mask": _by_ear(self.mask, 2, "mask"),
            "landmarks": _landmarks_by_ear(marks),
        }
        return _assembled(ears, self.frame or 0)


Key = str | int  # name of an ear, or its number from 1 where nobody named it


def _whole(prompt: PromptLike) -> Prompt:
    if isinstance(prompt, Prompt):
        return prompt
    if isinstance(prompt, Mapping):
        try:  # tuples, arrays and frame numbers become what a file would hold
            text = json.dumps({"version": VERSION, **prompt}, default=_plain)
        except (TypeError, ValueError) as error:
            raise PromptError(f"the prompt is not made of plain values ({error}).") from error
        return Prompt(objects_from_document(json.loads(text), Path()))
    return Prompt.load(prompt)


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"there is a {type(value).__name__} in it")


def _by_ear(value: Any, depth: int, what: str) -> dict[Key, Any]:
    """Tell one ear's value from those of several.

    Args:
        value: as given.
        depth: axes of one ear's value.
        what: it is.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(name): one for name, one in value.items()}
    if isinstance(value, str | os.PathLike):
        return {1: value}
    if isinstance(value, Sequence) and value and all(map(_is_path, value)):
        return dict(enumerate(value, 1))
    axes = _array(value, what).ndim
    if axes == depth + 1:
        return dict(enumerate(value, 1))
    return {1: value}


def _landmarks_by_ear(value: Any) -> dict[Key, Any]:
    """As :func:`_by_ear`; but a map of points is one ear's."""
    if isinstance(value, Mapping) and not any(_is_several(one) for one in value.values()):
        return {1: value}
    return _by_ear(value, 2, "landmarks")


def _is_several(value: Any) -> bool:
    """Whether a value is all landmarks of an ear, rather than one of them."""
    return isinstance(value, Mapping) or _is_path(value) or np.ndim(value) > 1


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _assembled(ears: dict[str, dict[Key, Any]], frame: int) -> Prompt:
    if frame < 0:
        raise PromptError(f"the frame {frame} is negative; count frames from 0.")
    keys = list(dict.fromkeys(key for values in ears.values() for key in values))
    if len({isinstance(key, str) for key in keys}) > 1:
        raise UsageError(
            "Some ears have names and others have none; name them in all of box=, points=, mask= "
            "and landmarks=, or in none."
        )
    single = len(keys) == 1
    objects = []
    for number, key in enumerate(keys, 1):
        name = key if isinstance(key, str) else default_name(number, single)
        with located(f"object {number} ({name}): frame {frame}"):
            landmarks, scheme = _landmarks(ears["landmarks"].get(key))
            points, labels = _points(ears["points"].get(key))
            said = FramePrompt(
                box=_box(ears["box"].get(key)),
                points=points,
                labels=labels,
                mask=_mask(ears["mask"].get(key)),
                landmarks=landmarks,
            )
        objects.append(ObjectPrompt(number, name, {frame: said}, scheme))
    return Prompt(tuple(objects))


def _box(value: Any) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    numbers = _numbers(value, "box")
    if numbers.shape != (4,):
        raise PromptError(f"a box is four numbers x0, y0, x1, y1, not {numbers.tolist()}.")
    x0, y0, x1, y1 = (float(one) for one in numbers)
    return x0, y0, x1, y1


def _points(value: Any) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Points, each ``x, y`` or, with a label, ``x, y, 0`` for background and ``x, y, 1``."""
    if value is None:
        return np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    several = not all(np.ndim(one) == 0 for one in value)
    rows = [_numbers(row, "point") for row in (value if several else [value])]
    for row in rows:
        if row.shape not in ((2,), (3,)):
            raise PromptError(f"a point is x, y or x, y, label, not {row.tolist()}.")
    labels = [row[2] if len(row) == 3 else 1 for row in rows]
    return np.array([row[:2] for row in rows], np.float32), np.array(labels, np.int32)


def _mask(value: Any) -> NDArray[np.bool_] | None:
    if value is None:
        return None
    return read_mask(Path(value)) if _is_path(value) else np.asarray(_array(value, "mask") != 0)


def _landmarks(value: Any) -> tuple[dict[str, tuple[float, float]], str | None]:
    """Landmarks by name, and their scheme; those that are NaN are left out."""
    if value is None:
        return {}, None
    if _is_path(value):
        read = read_landmarks(Path(value))
        return read.points, read.scheme
    if isinstance(value, Mapping):
        names, points = [str(name) for name in value], list(value.values())
        scheme = None
    else:
        points = list(value)
        scheme = IBUG55 if len(points) == len(IBUG55_NAMES) else None
        names = list(IBUG55_NAMES) if scheme else [str(n) for n in range(len(points))]
    found = {}
    for name, point in zip(names, points, strict=True):
        numbers = _numbers(point, f"landmark '{name}'")
        if numbers.shape != (2,):
            raise PromptError(f"the landmark '{name}' is not x, y but {numbers.tolist()}.")
        if np.isfinite(numbers).all():
            found[name] = (float(numbers[0]), float(numbers[1]))
    if not found:
        raise PromptError("no landmark has a place; give at least one.")
    return found, scheme


def _numbers(value: Any, what: str) -> NDArray[np.float64]:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise PromptError(f"the {what} {value!r} is not made of numbers.") from error


def _array(value: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError:  # rows of different length: points, some of them with labels
        if what == "points":
            return np.zeros((0, 0))
        raise PromptError(f"the {what} is neither one ear's nor a list of several ears'.") from None
