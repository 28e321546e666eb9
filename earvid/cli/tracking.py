"""Options that say how to track and where to, of every verb that tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from earvid.cli.options import DEVICE, FILE, as_path, refuse_given
from earvid.errors import EarvidError

if TYPE_CHECKING:
    from earvid.pipeline import TrackSettings
    from earvid.store import StorePath

F = TypeVar("F", bound=Callable[..., Any])
POLICIES = ("fifo", "gated", "self-sorting", "motion", "distractor")
NAMES = ("model", "checkpoint", "device", "dtype", "quantize", "roi", "reentry", "policy", "reader")
_OPTIONS = (
    click.option(
        "--model",
        default="earvid-nano",
        show_default=True,
        metavar="NAME",
        help="Name of the model; 'earvid download' lists them.",
    ),
    click.option(
        "--checkpoint",
        type=FILE,
        callback=as_path,
        metavar="FILE",
        help="Weights to use instead of the model's own.",
    ),
    DEVICE,
    click.option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="Numbers to compute in; bfloat16 is faster on GPUs and newer CPUs, and less exact.",
    ),
    click.option(
        "--quantize",
        type=click.Choice(["none", "int8"]),
        default="none",
        show_default=True,
        help="Compute in whole numbers of 8 bits on a CPU, which is faster on most and less exact.",
    ),
    click.option(
        "--roi",
        type=click.Choice(["follow", "off"]),
        default="follow",
        show_default=True,
        help="Follow each ear with a crop, or look at the whole frame as stock SAM 2 does.",
    ),
    click.option(
        "--reentry",
        type=click.Choice(["anywhere", "nearby"]),
        default="anywhere",
        show_default=True,
        help="Look for a lost ear in the whole frame, and recognize it; or about where it was "
        "lost, by memory alone. With --roi off, always by memory alone.",
    ),
    click.option(
        "--policy",
        type=click.Choice(POLICIES),
        default=POLICIES[0],
        show_default=True,
        help="What is remembered of the frames before; fifo does as stock SAM 2.",
    ),
    click.option(
        "--reader",
        type=click.Choice(["auto", "decord", "pyav"]),
        default="auto",
        show_default=True,
        help="Reader of video files; decord refuses clips that it cannot read exactly.",
    ),
)


def tracking_options(function: F) -> F:
    """Add the options that :func:`tracking_settings` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def tracking_settings(
    ctx: click.Context, options: Mapping[str, Any], landmarks: str
) -> TrackSettings:
    """The settings that these options give.

    Args:
        ctx: of the command.
        options: values of all options of a command, by name.
        landmarks: as of the settings; the verbs have it by other options.

    Raises:
        click.UsageError: one of them would do nothing beside another.
    """
    if options["roi"] == "off":
        refuse_given(ctx, "beside --roi off", "reentry")
    from earvid.pipeline import TrackSettings

    return TrackSettings(**{name: options[name] for name in NAMES}, landmarks=landmarks)


def as_store(ctx: click.Context, param: click.Parameter, value: str | None) -> StorePath | None:
    """Callback of an option that names a store or a folder of stores: a path, or a URL."""
    if value is None or "://" not in value:
        path = as_path(ctx, param, value)
        assert not isinstance(path, tuple)
        return path
    from earvid.store import store_path

    try:
        return store_path(value)
    except EarvidError as error:
        raise click.BadParameter(str(error)) from error
