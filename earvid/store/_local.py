"""What only a local file system can do: locks, files that appear whole, and tidying folders."""

import errno
import logging
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from earvid.store._errors import StoreBusyError

_log = logging.getLogger(__name__)

PARTIAL = ".partial"  # zarr's suffix for a file that is being written, and ours


class WriterLock:
    """Keeps other writers out of a store until it is released or the process dies.

    The kernel holds the lock, so that one left behind by a killed process counts for nothing, even
    when another process has its number by now. The number in the file is for people.

    Args:
        path: The lock file; its folder is made when absent.

    Raises:
        StoreBusyError: A live process holds the lock.
        OSError: The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handle: int | None = _take(path)

    def confirm(self) -> None:
        """Nothing: the kernel takes no lock away."""

    def release(self) -> None:
        """Let others in; more than one call does no harm."""
        if self._handle is None:
            return
        with suppress(OSError):  # a folder that became read-only still has to be let go
            self.path.unlink()
        os.close(self._handle)
        self._handle = None


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StoreBusyError(
                f"Process {holder} is writing {path.parent.parent}: wait for it to end, or stop it."
            ) from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                os.close(handle)
                raise
            _log.warning("%s is on a file system without locks; start no second writer", path)
        if _is_still(handle, path):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            return handle
        os.close(handle)  # its last owner removed the file after we had opened it


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 1 << 20, os.SEEK_SET)  # far behind the number, which stays readable
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def write_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file that, whatever happens, is afterwards either the old one or wholly the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + PARTIAL)
    try:
        with draft.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def sync_files(paths: Iterable[Path]) -> None:
    """Have the disk hold these files, of which any may be absent, and their names."""
    present = [path for path in paths if path.exists()]
    for path in present:
        _sync(path)
    for folder in {path.parent for path in present}:
        _sync(folder)


def _sync(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the drafts that a killed writer left."""
    for draft in folder.rglob(f"*{PARTIAL}"):
        draft.unlink(missing_ok=True)


def clear(folder: Path, keep: Iterable[str]) -> None:
    """Remove all that is in a folder, but for the named entries."""
    kept = set(keep)
    for entry in folder.iterdir():
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def is_blank(folder: Path, harmless: str) -> bool:
    """Whether a folder holds nothing but drafts and, at most, the entry named ``harmless``."""
    return all(e.name == harmless or e.name.endswith(PARTIAL) for e in folder.iterdir())


def remove_if_empty(folder: Path) -> None:
    """Remove a folder with nothing in it, and leave any other."""
    with suppress(OSError):
        folder.rmdir()
