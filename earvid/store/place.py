"""Where a store lies: a folder, or a prefix of an S3 bucket. All that tells them apart is here.

The writer asks little of a place, and both kinds have it:

- A file is replaced in one step, whole or not at all: by a rename in a folder, by a PUT in a
  bucket.
- What was written is there for whoever looks next, after a loss of power too: by fsync, or because
  the answer to a PUT comes after that.
- One writer at a time holds a lock: the kernel's, or a lease on an object. Nothing is changed
  without it, and who has lost it changes nothing any more.

A bucket renames nothing. Where a folder is moved, objects are copied within the bucket, and what
says that this has begun is removed once they all are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Protocol, TypeAlias

from earvid.errors import StoreError

if TYPE_CHECKING:
    from zarr.storage import StoreLike

SCHEME = "s3"
ROOT = "zarr.json"
STATE = "state"
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/")  # with one letter it is a drive


class RemotePath(PurePosixPath):
    """``s3://bucket/key``, with the parts of a path but none of its files.

    Made of a URL, or of the one slash after ``s3:`` that `pathlib` leaves of it.
    """

    def __str__(self) -> str:
        scheme, _, rest = super().__str__().partition("/")
        return f"{scheme}//{rest}"

    def __fspath__(self) -> str:
        return str(self)

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.parts[1]

    @property
    def key(self) -> str:
        """Of the store in the bucket."""
        return "/".join(self.parts[2:])


StorePath: TypeAlias = Path | RemotePath
AnyPath: TypeAlias = str | os.PathLike[str]


def store_path(value: AnyPath) -> StorePath:
    """Tell a URL from a path.

    Raises:
        StoreError: It is a URL of another kind, or lacks the bucket or the key.
    """
    text = value.as_posix() if isinstance(value, PurePath) else os.fspath(value)
    url = _URL.match(text)
    if url is None:
        return Path(value)
    if url[1] != SCHEME:
        raise StoreError(f"{text} is no place for a store: give a path, or s3://bucket/key.zarr.")
    path = RemotePath(text)
    if len(path.parts) < 3 or ".." in path.parts:
        raise StoreError(f"{path} names no store in a bucket: write s3://bucket/key.zarr.")
    return path


class Lock(Protocol):
    """Keeps other writers out until it is released or its owner is gone."""

    def confirm(self) -> None:
        """See that it still does.

        Raises:
            StoreError: It does not; nothing may be written any more.
        """

    def release(self) -> None:
        """Let others in; more than one call does no harm."""


class Place(Protocol):
    """What a store needs of where it lies; keys are relative to the store, with slashes.

    Errors of a disk or a network come as `OSError` or as those of the library, which
    :mod:`earvid.store._errors` puts into words.
    """

    @property
    def path(self) -> StorePath:
        """Of the store."""

    def zarr(self) -> StoreLike:
        """What zarr opens."""

    def is_blank(self) -> bool:
        """Whether nothing is here, or nothing but drafts and the state of a store."""

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""

    def read(self, key: str) -> bytes | None:
        """Content of a file; None where there is none."""

    def write(self, key: str, parts: Sequence[bytes]) -> None:
        """Write a file that is afterwards, whatever happens, the old one or wholly the new."""

    def delete(self, key: str) -> None:
        """Remove a file if it is there."""

    def clear(self, folder: str, keep: Collection[str] = ()) -> None:
        """Remove what is in a folder, "" for all, but for the named entries."""

    def sync(self, keys: Iterable[str]) -> None:
        """See that these files, of which any may be absent, survive a loss of power."""

    def sweep(self) -> None:
        """Remove the drafts that a killed writer left."""

    def lock(self, key: str) -> Lock:
        """Take the lock of the store.

        Raises:
            StoreBusyError: Another writer has it.
        """

    def tidy(self, folder: str) -> None:
        """Remove a folder with nothing in it, where there is such a thing."""

    def take_over(self, draft: str, aside: str, parts: Sequence[str]) -> None:
        """Put the store in the folder ``draft`` in the place of this one; begun before, go on.

        Args:
            draft: Where the new store is, whole.
            aside: Exists from the first change until the caller removes it; what has to make way
                goes there, if anything does.
            parts: Entries of a store, but for `ROOT`, which comes last.
        """


def place_of(path: AnyPath) -> Place:
    """The place that a path or URL names; nothing is looked at.

    Raises:
        StoreError: It is no place for a store, or what reaches it is not installed.
    """
    at = store_path(path)
    if isinstance(at, RemotePath):
        from earvid.store._bucket import Bucket

        return Bucket(at)
    from earvid.store._folder import Folder

    return Folder(at)
