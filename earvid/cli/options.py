"""Kinds of option values, each refused in one sentence when it makes no sense."""

from __future__ import annotations

import math
from pathlib import Path

import click
from click.core import ParameterSource

FILE = click.Path()
"""For files and folders, so that a shell can complete their names; see :func:`as_path`."""


def as_path(
    ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None
) -> Path | tuple[Path, ...] | None:
    """Callback of a :data:`FILE` option: its text, or several, as paths."""
    if isinstance(value, tuple):
        return tuple(map(_path, value))
    return None if value is None else _path(value)


def _path(text: str) -> Path:
    if not text:
        raise click.BadParameter("a file name cannot be empty.")
    path = Path(text)
    # The names of results are made from this one, and '.' and '..' have none.
    return path.resolve() if path.name in ("", "..") else path


def positive(text: str | float) -> float:
    """Parse a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise click.BadParameter(f"{text!r} is not a number above 0.")
    return value


def lengths(text: str) -> tuple[int, ...]:
    """Parse frames per clip, such as ``3,4,6,8``."""
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 2:
        raise click.BadParameter(f"{text!r} is not whole numbers of at least 2, such as 3,4,6,8.")
    return values


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether an option stood on the command line, rather than having its default."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def refuse_given(ctx: click.Context, reason: str, *names: str) -> None:
    """Refuse options that would do nothing.

    Raises:
        click.UsageError: one of them was given.
    """
    for param in ctx.command.params:
        if param.name in names and was_given(ctx, param.name):
            raise click.UsageError(f"{param.opts[-1]} does nothing {reason}.", ctx)
