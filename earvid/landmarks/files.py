"""Writing landmarks as JSON, CSV and iBUG ``.pts``, as :func:`earvid.prompt.read_landmarks` reads.

The readers live with the prompt, which they are a part of.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from earvid.errors import UsageError
from earvid.landmarks.scheme import IBUG55

SUFFIXES = (".json", ".csv", ".pts")
Point = tuple[float, float]


def write_landmarks(path: Path, points: Mapping[str, Point], *, overwrite: bool = False) -> None:
    """Write the landmarks of one ear on one frame.

    Args:
        path: ``.json`` or ``.csv``, which keep names; or ``.pts``, which keeps only the order.
        points: name to ``(x, y)``, frame pixels; those that are not known are left out by the
            caller.
        overwrite: replace a file of this name.

    Raises:
        UsageError: the suffix is another, names would be lost, the file is there already, or it
            cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path} is not a .json, .csv or .pts file; choose one of these.")
    if suffix == ".pts" and not _numbered(points):
        raise UsageError(
            f"{path} would lose which landmarks these are, for .pts keeps no names and some are "
            f"missing or have names; write .json or .csv."
        )
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; choose another name or overwrite.")
    text = {".json": _json, ".csv": _csv, ".pts": _pts}[suffix](points)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or "no reason given"
        raise UsageError(f"{path} cannot be written ({reason}); choose another place.") from error


def _numbered(points: Mapping[str, Point]) -> bool:
    """Whether names are 0, 1, 2 and so on, as a file without names gives them back."""
    return list(points) == [str(index) for index in range(len(points))]


def _json(points: Mapping[str, Point]) -> str:
    rounded = {name: [_short(x), _short(y)] for name, (x, y) in points.items()}
    if tuple(points) == IBUG55.names:  # as a list it is read back as that scheme
        return json.dumps(list(rounded.values())) + "\n"
    return json.dumps(rounded, ensure_ascii=False) + "\n"


def _csv(points: Mapping[str, Point]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    named = tuple(points) != IBUG55.names
    rows.writerow(["name", "x", "y"] if named else ["x", "y"])
    for name, (x, y) in points.items():
        rows.writerow([*([name] if named else []), _short(x), _short(y)])
    return text.getvalue()


def _pts(points: Mapping[str, Point]) -> str:
    lines = [f"{_short(x)} {_short(y)}" for x, y in points.values()]
    return "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])


def _short(value: float) -> float:
    """A hundredth of a thousandth of a pixel is more than anyone can see."""
    return round(float(value), 5)
