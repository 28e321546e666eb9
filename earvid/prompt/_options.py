"""Prompts from command-line options."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from earvid.errors import PromptError
from earvid.prompt._checks import Box, Point, default_name, located
from earvid.prompt._landmark_files import Landmarks, read_landmarks
from earvid.prompt._masks import read_mask
from earvid.prompt._prompt import Prompt
from earvid.prompt._types import FramePrompt, ObjectPrompt

Kind = Literal["box", "point", "mask", "landmarks"]
Value = str | os.PathLike[str] | Sequence[float]


def parse_box(text: str) -> Box:
    """Parse `X0,Y0,X1,Y1`, in pixels.

    Raises:
        PromptError: It is not four numbers.
    """
    values = _numbers(text)
    if len(values) != 4:
        raise PromptError(f"the box '{text}' is not four numbers X0,Y0,X1,Y1.")
    return values[0], values[1], values[2], values[3]


def parse_point(text: str) -> tuple[float, float, int]:
    """Parse `X,Y` or `X,Y,1` (ear), or `X,Y,0` (background), in pixels.

    Returns:
        x, y and the label.

    Raises:
        PromptError: It is neither.
    """
    values = _numbers(text)
    if len(values) not in (2, 3) or values[2:] not in ([], [0], [1]):
        raise PromptError(f"the point '{text}' is not X,Y or, for background, X,Y,0.")
    return values[0], values[1], int(values[2]) if len(values) == 3 else 1


def prompt_from_options(items: Sequence[tuple[Kind, Value]], keyframe: int = 0) -> Prompt:
    """Make a prompt for one keyframe from options in the order in which they were given.

    An item belongs to the current ear; a second box, mask or landmarks file for it starts the
    next ear. One ear is called `ear`, several `ear-1`, `ear-2` and so on.

    Args:
        items: `("box", "X0,Y0,X1,Y1")`, `("point", "X,Y[,0|1]")`, `("mask", path)` and
            `("landmarks", path)`; boxes and points may be numbers already.
        keyframe: The frame they were drawn on, from 0.

    Raises:
        PromptError: There are no items, or one is malformed or cannot be read.
    """
    if not items:
        raise PromptError("no prompt is given; add a box, a point, a mask or landmarks.")
    if keyframe < 0:
        raise PromptError(f"the keyframe {keyframe} is negative; count frames from 0.")
    ears: list[_Ear] = [_Ear()]
    for kind, value in items:
        if ears[-1].has(kind):
            ears.append(_Ear())
        ears[-1].add(kind, value)
    single = len(ears) == 1
    return Prompt(tuple(ear.build(number, single, keyframe) for number, ear in enumerate(ears, 1)))


@dataclass
class _Ear:
    """One ear while its options are read."""

    box: Box | None = None
    points: list[tuple[float, float, int]] = field(default_factory=list)
    mask: npt.NDArray[np.bool_] | None = None
    landmarks: Landmarks | None = None

    def has(self, kind: Kind) -> bool:
        return kind != "point" and getattr(self, kind) is not None

    def add(self, kind: Kind, value: Value) -> None:
        match kind:
            case "box":
                self.box = parse_box(_text(value))
            case "point":
                self.points.append(parse_point(_text(value)))
            case "mask":
                self.mask = read_mask(_path(value))
            case "landmarks":
                self.landmarks = read_landmarks(_path(value))

    def build(self, number: int, single: bool, keyframe: int) -> ObjectPrompt:
        name = default_name(number, single)
        landmarks: dict[str, Point] = {} if self.landmarks is None else self.landmarks.points
        with located(f"object {number} ({name}): frame {keyframe}"):
            frame = FramePrompt(
                box=self.box,
                points=np.array([point[:2] for point in self.points]).reshape(-1, 2),
                labels=np.array([point[2] for point in self.points]),
                mask=self.mask,
                landmarks=landmarks,
            )
        scheme = None if self.landmarks is None else self.landmarks.scheme
        return ObjectPrompt(number, name, {keyframe: frame}, scheme)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def _text(value: Value) -> str:
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    return ",".join(str(float(number)) for number in value)


def _path(value: Value) -> Path:
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise TypeError(f"a path was expected, not {value!r}")
