"""Reading the JSON form of a prompt."""

import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earvid.errors import PromptError
from earvid.prompt._checks import Box, Point, default_name, located
from earvid.prompt._landmark_files import ibug55_points, landmarks_from_json
from earvid.prompt._masks import read_mask
from earvid.prompt._types import IBUG55, FramePrompt, ObjectPrompt

VERSION = 1
FRAME_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
EXPECTED = {
    "objects": "a list with one object per ear",
    "id": "a whole number",
    "name": "text",
    "frames": 'a map from frame numbers to prompts, such as {"30": {"box": [...]}}',
    "scheme": "text",
    "absent": "a list of ranges [start, stop] of frames, such as [[54, 101]]",
    "box": "four numbers [x0, y0, x1, y1]",
    "points": "a list of [x, y, 1] for ear and [x, y, 0] for background",
    "mask": "the path of an image",
    "landmarks": 'a map {"name": [x, y]} or a list of [x, y]',
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Frame(_Strict):
    box: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    points: list[Annotated[list[float], Field(min_length=2, max_length=3)]] = []
    mask: str | None = None
    landmarks: dict[str, Any] | list[Any] | None = None


class _Object(_Strict):
    id: int
    name: str | None = None
    frames: dict[str, _Frame]
    scheme: str | None = None
    absent: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = []


class _Document(_Strict):
    version: int
    objects: list[_Object]


def objects_from_document(document: object, folder: Path) -> tuple[ObjectPrompt, ...]:
    """Turn a parsed prompt file into objects.

    Args:
        document: What `json` made of the file.
        folder: Where relative mask paths start.

    Raises:
        PromptError: The document is malformed, or a mask cannot be read.
    """
    raw = _current(document)
    try:
        parsed = _Document.model_validate(raw)
    except ValidationError as error:
        raise PromptError(_sentence(raw, error)) from error
    single = len(parsed.objects) == 1
    return tuple(_object(model, single, folder) for model in parsed.objects)


def _current(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise PromptError('it is not a map {"version": 1, "objects": [...]}.')
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        found = f"version {version!r}" if "version" in document else "no version"
        raise PromptError(f"it has {found}, and this earvid reads version {VERSION}.")
    return document


def _object(model: _Object, single: bool, folder: Path) -> ObjectPrompt:
    name = default_name(model.id, single) if model.name is None else model.name
    frames: dict[int, FramePrompt] = {}
    with located(f"object {model.id} ({name})"):
        for key, frame in model.frames.items():
            if not FRAME_INDEX.fullmatch(key):
                raise PromptError(f"the frame '{key}' is not a number; count frames from 0.")
            with located(f"frame {key}"):
                frames[int(key)] = _frame(frame, model.scheme, folder)
    absent = tuple((start, stop) for start, stop in model.absent)
    return ObjectPrompt(model.id, name, frames, model.scheme, absent)


def _frame(model: _Frame, scheme: str | None, folder: Path) -> FramePrompt:
    return FramePrompt(
        box=_box(model.box),
        points=np.array([point[:2] for point in model.points]).reshape(-1, 2),
        labels=np.array([point[2] if len(point) == 3 else 1 for point in model.points]),
        mask=None if model.mask is None else read_mask(folder / model.mask),
        landmarks=_landmarks(model.landmarks, scheme),
    )


def _box(values: list[float] | None) -> Box | None:
    return None if values is None else (values[0], values[1], values[2], values[3])


def _landmarks(value: dict[str, Any] | list[Any] | None, scheme: str | None) -> dict[str, Point]:
    if value is None:
        return {}
    points = landmarks_from_json(value).points
    if isinstance(value, dict):
        return points
    if scheme != IBUG55:
        raise PromptError(
            'landmarks are a list without names; name them, or give the object "scheme": "ibug55".'
        )
    return ibug55_points(list(points.values()))


def _sentence(document: dict[str, Any], error: ValidationError) -> str:
    """Say the first thing that pydantic found as one sentence in the words of the file."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = first["loc"]
    keys = [part for depth, part in enumerate(place) if isinstance(part, str) and depth != 3]
    match first["type"]:
        case "extra_forbidden":
            said = f"the key '{keys[-1]}' is unknown; known are {_known_keys(len(place))}."
        case "missing":
            said = f"the key '{keys[-1]}' is missing."
        case _:
            key = next(key for key in reversed(keys) if key in EXPECTED)
            said = f"'{key}' must be {EXPECTED[key]}."
    return _where(document, place) + said


def _known_keys(depth: int) -> str:
    models: dict[int, type[_Strict]] = {1: _Document, 3: _Object, 5: _Frame}
    return ", ".join(models[depth].model_fields)


def _where(document: dict[str, Any], place: tuple[int | str, ...]) -> str:
    """Name the object and frame of a pydantic location such as `objects, 0, frames, 30, box`."""
    if len(place) < 2:
        return ""
    raw = document["objects"][place[1]]
    named = isinstance(raw, dict) and "id" in raw
    title = f"object {raw['id']}" if named else f"object number {int(place[1]) + 1}"
    if isinstance(raw, dict) and isinstance(raw.get("name"), str):
        title = f"{title} ({raw['name']})"
    of_frame = len(place) > 3 and place[2] == "frames"
    return f"{title}: frame {place[3]}: " if of_frame else f"{title}: "
