"""A store in a folder of a file system."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from earvid.store import _local
from earvid.store.place import ROOT, STATE


class Folder:
    """A folder as a :class:`earvid.store.place.Place`.

    Args:
        path: Of the store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Of the store."""
        return self._path

    def zarr(self) -> Path:
        """What zarr opens."""
        return self._path

    def is_blank(self) -> bool:
        """Whether nothing is here, or nothing but drafts and state."""
        if not self._path.exists():
            return True
        if not self._path.is_dir() or self.exists(ROOT):
            return False
        return _local.is_blank(self._path, STATE)

    def exists(self, key: str) -> bool:
        """Whether there is such a file or folder."""
        return (self._path / key).exists()

    def read(self, key: str) -> bytes | None:
        """Content of a file; None where there is none."""
        try:
            return (self._path / key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, parts: Sequence[bytes]) -> None:
        """Write a file, whole or not at all, down to the disk."""
        _local.write_file(self._path / key, parts)

    def delete(self, key: str) -> None:
        """Remove a file if it is there."""
        (self._path / key).unlink(missing_ok=True)

    def clear(self, folder: str, keep: Collection[str] = ()) -> None:
        """Remove what is in a folder, but for the named entries."""
        if (self._path / folder).exists():
            _local.clear(self._path / folder, keep)

    def sync(self, keys: Iterable[str]) -> None:
        """Have the disk hold these files."""
        _local.sync_files([self._path / key for key in keys])

    def sweep(self) -> None:
        """Remove the drafts that a killed writer left."""
        _local.sweep(self._path)

    def lock(self, key: str) -> _local.WriterLock:
        """Take the lock of the store."""
        return _local.WriterLock(self._path / key)

    def tidy(self, folder: str) -> None:
        """Remove a folder with nothing in it."""
        _local.remove_if_empty(self._path / folder)

    def take_over(self, draft: str, aside: str, parts: Sequence[str]) -> None:
        """Move one part after the other: the old one aside, the new one to its place."""
        new, replaced = self._path / draft, self._path / aside
        replaced.mkdir(exist_ok=True)
        _local.sync_files([replaced])
        for part in parts:
            if not (new / part).exists():
                continue  # it has moved already
            if (self._path / part).exists():
                (self._path / part).rename(replaced / part)
            (new / part).rename(self._path / part)
        (new / ROOT).replace(self._path / ROOT)
        _local.sync_files([self._path / ROOT, replaced])
