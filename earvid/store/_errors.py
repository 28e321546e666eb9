"""One sentence for each way in which a disk or a damaged store can fail."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from earvid.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}

AnyPath = str | os.PathLike[str]


@contextmanager
def writing(path: AnyPath) -> Iterator[None]:
    """Turn what the file system says while ``path`` is written into a `StoreError`."""
    try:
        yield
    except OSError as error:
        raise StoreError(_sentence(os.fspath(path), error)) from error


@contextmanager
def reading(path: AnyPath, what: str) -> Iterator[None]:
    """Turn what zarr says about damaged bytes into a `StoreError`."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise StoreError(
            f"{what} in {os.fspath(path)} cannot be read, so the store is damaged: "
            f"track the clip again with --overwrite."
        ) from error


def _sentence(path: str, error: OSError) -> str:
    if error.errno in _FULL:
        return (
            f"The disk of {path} is full: make room and run the same again, and it goes on from "
            f"the last whole shard."
        )
    if error.errno in _FORBIDDEN:
        return f"{path} may not be written to: allow it, or choose another place for the store."
    reason = error.strerror or str(error) or type(error).__name__
    return f"{path} cannot be written ({reason}): choose another place for the store."
