"""Whose ear it is, and which people's photos are kept for validation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch

from earvid.errors import UsageError
from earvid.finetune.settings import FinetuneSettings
from earvid.train.subjects import subject_of


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
