"""Putting a corrected store in the place of the one that it corrects.

A file system replaces one file in a single step, but not a folder by another. The parts of a store
therefore move one after the other, its root metadata, which names the new fingerprint, last; and
for that time a folder says that old and new are mixed. Whoever is killed in between leaves that
folder, nothing is read from such a store, and :func:`settle` brings the move to its end. What can
be lost is never more than time: the new store is whole before the first part moves.
"""

import os
from pathlib import Path

from earvid.errors import StoreError
from earvid.store import _local
from earvid.store._errors import writing
from earvid.store.opening import ROOT, let_go, locked
from earvid.store.state import STATE, StateFolder

DRAFT = "correction"  # in the state folder: the store that is to take the place of this one
REPLACED = "replaced"  # likewise: parts of the old store, which is mixed with the new as long
PARTS = ("proxy", "labels", "tracks")


def draft_path(path: Path) -> Path:
    """Where the corrected store grows."""
    return path / STATE / DRAFT


def is_mixed(path: Path) -> bool:
    """Whether a corrected store has begun, but not ended, to take this one's place."""
    return (path / STATE / REPLACED).exists() and (draft_path(path) / ROOT).exists()


def take_place(path: Path) -> None:
    """Move the parts of the corrected store to their place; begun before, it goes on.

    Args:
        path: Of the old store, which the caller has locked; the new one is complete.

    Raises:
        OSError: The file system refuses; called again, it goes on from there.
    """
    draft, replaced = draft_path(path), path / STATE / REPLACED
    replaced.mkdir(exist_ok=True)
    _local.sync_files([replaced])
    for part in PARTS:
        if not (draft / part).exists():
            continue  # it has moved already
        if (path / part).exists():
            (path / part).rename(replaced / part)
        (draft / part).rename(path / part)
    (draft / ROOT).replace(path / ROOT)
    _local.sync_files([path / ROOT, replaced])
    StateFolder(path).clear()


def settle(path: str | os.PathLike[str]) -> None:
    """Bring to its end what was stopped while a corrected store took the place of another.

    Args:
        path: Of a store, which may not exist.

    Raises:
        StoreError: Another process is at it, or the disk refuses.
    """
    store = Path(path)
    if not (store / STATE / REPLACED).exists():
        return
    with writing(store), locked(store) as lock:
        if is_mixed(store):
            take_place(store)
        else:
            StateFolder(store).clear()  # all had moved, and only the remains were left
    let_go(store, lock)


def check_settled(path: Path) -> None:
    """See that a store is not half replaced.

    Raises:
        StoreError: It is.
    """
    if is_mixed(path):
        raise StoreError(
            f"{path} was stopped while a correction took its place: run the same 'earvid track' "
            f"again to finish that."
        )
