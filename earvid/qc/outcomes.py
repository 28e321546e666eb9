"""What a batch says became of its clips, from the summary that it wrote."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earvid.errors import StoreError, UsageError
from earvid.qc.commands import absolute
from earvid.store import RemotePath, StorePath, store_path

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
        place: where the results are, or would be; relative paths of a batch begin where it ran.
    """

    clip: str
    store: str
    state: str
    error: str | None
    place: StorePath

    @property
    def key(self) -> str:
        """What no other store has; clips of several folders may share a name."""
        return absolute(self.place)

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
    """What summaries say: all that lie in a folder, and of others what is about clips in it.

    Those others lie beside the folder or in the current one, where a batch over the folder puts
    them. Later ones count for clips that are in several.
    """
    whole = folder.resolve()
    found = {path.resolve(): path for near in (folder, whole.parent, Path()) for path in _at(near)}
    named: dict[str, Outcome] = {}
    for real, path in sorted(found.items(), key=lambda item: item[1].stat().st_mtime):
        said = _outcomes(path) or ()
        inside = real.parent == whole
        named |= {one.key: one for one in said if inside or _is_in(one.place, whole)}
    return tuple(named.values())


def _at(folder: Path) -> list[Path]:
    """Files of a folder that may be summaries, by their names and how they begin."""
    try:
        return [path for path in folder.iterdir() if _begins_like_one(path)]
    except OSError:  # a folder that nobody named may be closed to us
        return []


def _begins_like_one(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return b"clip" in file.read(256)
    except OSError:
        return False


def _is_in(place: StorePath, folder: Path) -> bool:
    return isinstance(place, Path) and place.resolve().is_relative_to(folder)


def _outcomes(path: Path) -> tuple[Outcome, ...] | None:
    """None where a file is anything but a summary."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        text = path.read_text(encoding="utf-8-sig")
        rows = _csv(text) if path.suffix.lower() == ".csv" else _json(text)
        return tuple(_outcome(row, path.parent) for row in rows)
    except (OSError, ValueError, TypeError, LookupError, csv.Error, StoreError):
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


def _outcome(row: Mapping[str, Any], folder: Path) -> Outcome:
    clip, store, state = (str(row[key]) for key in ("clip", "store", "state"))
    error = str(row["error"]) if row["error"] else None
    return Outcome(clip, store, state, error, _place(clip, store or clip, folder))


def _place(clip: str, store: str, folder: Path) -> StorePath:
    """Where a store is that a batch named from the folder in which it ran.

    A summary does not tell that folder: it is the summary's own or one above it, or else the
    current one; wherever the clip or the store is.
    """
    there = store_path(store)
    if isinstance(there, RemotePath):
        return there
    for base in (folder, *_above(folder, there), Path()):
        if (base / there).exists() or (base / clip).exists():
            return base / there
    return folder / there


def _above(folder: Path, there: Path) -> list[Path]:
    """The folder from which a path leads into the folder of the summary, if there is one."""
    if there.is_absolute():
        return []
    inside, whole = there.parent.parts, folder.resolve()
    depth = next((n for n in range(len(inside), 0, -1) if whole.parts[-n:] == inside[:n]), 0)
    return [whole.parents[depth - 1]] if depth else []
