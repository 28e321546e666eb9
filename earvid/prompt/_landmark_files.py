"""Landmark files: JSON, CSV and iBUG `.pts`."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earvid.errors import PromptError
from earvid.prompt._checks import Point, check_landmarks, located
from earvid.prompt._text import parse_json, read_text
from earvid.prompt._types import IBUG55, IBUG55_NAMES

CSV_HEADERS = (["name", "x", "y"], ["x", "y"])


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one ear on one frame.

    Args:
        points: Name to `(x, y)` in source-frame pixels, in the order of the file.
        scheme: `ibug55` for 55 points without names, else None.
    """

    points: dict[str, Point]
    scheme: str | None


def read_landmarks(path: Path) -> Landmarks:
    """Read the landmarks of one ear; coordinates are taken as written.

    Args:
        path: `.json` with `{"name": [x, y]}` or `[[x, y], ...]`; `.csv` with the columns
            `name,x,y` or `x,y`; or `.pts` as written by iBUG and menpo. Points without
            names are called "0", "1" and so on, and 55 of them are the scheme `ibug55`.

    Raises:
        PromptError: The file is missing, of another kind, or malformed.
    """
    readers = {".json": _from_json, ".csv": _from_csv, ".pts": _from_pts}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise PromptError(f"the landmarks file {path} is not a .json, .csv or .pts file.")
    text = read_text(path, "landmarks")
    with located(path):
        landmarks = reader(text)
        if not landmarks.points:
            raise PromptError("it holds no landmarks; write one point per landmark.")
        check_landmarks(landmarks.points)
    return landmarks


def ibug55_points(points: Sequence[Point]) -> dict[str, Point]:
    """Name a list of 55 points as the scheme ibug55 does.

    Raises:
        PromptError: There are not 55.
    """
    if len(points) != len(IBUG55_NAMES):
        raise PromptError(f"the scheme ibug55 has 55 landmarks, not {len(points)}.")
    return dict(zip(IBUG55_NAMES, points, strict=True))


def _unnamed(points: Sequence[Point]) -> Landmarks:
    if len(points) == len(IBUG55_NAMES):
        return Landmarks(ibug55_points(points), IBUG55)
    return Landmarks({str(index): point for index, point in enumerate(points)}, None)


def _named(pairs: Iterable[tuple[str, Point]]) -> Landmarks:
    points: dict[str, Point] = {}
    for name, point in pairs:
        if name in points:
            raise PromptError(f"the landmark '{name}' occurs twice; keep one of them.")
        points[name] = point
    return Landmarks(points, None)


def landmarks_from_json(document: object) -> Landmarks:
    """Read parsed JSON, `{"name": [x, y]}` or `[[x, y], ...]`.

    Raises:
        PromptError: It is neither.
    """
    if isinstance(document, dict):
        return _named((name, _json_point(f"'{name}'", value)) for name, value in document.items())
    if isinstance(document, list):
        return _unnamed([_json_point(str(i), value) for i, value in enumerate(document)])
    raise PromptError('it is neither {"name": [x, y]} nor [[x, y], ...]; write one of the two.')


def _json_point(what: str, value: object) -> Point:
    if isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value):
        return _point(what, value)
    raise PromptError(f"the landmark {what} is not [x, y]; give two numbers.")


def _point(what: str, values: Sequence[str | float]) -> Point:
    try:
        x, y = (float(value) for value in values)
    except (ValueError, OverflowError) as error:
        raise PromptError(f"the landmark {what} is not two numbers x and y.") from error
    return x, y


def _from_json(text: str) -> Landmarks:
    return landmarks_from_json(parse_json(text))


def _from_csv(text: str) -> Landmarks:
    rows = _csv_rows(text)
    header = [cell.lower() for cell in rows[0]] if rows else []
    body = rows[1:] if "x" in header else rows
    columns = len(header)
    if columns not in (2, 3) or ("x" in header and header not in CSV_HEADERS):
        raise PromptError("its columns are not name,x,y or x,y; write a comma-separated table.")
    for number, row in enumerate(body):
        if len(row) != columns:
            raise PromptError(f"the landmark {number} has {len(row)} columns, not {columns}.")
    if columns == 2:
        return _unnamed([_point(str(i), row) for i, row in enumerate(body)])
    return _named((row[0], _point(f"'{row[0]}'", row[1:])) for row in body)


def _csv_rows(text: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise PromptError(f"it is not a comma-separated table ({error}).") from error
    return [[cell.strip() for cell in row] for row in rows if any(row)]


def _from_pts(text: str) -> Landmarks:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "{" not in lines or lines[-1] != "}":
        raise PromptError("it has no { and } around its points, so it may be cut off.")
    opening = lines.index("{")
    points = [_point(str(i), line.split()) for i, line in enumerate(lines[opening + 1 : -1])]
    expected = _promised_points(lines[:opening])
    if expected != len(points):
        raise PromptError(f"it promises {expected} points but holds {len(points)}.")
    return _unnamed(points)


def _promised_points(header: Sequence[str]) -> int:
    for line in header:
        key, _, value = line.partition(":")
        if key.strip() == "n_points" and value.strip().isdecimal():
            return int(value)
    raise PromptError("it has no line n_points above its points.")
