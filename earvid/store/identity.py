"""What lies at a path, and what is to be done about it."""

import enum
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from earvid.errors import StoreError
from earvid.store import _local
from earvid.store.spec import SCHEMA, VERSION
from earvid.store.state import STATE


class Decision(enum.Enum):
    """What to do about a store path."""

    CREATE = "create"
    RESUME = "resume"
    SKIP = "skip"
    CORRECT = "correct"


def decide(path: str | os.PathLike[str], fingerprint: str, *, overwrite: bool = False) -> Decision:
    """Say whether to begin a store, to go on with it, or to leave it.

    Args:
        path: Of the store, which may not exist yet.
        fingerprint: sha256 hex of all that decides what its arrays will hold.
        overwrite: Begin anew whatever the store there holds.

    Returns:
        CREATE where there is none, RESUME for one that is not complete, SKIP for one that is.

    Raises:
        StoreError: The store there was made another way, or there is something that is no store;
            that is not replaced, with ``overwrite`` either.
    """
    head = read_header(Path(path))
    if head is None or overwrite:
        return Decision.CREATE
    check_fingerprint(Path(path), head, fingerprint)
    return Decision.SKIP if head["complete"] else Decision.RESUME


def check_fingerprint(path: Path, head: Mapping[str, Any], fingerprint: str) -> None:
    """See that a store is being made the same way.

    Raises:
        StoreError: It is not.
    """
    if head["fingerprint"] != fingerprint:
        raise StoreError(
            f"{path} was made from another clip, prompt, model or settings: choose another "
            f"output, or replace it with --overwrite."
        )


def read_header(path: Path) -> dict[str, Any] | None:
    """The ``earvid`` attribute of the store at a path.

    Returns:
        None where there is nothing, or an empty folder.

    Raises:
        StoreError: There is something else, or a store of a later version.
    """
    if not path.exists():
        return None
    if path.is_dir() and not (path / "zarr.json").exists() and _is_blank(path):
        return None
    head = _root_attributes(path).get("earvid")
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise _foreign(path)
    if head.get("version") != VERSION:
        raise StoreError(
            f"{path} has version {head.get('version')} of the store's layout and this earvid reads "
            f"version {VERSION}: install the earvid that made it, or choose another output."
        )
    if not {"complete", "fingerprint"} <= head.keys():
        raise _foreign(path)
    return head


def require_header(path: Path) -> dict[str, Any]:
    """The header of a store that has to be there.

    Raises:
        StoreError: It is not, or as for `read_header`.
    """
    head = read_header(path)
    if head is None:
        raise StoreError(f"There is no store at {path}: check the path, or track a clip first.")
    return head


def _is_blank(path: Path) -> bool:
    try:
        return _local.is_blank(path, STATE)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read ({error.strerror}): choose another path."
        ) from error


def _root_attributes(path: Path) -> dict[str, Any]:
    try:
        root = zarr.open_group(path, mode="r", zarr_format=3, use_consolidated=False)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _foreign(path) from error
    return root.attrs.asdict()


def _foreign(path: Path) -> StoreError:
    return StoreError(f"{path} is not an earvid store, and is left alone: choose another path.")
