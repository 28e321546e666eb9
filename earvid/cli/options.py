"""Kinds of option values, each refused in one sentence when it makes no sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])
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


DATA = click.argument(
    "data", nargs=-1, required=True, type=FILE, callback=as_path, metavar="DATA..."
)
"""What is learned from."""

RUN = click.option(
    "--run",
    type=FILE,
    callback=as_path,
    required=True,
    metavar="FOLDER",
    help="Folder of the run; a run that is in it goes on.",
)
"""Where a run is kept."""


def hold_out(text: str) -> Callable[[F], F]:
    """The option ``--hold-out``."""
    return click.option("--hold-out", multiple=True, metavar="PATTERN", help=text)


def minutes(default: float) -> Callable[[F], F]:
    """The option ``--minutes`` of runs that have nothing but time to end them."""
    return click.option(
        "--minutes",
        type=positive,
        default=default,
        show_default=True,
        metavar="N",
        help="Time of the whole run by the clock, over all sessions, with validations; what comes "
        "before the first step and after the last is on top.",
    )


def trunk_weights(text: str) -> Callable[[F], F]:
    """The option ``--trunk-weights``."""
    return click.option("--trunk-weights", type=FILE, callback=as_path, metavar="FILE", help=text)


def output_folder(text: str) -> Callable[[F], F]:
    """The option ``--output`` of verbs that fill a folder."""
    return click.option("--output", type=FILE, callback=as_path, metavar="FOLDER", help=text)


def kinds_of_clips(kinds: Sequence[str], text: str) -> Callable[[F], F]:
    """The option ``--kind``, which can be given again."""
    return click.option("--kind", "kinds", multiple=True, type=click.Choice(kinds), help=text)


def count(name: str, default: int | None, text: str, *, least: int = 1) -> Callable[[F], F]:
    """An option that is a whole number.

    Args:
        name: such as ``--batch``.
        default: None leaves it to the library.
        text: what it is.
        least: smaller ones are refused.
    """
    return click.option(
        name,
        type=click.IntRange(min=least),
        default=default,
        show_default=default is not None,
        metavar="N",
        help=text,
    )


DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes CUDA if there is one, else the CPU.",
)
MODEL = click.option(
    "--model", "name", default="earvid-nano", show_default=True, help="Name of a model."
)
CHECKPOINT = click.option(
    "--checkpoint", type=FILE, callback=as_path, metavar="FILE", help="Weights to use instead."
)
"""Of a model that is judged rather than tracked with."""

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
THREADS = count("--threads", 0, "CPU threads; 0 leaves them as they are.", least=0)
"""How many cores a run takes."""
