"""Identifying a clip by its content."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(files: Iterable[Path]) -> str:
    """The sha256 over the names and contents of files, in the given order."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0{file_digest(file)}\n".encode())
    return total.hexdigest()
