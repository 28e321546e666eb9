"""Correcting a complete store: the new one grows beside the old, and takes its place when whole.

As long as it grows, in the state folder of the old store, the old one stays complete and readable.
It is written by a `StoreWriter` as any other, so that a killed run goes on from its last whole
shard. When it is complete it is put in the place of the old one, see :mod:`earvid.store.swap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from earvid.errors import StoreError
from earvid.store._errors import writing
from earvid.store.identity import read_header
from earvid.store.opening import check_unchanged, let_go, locked
from earvid.store.place import STATE, AnyPath, Lock, StorePath, place_of
from earvid.store.spec import StoreSpec, shape_of
from earvid.store.swap import DRAFT, draft_path, take_place
from earvid.store.writer import StoreWriter


class StoreCorrection:
    """Holds a complete store while another is made that is to replace it. ::

        with StoreCorrection("clip.earvid.zarr", spec, seen) as correction:
            if correction.writer is not None:
                for record in records:
                    correction.writer.add(record)
                correction.writer.finish(summary)
            correction.commit()

    Left before `commit`, by an error or a kill, the old store is as it was, and what the writer has
    on disk is gone on with when the same correction is begun again; another one begins anew.

    Args:
        path: Or URL of the complete store.
        spec: Of the new one, whose fingerprint no other correction has.
        seen: Header of the store as it was when the correction was decided.

    Attributes:
        writer: Of the new store; None when it is complete and lacks only `commit`.
    """

    def __init__(self, path: AnyPath, spec: StoreSpec, seen: Mapping[str, Any]) -> None:
        self._place = place_of(path)
        self.path = self._place.path
        self.spec = spec
        self.writer: StoreWriter | None = None
        self._seen = seen
        self._lock: Lock | None = None

    def __enter__(self) -> Self:
        """Take hold of the store.

        Raises:
            StoreError: Another process is writing or wrote it, or the disk refuses.
        """
        with locked(self._place) as lock:
            check_unchanged(self._place, self._seen)
            self.writer = self._open_draft()
        self._lock = lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            self.writer.close()
        if self._lock is not None:
            let_go(self._place, self._lock)

    @property
    def draft(self) -> StorePath:
        """Path of the new store until it takes its place."""
        return draft_path(self.path)

    def commit(self) -> None:
        """Put the new store, which is complete, in the place of the old one.

        Raises:
            StoreError: It is not complete, or the disk refuses.
        """
        if not _head(self.draft).get("complete"):
            raise StoreError(f"The correction of {self.path} is not complete: run it again.")
        with writing(self.path):
            take_place(self._place)

    def _open_draft(self) -> StoreWriter | None:
        head = _head(self.draft)
        wanted = {"fingerprint": self.spec.fingerprint, **shape_of(self.spec)}
        if any(head.get(key) != value for key, value in wanted.items()):
            self._place.clear(f"{STATE}/{DRAFT}")  # of another correction, which was given up
            return StoreWriter.create(self.draft, self.spec)
        return None if head["complete"] else StoreWriter.resume(self.draft, self.spec)


def begun_correction(path: AnyPath, fingerprint: str) -> dict[str, Any] | None:
    """The header of a correction that was begun and not finished; None if there is no such one.

    Args:
        path: Or URL of the store that is corrected.
        fingerprint: Of the corrected store.
    """
    head = _head(draft_path(place_of(path).path))
    return head if head.get("fingerprint") == fingerprint else None


def _head(draft: StorePath) -> dict[str, Any]:
    """The header of an unfinished store of our own; one that cannot be read is begun anew."""
    try:
        return read_header(draft) or {}
    except StoreError:
        return {}
