"""Where an export goes: checked before any work, and there wholly or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earvid.errors import EarvidError, UsageError

MARK = "earvid_export"
"""Stands in the file by which a folder is known to be an export, and may be replaced."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


def check_target(target: Path, *, marker: str, overwrite: bool) -> None:
    """See that an export can be written.

    Args:
        target: the file or folder.
        marker: of a folder, the file in it that holds :data:`MARK`; empty for a file.
        overwrite: whether an earlier export may be replaced.

    Raises:
        UsageError: it cannot; the sentence says why.
    """
    if not target.parent.is_dir():
        raise UsageError(f"The folder {target.parent} does not exist; create it first.")
    if not os.path.lexists(target):
        return
    if target.is_dir() != bool(marker):
        kind = "a folder" if target.is_dir() else "a file"
        raise UsageError(f"{target} is {kind}; choose another name.")
    if marker and not _is_export(target / marker):
        raise UsageError(f"{target} is a folder that no export made; choose another name.")
    if not overwrite:
        raise UsageError(f"{target} is there already; choose another name or add --overwrite.")


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """A hidden path beside the target, which takes its place when the block ends without error.

    Raises:
        EarvidError: the disk is full or refuses.
    """
    path = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        yield path
        _replace(path, target)
    except OSError as error:
        raise EarvidError(_sentence(target, error)) from error
    finally:
        _remove(path)


def _replace(path: Path, target: Path) -> None:
    """Give a draft its name; a folder, which cannot be replaced in one step, is moved away."""
    if not target.is_dir():
        path.replace(target)
        return
    old = target.with_name(f".{os.getpid()}.old.{target.name}")
    target.rename(old)
    try:
        path.rename(target)
    except BaseException:
        old.rename(target)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_export(marker: Path) -> bool:
    try:
        return MARK in marker.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _sentence(target: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return f"The disk is full, so {target} was not written: make room and export again."
    reason = error.strerror or str(error) or type(error).__name__
    return f"{target} cannot be written ({reason}): choose another place."
