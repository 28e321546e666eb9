"""Where a picture or page goes: checked before any work, and written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from earvid.errors import UsageError
from earvid.qc.templates import is_ours


def check_output(path: Path, suffix: str, *, overwrite: bool) -> None:
    """See that a file can be written.

    Args:
        path: where to.
        suffix: the only one that makes sense, such as ``.png``.
        overwrite: whether a file of this name may be replaced.

    Raises:
        UsageError: it cannot; the sentence says why.
    """
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}; the output is always {suffix}.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; create it first.")
    _check_name(path, free=overwrite)


def check_page(path: Path, *, overwrite: bool) -> None:
    """See that a page can be written; one that is there is replaced if it is ours.

    Args:
        path: where to; its folder may have to be made.
        overwrite: whether a file that is no page of ours may be replaced, too.

    Raises:
        UsageError: it cannot; the sentence says why.
    """
    _check_name(path, free=overwrite or is_ours(path))


def _check_name(path: Path, *, free: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; choose another name.")
    if path.exists() and not free:
        raise UsageError(f"{path} is there already; choose another name or add --overwrite.")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step, in a folder that is made if it is missing.

    Raises:
        UsageError: the folder or disk refuses.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # such as that its folder is none
            partial.unlink()
        reason = error.strerror or "no reason given"
        raise UsageError(f"{path} cannot be written ({reason}); choose another place.") from error
