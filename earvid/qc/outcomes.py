"""What a batch says became of its clips, from the summary that it wrote."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earvid.errors import UsageError

SUFFIXES = (".csv", ".json")
NEEDED = frozenset({"clip", "store", "state", "error"})
LARGEST = 64 * 2**20  # bytes; no summary is larger


@dataclass(frozen=True)
class Outcome:
    """What became of a clip.

    Args:
        clip: its path, as the batch named it.
        store: path or URL of its results, likewise.
        state: such as ``tracked`` or ``failed``.
        error: what went wrong, in one sentence; None if nothing did.
    """

    clip: str
    store: str
    state: str
    error: str | None

    @property
    def went_wrong(self) -> bool:
        """Whether it has no results, or not all."""
        return bool(self.error) or self.state in ("failed", "stopped")


def read_outcomes(path: Path) -> tuple[Outcome, ...]:
    """Read a ``.csv`` or ``.json`` file that ``earvid batch --summary`` wrote.

    Raises:
        UsageError: it is none, or cannot be read.
    """
    found = _outcomes(path)
    if found is None:
        raise UsageError(
            f"{path} is no summary of a batch; name what 'earvid batch --summary' wrote."
        )
    return found


def outcomes_in(folder: Path) -> tuple[Outcome, ...]:
    """All summaries that lie in a folder, later ones counting for clips that are in several."""
    named: dict[str, Outcome] = {}
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    for path in sorted(files, key=lambda path: path.stat().st_mtime):
        named |= {one.clip: one for one in _outcomes(path) or ()}
    return tuple(named.values())


def _outcomes(path: Path) -> tuple[Outcome, ...] | None:
    """None where a file is anything but a summary."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        text = path.read_text(encoding="utf-8-sig")
        rows = _csv(text) if path.suffix.lower() == ".csv" else _json(text)
        return tuple(_outcome(row) for row in rows)
    except (OSError, ValueError, TypeError, LookupError, csv.Error):
        return None


def _csv(text: str) -> Iterable[Mapping[str, Any]]:
    table = csv.DictReader(io.StringIO(text, newline=""))
    if not set(table.fieldnames or ()) >= NEEDED:
        raise LookupError
    return table


def _json(text: str) -> Iterable[Mapping[str, Any]]:
    rows = json.loads(text)
    if not isinstance(rows, list) or not rows:
        raise TypeError
    return rows


def _outcome(row: Mapping[str, Any]) -> Outcome:
    clip, store, state, error = (row[key] for key in ("clip", "store", "state", "error"))
    return Outcome(str(clip), str(store), str(state), str(error) if error else None)
