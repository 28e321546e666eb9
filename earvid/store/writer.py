"""The one writer of a store."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from earvid.errors import StoreError
from earvid.store._errors import reading, writing
from earvid.store._json import plain
from earvid.store.layout import VARIABLES, arrays
from earvid.store.opening import NOT_LOOKED, Seen, begin, let_go, reopen
from earvid.store.place import ROOT, AnyPath, Lock, Place, place_of
from earvid.store.record import PENDING, FrameRecord, ShardBuffer, check_record
from earvid.store.spec import StoreSpec
from earvid.store.state import StateFolder

MAX_OPEN = 2  # shards in memory at a time: the one where two directions meet, and the one in work
BANK = "bank"


class StoreWriter:
    """Writes a store, a whole shard at a time; to be had from `create` or `resume`.

    Frames arrive in any order that keeps at most two shards open, such as forwards or backwards. A
    shard goes to disk once all its frames are there: images, tracks, then `status`. Killed at any
    instant, a store is opened again with `resume`; frames added anew replace what is there. ::

        with StoreWriter.create("clip.earvid.zarr", spec) as writer:
            for record in records:
                if writer.add(record) is not None:
                    writer.save_state({"bank": bank_as_bytes()})
            writer.finish({"seen": 250})

    Attributes:
        path: Or URL of the store.
        spec: Of the store.
    """

    def __init__(self, place: Place, spec: StoreSpec, lock: Lock) -> None:
        self.path = place.path
        self.spec = spec
        self._place = place
        self._lock = lock
        self._root = zarr.open_group(place.zarr(), mode="r+", zarr_format=3)
        # Of images, zarr would see whether they are all background, which takes longer than to
        # compress them.
        self._arrays = {
            name: array.with_config({"write_empty_chunks": True}) if array.shards else array
            for name, array in arrays(self._root).items()
        }
        self._state = StateFolder(place)
        self._buffers: dict[int, ShardBuffer] = {}
        self._closed = False

    @classmethod
    def create(cls, path: AnyPath, spec: StoreSpec, *, seen: Seen = NOT_LOOKED) -> Self:
        """Begin a store; an earvid store that is there already is replaced (see `decide`).

        Args:
            path: Or URL, ``s3://bucket/key.zarr``, of the store.
            spec: Of the store.
            seen: What `read_header` returned when it was decided to begin a store. A store that
                another process made since then is not replaced.

        Raises:
            StoreError: There is something else, another process is writing or wrote since, or the
                disk refuses.
        """
        place = place_of(path)
        return cls(place, spec, begin(place, spec, seen))

    @classmethod
    def resume(cls, path: AnyPath, spec: StoreSpec) -> Self:
        """Go on with a store that is not complete.

        Raises:
            StoreError: There is none, it is complete or was made another way, another process is
                writing it, or the disk refuses.
        """
        place = place_of(path)
        return cls(place, spec, reopen(place, spec))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def open_shards(self) -> tuple[int, ...]:
        """Shards of which some frames are there, but not all."""
        return tuple(sorted(self._buffers))

    @property
    def status(self) -> NDArray[np.uint8]:
        """(N,) uint8 as on disk: 0 pending, 1 done, 2 corrected by hand."""
        with reading(self.path, "The status"):
            return np.asarray(self._arrays["status"][:], np.uint8)

    @property
    def pending(self) -> int:
        """Frames that are not on disk yet; at 0 there is nothing left but `finish`."""
        return int(np.count_nonzero(self.status == PENDING))

    def add(self, record: FrameRecord) -> int | None:
        """Take a finished frame; its arrays are copied.

        Returns:
            The shard that is now whole and on disk, if any.

        Raises:
            StoreError: The frame does not fit or came twice, a third shard would be opened, or the
                disk refuses; the shard then stays open.
        """
        self._check_open()
        check_record(record, self.spec)
        shard = record.index // self.spec.shard_length
        buffer = self._buffer(shard)
        buffer.put(record)
        if not buffer.is_whole:
            return None
        with writing(self.path):
            self._write(shard, buffer)
        del self._buffers[shard]
        return shard

    def save_state(self, blobs: Mapping[str, bytes]) -> None:
        """Replace what `load_state` returns, wholly or not at all.

        It must speak of whole shards only: `add` returned them before this call.

        Raises:
            StoreError: The disk refuses; the state before is kept.
        """
        self._save(BANK, blobs)

    def load_state(self) -> dict[str, bytes] | None:
        """What was last saved; None when there is none, or it is damaged: begin at the start."""
        return self._load(BANK)

    def stage(self, shard: int, blobs: Mapping[str, bytes]) -> None:
        """Keep what one direction knows of a shard until the other one completes it.

        Raises:
            StoreError: The disk refuses; what was staged before is kept.
        """
        self._save(_stage_name(shard), blobs)

    def load_stage(self, shard: int) -> dict[str, bytes] | None:
        """What was staged; None when there is nothing, or it is damaged."""
        return self._load(_stage_name(shard))

    def drop_stage(self, shard: int) -> None:
        """Remove what was staged; only once a state was saved that does not need it."""
        self._check_open()
        with writing(self.path):
            self._state.drop(_stage_name(shard))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Declare the store complete, and close it.

        Args:
            summary: What it came to, for `Store.summary`; NaN becomes null.

        Raises:
            StoreError: Frames are missing, or the disk refuses.
        """
        self._check_open()
        head = {
            **self._root.metadata.attributes["earvid"],
            "complete": True,
            "summary": plain(summary),
        }
        if self.pending:
            raise StoreError(
                f"{self.pending} of {self.spec.frame_count} frames of {self.path} are missing: "
                f"run the same again to add them."
            )
        with writing(self.path):
            self._state.clear()
            self._root.update_attributes({"earvid": head})  # zarr replaces the file in one step
            self._place.sync([ROOT])
        self.close()

    def close(self) -> None:
        """Let others write; frames of open shards are forgotten. More than one call is fine."""
        if self._closed:
            return
        self._closed = True
        self._buffers.clear()
        let_go(self._place, self._lock)

    def _buffer(self, shard: int) -> ShardBuffer:
        if shard not in self._buffers:
            if len(self._buffers) >= MAX_OPEN:
                raise StoreError(
                    f"Shards {self.open_shards} are still open: add their frames before those of "
                    f"shard {shard}."
                )
            self._buffers[shard] = ShardBuffer(self.spec, shard)
        return self._buffers[shard]

    def _write(self, shard: int, buffer: ShardBuffer) -> None:
        files = [variable.chunk_key(shard) for variable in VARIABLES]
        # A shard that is there is taken away from `status` on, rather than read and merged by
        # zarr: at no time is a frame marked done whose arrays are not there.
        for file in reversed(files):
            self._place.delete(file)
        rows = slice(buffer.frames.start, buffer.frames.stop)
        for variable, file in zip(VARIABLES, files, strict=True):
            if file is files[-1]:
                self._place.sync(files[:-1])
            values = buffer.values[variable.name]
            if values.size:
                self._arrays[variable.name][rows] = values
        self._place.sync(files[-1:])

    def _save(self, name: str, blobs: Mapping[str, bytes]) -> None:
        self._check_open()
        with writing(self.path):
            self._state.save(name, blobs)

    def _load(self, name: str) -> dict[str, bytes] | None:
        with reading(self.path, f"The state {name!r}"):
            return self._state.load(name)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The writer of {self.path} is closed: resume the store to go on.")
        self._lock.confirm()


def _stage_name(shard: int) -> str:
    return f"stage-{shard}"
