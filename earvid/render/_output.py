"""Checks on where a picture or video goes, before any work is done."""

import os
from pathlib import Path

from earvid.errors import UsageError


def checked_output(
    path: str | os.PathLike[str], suffix: str, *, source: Path, overwrite: bool
) -> Path:
    """Give the path of an output that can be written.

    Args:
        path: Where to.
        suffix: The only one that makes sense, such as `.mp4`.
        source: The clip, which is never replaced.
        overwrite: Whether a file of this name may be replaced.

    Raises:
        UsageError: The suffix is another, the folder is missing or cannot be written to, or the
            file exists or is the clip itself.
    """
    out = Path(path)
    if out.suffix.lower() != suffix:
        raise UsageError(f"{out} does not end in {suffix}; the output is always {suffix}.")
    if not out.parent.is_dir():
        raise UsageError(f"The folder {out.parent} does not exist; create it first.")
    if not os.access(out.parent, os.W_OK):
        raise UsageError(f"The folder {out.parent} cannot be written to; choose another.")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; choose another name.")
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the clip itself; choose another name.")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already; choose another name or overwrite.")
    return out
