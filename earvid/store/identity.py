"""What lies at a path, and what is to be done about it."""

import enum
from collections.abc import Mapping
from typing import Any

import zarr

from earvid.errors import StoreError
from earvid.store._errors import reaching
from earvid.store.place import AnyPath, Place, StorePath, place_of, store_path
from earvid.store.spec import READABLE, SCHEMA, VERSION


class Decision(enum.Enum):
    """What to do about a store path."""

    CREATE = "create"
    RESUME = "resume"
    SKIP = "skip"
    CORRECT = "correct"


def decide(path: AnyPath, fingerprint: str, *, overwrite: bool = False) -> Decision:
    """Say whether to begin a store, to go on with it, or to leave it.

    Args:
        path: Or URL of the store, which may not exist yet.
        fingerprint: sha256 hex of all that decides what its arrays will hold.
        overwrite: Begin anew whatever the store there holds.

    Returns:
        CREATE where there is none, RESUME for one that is not complete, SKIP for one that is.

    Raises:
        StoreError: The store there was made another way, or there is something that is no store;
            that is not replaced, with ``overwrite`` either.
    """
    head = read_header(path)
    if head is None or overwrite:
        return Decision.CREATE
    check_fingerprint(path, head, fingerprint)
    return Decision.SKIP if head["complete"] else Decision.RESUME


def check_fingerprint(path: AnyPath, head: Mapping[str, Any], fingerprint: str) -> None:
    """See that a store is being made the same way.

    Raises:
        StoreError: It is not.
    """
    if head["fingerprint"] != fingerprint:
        raise StoreError(
            f"{store_path(path)} was made from another clip, prompt, model or settings: choose "
            f"another output, or replace it with --overwrite."
        )


def read_header(path: AnyPath) -> dict[str, Any] | None:
    """The ``earvid`` attribute of the store at a path.

    Returns:
        None where there is nothing, or an empty folder.

    Raises:
        StoreError: There is something else, or a store of a later version.
    """
    place = place_of(path)
    if _is_blank(place):
        return None
    head = _root_attributes(place).get("earvid")
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise _foreign(place.path)
    if head.get("version") not in READABLE:
        raise StoreError(
            f"{place.path} has version {head.get('version')} of the store's layout and this earvid "
            f"reads versions up to {VERSION}: install the earvid that made it, or choose another "
            f"output."
        )
    if not {"complete", "fingerprint"} <= head.keys():
        raise _foreign(place.path)
    return head


def require_header(path: AnyPath) -> dict[str, Any]:
    """The header of a store that has to be there.

    Raises:
        StoreError: It is not, or as for `read_header`.
    """
    head = read_header(path)
    if head is None:
        at = store_path(path)
        raise StoreError(f"There is no store at {at}: check the path, or track a clip first.")
    return head


def _is_blank(place: Place) -> bool:
    with reaching(place.path):
        try:
            return place.is_blank()
        except OSError as error:
            reason = error.strerror or "nothing is there"
            raise StoreError(
                f"{place.path} cannot be read ({reason}): choose another path."
            ) from error


def _root_attributes(place: Place) -> dict[str, Any]:
    with reaching(place.path):
        try:
            root = zarr.open_group(place.zarr(), mode="r", zarr_format=3, use_consolidated=False)
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise _foreign(place.path) from error
        return root.attrs.asdict()


def _foreign(path: StorePath) -> StoreError:
    return StoreError(f"{path} is not an earvid store, and is left alone: choose another path.")
