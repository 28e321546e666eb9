"""One line per clip: as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earvid.errors import EarvidError, UsageError
from earvid.spans import spelled, written

SUFFIXES = (".csv", ".json")
FIELDS = (
    "clip", "store", "state", "frames", "tracked", "seconds", "frames_per_second", "mean_score",
    "ears", "absent", "attempts", "error",
)  # fmt: skip
TITLES = ("clip", "state", "frames", "frames/s", "score", "not visible")
MAX_TEXT = 48  # characters of a cell of the table
STOPPED, COMPLETE = "stopped", "complete"


@dataclass(frozen=True)
class ClipResult:
    """What became of a clip.

    Args:
        clip: its path.
        store: that of its results.
        state: `tracked`, `corrected`, `complete` (it was before), `failed`, `stopped` (before it
            was done), or in a dry run what would be done, unless it is complete.
        frames: of the clip; None where it was not opened.
        tracked: frames that were tracked in this run.
        seconds: that it took, model loading apart.
        ears: summary of each ear: name, visible, seen, mean_score, absent, corrected.
        found: where nobody gave a prompt, the ears that were found: name, confidence, keyframe.
        warnings: what the reader noticed about the clip.
        attempts: how often it was begun in this run.
        error: what went wrong, in one sentence.
    """

    clip: str
    store: str
    state: str
    frames: int | None = None
    tracked: int = 0
    seconds: float = 0.0
    ears: tuple[dict[str, Any], ...] = ()
    found: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    attempts: int = 1
    error: str | None = None

    @property
    def frames_per_second(self) -> float | None:
        """Frames tracked per second; None where none were."""
        return round(self.tracked / self.seconds, 2) if self.tracked and self.seconds else None

    @property
    def mean_score(self) -> float | None:
        """Mean score over all ears and the frames that show them; None where none does."""
        seen = [ear for ear in self.ears if ear["mean_score"] is not None]
        frames: int = sum(ear["visible"] for ear in seen)
        if not frames:
            return None
        total: float = sum(ear["visible"] * ear["mean_score"] for ear in seen)
        return round(total / frames, 4)

    @property
    def absent(self) -> str:
        """Spans of frames without an ear, the last frame counting: `left 3-4 9-9; right 0-3`."""
        return "; ".join(
            f"{ear['name']} " + " ".join(spelled(first, stop) for first, stop in ear["absent"])
            for ear in self.ears
            if ear["absent"]
        )

    @property
    def each_ear(self) -> str:
        """Mean score of each ear and share of frames that show it: `left 0.72 (89 %)`."""
        return "; ".join(
            f"{ear['name']} "
            + ("" if ear["mean_score"] is None else f"{ear['mean_score']:.2f} ")
            + f"({100 * ear['seen']:.0f} %)"
            for ear in self.ears
        )

    def to_row(self) -> dict[str, Any]:
        """The columns of the CSV file."""
        return {name: getattr(self, name) for name in FIELDS} | {"ears": self.each_ear}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the columns, and all that has no place in them."""
        more = {name: list(getattr(self, name)) for name in ("ears", "found", "warnings")}
        return {**self.to_row(), **more}


def as_table(results: Sequence[ClipResult]) -> str:
    """A table for a terminal; errors stand below their clips."""
    rows = [TITLES, *map(_cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    lines = []
    for row, result in zip(rows, (None, *results), strict=True):
        cells = [
            cell.rjust(width) if column in (2, 3, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
        if result is not None and result.error is not None:
            lines.append(f"  {result.error}")
    return "\n".join(lines)


def check_summary(path: Path) -> None:
    """See that a summary can be written, before hours of work.

    Raises:
        UsageError: the name has another suffix, or the folder is missing.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} does not end in {' or '.join(SUFFIXES)}.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; create it first.")


def write_summary(path: Path, results: Sequence[ClipResult]) -> None:
    """Write a `.csv` or `.json` file, whole or not at all; one that is there is replaced.

    Raises:
        UsageError: the name has another suffix, or the folder is missing.
        EarvidError: the disk refuses.
    """
    check_summary(path)
    text = as_csv(results) if path.suffix.lower() == ".csv" else as_json(results)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise EarvidError(
            f"The summary {path} cannot be written ({error.strerror}); choose another place."
        ) from error


def as_csv(results: Sequence[ClipResult]) -> str:
    """A table with a line per clip."""
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, lineterminator="\n")
    table.writeheader()
    table.writerows(result.to_row() for result in results)
    return text.getvalue()


def as_json(results: Sequence[ClipResult]) -> str:
    """A list with an object per clip."""
    rows = [result.to_dict() for result in results]
    return json.dumps(rows, indent=2, allow_nan=False) + "\n"


def _cells(result: ClipResult) -> tuple[str, ...]:
    speed, score = result.frames_per_second, result.mean_score
    return (
        _shortened(result.clip),
        result.state,
        "" if result.frames is None else str(result.frames),
        "" if speed is None else f"{speed:.1f}",
        "" if score is None else f"{score:.3f}",
        _not_visible(result.ears),
    )


def _not_visible(ears: Sequence[dict[str, Any]]) -> str:
    """Spans without each ear, as many as there is room for, and how many more there are."""
    spans = [(ear["name"], span) for ear in ears for span in ear["absent"]]
    text, before = "", ""
    for number, (name, (first, stop)) in enumerate(spans):
        joint = ", " if name == before else f"; {name} " if before else f"{name} "
        if len(longer := text + joint + written(first, stop)) > MAX_TEXT:
            return f"{text} +{len(spans) - number} more".lstrip()
        text, before = longer, name
    return text


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"…{text[1 - MAX_TEXT :]}"
