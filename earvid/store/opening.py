"""Taking hold of a store in order to write it: begin one, or go on with one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
import zarr

from earvid.errors import StoreError
from earvid.store._errors import reading, writing
from earvid.store.identity import check_fingerprint, read_header, require_header
from earvid.store.layout import array, arrays, build, is_built
from earvid.store.ngff import root_ome
from earvid.store.place import ROOT, STATE, Lock, Place
from earvid.store.spec import StoreSpec, header, shape_of
from earvid.store.state import LOCK, StateFolder

Seen = Mapping[str, Any] | None
NOT_LOOKED: Seen = MappingProxyType({})


def begin(place: Place, spec: StoreSpec, seen: Seen = NOT_LOOKED) -> Lock:
    """Make an empty store; an earvid store that is there is replaced.

    The root's metadata comes first and names the new fingerprint, so that at no time the remains
    of an old store pass for the new one.

    Args:
        place: Of the store.
        spec: Of the store.
        seen: Header of the store that may be replaced, as it was when that was decided; None when
            nothing was there.

    Raises:
        StoreError: There is something else, another process is writing or wrote since, or the disk
            refuses.
    """
    there = read_header(place.path)  # refuses what is no store
    with locked(place) as lock:
        check_unchanged(place, there if seen is NOT_LOOKED else seen)
        _write_root(place, spec)
        _rebuild(place, spec)
    return lock


def reopen(place: Place, spec: StoreSpec) -> Lock:
    """Make a store that is not complete fit to be gone on with.

    Raises:
        StoreError: There is none, it is complete or was made another way, another process is
            writing it, or the disk refuses.
    """
    require_header(place.path)
    with locked(place) as lock:
        _check_resumable(place, spec)
        place.sweep()
        if not is_built(zarr.open_group(place.zarr(), mode="r", zarr_format=3)):
            _rebuild(place, spec)
        _check_arrays(place, spec)
    return lock


def let_go(place: Place, lock: Lock) -> None:
    """Release a store; its state folder goes with the lock when nothing else is in it."""
    lock.release()
    place.tidy(STATE)


def check_unchanged(place: Place, seen: Seen) -> None:
    """See that nobody replaced or finished a store since its header was looked at.

    Raises:
        StoreError: Somebody did.
    """
    if read_header(place.path) != seen:
        raise StoreError(
            f"Another process wrote {place.path} in the meantime: run the same again to see what "
            f"is left to do."
        )


@contextmanager
def locked(place: Place) -> Iterator[Lock]:
    """Hold the lock; it is kept on the way out, and let go on an error."""
    with writing(place.path):
        lock = place.lock(f"{STATE}/{LOCK}")
        try:
            yield lock
        except BaseException:
            let_go(place, lock)
            raise


def _write_root(place: Place, spec: StoreSpec) -> None:
    attributes: dict[str, Any] = {"earvid": header(spec), "ome": root_ome(spec)}
    if place.exists(ROOT):
        # Opened without the consolidated metadata, it is written without, too: see `build`.
        root = zarr.open_group(place.zarr(), mode="r+", zarr_format=3, use_consolidated=False)
        root.attrs.put(attributes)
    else:
        zarr.create_group(place.zarr(), attributes=attributes, zarr_format=3)


def _rebuild(place: Place, spec: StoreSpec) -> None:
    place.clear("", keep=[ROOT, STATE])
    StateFolder(place).clear()
    build(zarr.open_group(place.zarr(), mode="r+", zarr_format=3, use_consolidated=False), spec)


def _check_resumable(place: Place, spec: StoreSpec) -> None:
    path = place.path
    head = require_header(path)
    if head["complete"]:
        raise StoreError(f"{path} is complete, so there is nothing to go on with: open it instead.")
    check_fingerprint(path, head, spec.fingerprint)
    for key, value in shape_of(spec).items():
        if head.get(key) != value:
            raise StoreError(
                f"{path} was begun with another {key.replace('_', ' ')} ({head.get(key)} rather "
                f"than {value}): replace it with --overwrite."
            )


def _check_arrays(place: Place, spec: StoreSpec) -> None:
    with reading(place.path, "The layout"):
        root = zarr.open_group(place.zarr(), mode="r", zarr_format=3)
        arrays(root)
        same = np.array_equal(np.asarray(array(root, "tracks/time")[:]), spec.times)
    if not same:
        raise StoreError(
            f"{place.path} was begun with other times of its frames: replace it with --overwrite."
        )
