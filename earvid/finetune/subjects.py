"""Whose ear it is, and which people's photos are kept for validation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch

from earvid.errors import UsageError
from earvid.finetune.settings import FinetuneSettings

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


def clip_subject(name: str, pattern: str | None = None) -> str:
    """Find the subject in the name ``folder/stem`` of a clip, by the same rule as of a photo."""
    return subject_of(name, pattern)


def held_subjects(named: Sequence[tuple[str, str]], settings: FinetuneSettings) -> frozenset[str]:
    """Choose the subjects to hold out.

    Args:
        named: name and subject of everything.
        settings: the share, or the patterns, and the seed.

    Raises:
        UsageError: a pattern matches nothing, nothing would be left to learn from, or there is
            only one subject.
    """
    subjects = sorted({subject for _, subject in named})
    if settings.hold_out:
        return _by_pattern(named, subjects, settings.hold_out)
    if settings.validation == 0:
        return frozenset()
    if len(subjects) == 1:
        raise UsageError(
            f"All data is of one subject ({subjects[0]!r}), so that none can be held out; tell "
            "subjects apart by --subject, or train without validation by --validation 0."
        )
    return share_of(subjects, settings.validation, settings.seed)


def share_of(subjects: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """Draw a share of at least two subjects: at least one, and not all."""
    # By hash, so that one more subject in the data moves no other across the border.
    drawn = sorted(subjects, key=lambda s: hashlib.sha256(f"{seed}:{s}".encode()).digest())
    count = min(max(1, round(share * len(drawn))), len(drawn) - 1)
    return frozenset(drawn[:count])


def _by_pattern(
    named: Sequence[tuple[str, str]], subjects: Sequence[str], patterns: Sequence[str]
) -> frozenset[str]:
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name, _ in named):
            raise UsageError(f"The hold-out pattern {pattern!r} matches no photo and no clip.")
    held = {s for name, s in named if any(fnmatch(name, p) for p in patterns)}
    if held == set(subjects):
        raise UsageError(
            "The hold-out patterns match photos of every subject and leave none to learn from."
        )
    return frozenset(held)
