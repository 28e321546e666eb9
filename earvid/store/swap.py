"""Putting a corrected store in the place of the one that it corrects.

A file system replaces one file in a single step, but not a folder by another. The parts of a store
therefore move one after the other, its root metadata, which names the new fingerprint, last; and
for that time a folder says that old and new are mixed. Whoever is killed in between leaves that
folder, nothing is read from such a store, and :func:`settle` brings the move to its end. What can
be lost is never more than time: the new store is whole before the first part moves.
"""

from earvid.errors import StoreError
from earvid.store._errors import reaching, writing
from earvid.store.opening import let_go, locked
from earvid.store.place import ROOT, STATE, AnyPath, Place, StorePath, place_of
from earvid.store.state import StateFolder

DRAFT = "correction"  # in the state folder: the store that is to take the place of this one
REPLACED = "replaced"  # likewise: parts of the old store, which is mixed with the new as long
PARTS = ("proxy", "labels", "tracks")


def draft_path(path: StorePath) -> StorePath:
    """Where the corrected store grows."""
    return path / STATE / DRAFT


def is_mixed(place: Place) -> bool:
    """Whether a corrected store has begun, but not ended, to take this one's place."""
    return place.exists(f"{STATE}/{REPLACED}") and place.exists(f"{STATE}/{DRAFT}/{ROOT}")


def take_place(place: Place) -> None:
    """Move the parts of the corrected store to their place; begun before, it goes on.

    Args:
        place: Of the old store, which the caller has locked; the new one is complete.

    Raises:
        OSError: The file system refuses; called again, it goes on from there.
    """
    place.take_over(f"{STATE}/{DRAFT}", f"{STATE}/{REPLACED}", PARTS)
    StateFolder(place).clear()


def settle(path: AnyPath) -> None:
    """Bring to its end what was stopped while a corrected store took the place of another.

    Args:
        path: Of a store, which may not exist.

    Raises:
        StoreError: Another process is at it, or the disk refuses.
    """
    place = place_of(path)
    with reaching(place.path):
        if not place.exists(f"{STATE}/{REPLACED}"):
            return
    with writing(place.path), locked(place) as lock:
        if is_mixed(place):
            take_place(place)
        else:
            StateFolder(place).clear()  # all had moved, and only the remains were left
    let_go(place, lock)


def check_settled(place: Place) -> None:
    """See that a store is not half replaced.

    Raises:
        StoreError: It is.
    """
    with reaching(place.path):
        mixed = is_mixed(place)
    if mixed:
        raise StoreError(
            f"{place.path} was stopped while a correction took its place: run the same 'earvid "
            f"correct' or 'earvid track' again to finish that."
        )
