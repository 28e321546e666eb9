"""One sentence for each way in which a disk, a network or a damaged store can fail."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from earvid.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
# Where a machine of AWS would tell the keys of its role, which is asked when nobody gave any.
_OF_ROLES = ("/latest/api/token", "/latest/meta-data/iam/")

AnyPath = str | os.PathLike[str]


class StoreBusyError(StoreError):
    """Another process is writing the store, and may end."""


@contextmanager
def reaching(path: AnyPath) -> Iterator[None]:
    """Turn what a server or the way to it says into a `StoreError`."""
    try:
        yield
    except _remote() as error:
        raise StoreError(_remote_sentence(os.fspath(path), error)) from error


@contextmanager
def writing(path: AnyPath) -> Iterator[None]:
    """Turn what the file system says while ``path`` is written into a `StoreError`."""
    try:
        with reaching(path):
            yield
    except OSError as error:
        raise StoreError(_sentence(os.fspath(path), error)) from error


@contextmanager
def reading(path: AnyPath, what: str) -> Iterator[None]:
    """Turn what zarr says about damaged bytes into a `StoreError`."""
    try:
        with reaching(path):
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
    if isinstance(error, FileNotFoundError) and error.errno is None:
        return f"There is no bucket for {path}: make it first, or check its name."
    reason = error.strerror or str(error) or type(error).__name__
    return f"{path} cannot be written ({reason}): choose another place for the store."


def _remote() -> tuple[type[Exception], ...]:
    """What goes wrong with a bucket; nothing as long as there was none."""
    known = sys.modules.get("obstore.exceptions")
    return () if known is None else (known.BaseError,)


def _remote_sentence(path: str, error: Exception) -> str:
    known = sys.modules["obstore.exceptions"]
    if isinstance(error, known.PermissionDeniedError | known.UnauthenticatedError):
        return (
            f"{path} may not be used with these credentials: check AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, and what they are allowed to do with the bucket."
        )
    reason = str(error).partition("\n")[0].rstrip(". ")
    if any(one in reason for one in _OF_ROLES):
        return (
            f"{path} needs keys, and this machine has no role either: set AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY."
        )
    if "NoSuchBucket" in str(error):
        return f"There is no bucket for {path}: make it first, or check its name."
    return f"{path} cannot be reached ({reason}): run the same again when it can."
