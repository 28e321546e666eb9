"""Whose ear it is, by the name of a photo."""

from __future__ import annotations

import re

from earvid.errors import UsageError

_SEPARATOR = re.compile(r"[_\-. ]")
_NUMBERED = re.compile(r"(\D*\d+)\D")


def subject_of(name: str, pattern: str | None = None) -> str:
    """Find the subject in the name ``folder/stem`` of a photo.

    Without a pattern it is the stem up to its first ``_``, ``-``, ``.`` or space: ``017_left_2`` is
    subject ``017``. In a stem without any of these it ends with the first digits that letters
    follow: ``bs003b`` is ``bs003``. Where none do, digits at the end count the photos, unless there
    is nothing else: ``anna12`` is ``anna``, ``0042`` is ``0042``. The folder plays no part, so that
    a person in two folders stays one person.

    Args:
        name: ``folder/stem``.
        pattern: a regular expression searched in ``name``; its first group, or all it matches.

    Raises:
        UsageError: the pattern is not found.
    """
    if pattern is not None:
        found = re.search(pattern, name)
        if found is None:
            raise UsageError(f"The subject pattern {pattern!r} finds nothing in {name!r}.")
        return (found.group(1) if found.re.groups else found.group(0)) or found.group(0)
    stem = name.rsplit("/", 1)[-1]
    first = _SEPARATOR.split(stem.strip("_-. "), maxsplit=1)[0]
    if first != stem:
        return first or stem
    numbered = _NUMBERED.match(stem)
    return numbered.group(1) if numbered else stem.rstrip("0123456789") or stem
