"""Prompts on the command line, where the order of options tells which ear they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from earvid.errors import UsageError
from earvid.prompt import Prompt, prompt_from_options

ITEMS = "earvid.prompt_items"
KINDS = ("box", "point", "mask", "landmarks")
F = TypeVar("F", bound=Callable[..., Any])


class PromptCommand(click.Command):
    """A command that remembers the order of --box, --point, --mask and --landmarks."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, and note the prompt options in the order given."""
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        queues = {kind: list(values.get(kind) or ()) for kind in KINDS}
        ctx.meta[ITEMS] = [
            (p.name, queues[p.name].pop(0)) for p in order if p.name in KINDS and queues[p.name]
        ]
        return super().parse_args(ctx, args)


def prompt_options(function: F) -> F:
    """Add the prompt options to a command of class :class:`PromptCommand`."""
    options = (
        click.option("--box", multiple=True, metavar="X0,Y0,X1,Y1",
                     help="Box of an ear; give it again for another ear."),
        click.option("--point", multiple=True, metavar="X,Y[,0]",
                     help="Point on the ear, or with ',0' on the background."),
        click.option("--mask", multiple=True, metavar="FILE", help="Mask image of an ear."),
        click.option("--landmarks", multiple=True, metavar="FILE",
                     help="Landmarks of an ear: .json, .csv or iBUG .pts."),
        click.option("--keyframe", type=click.IntRange(min=0), default=0, show_default=True,
                     help="Frame of the prompt, counted from 0."),
        click.option("--prompt", "prompt_file", type=click.Path(path_type=Path), metavar="FILE",
                     help="Prompt file (.json), instead of the options above."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def prompt_for(
    clip: Path, items: list[tuple[Any, Any]], keyframe: int, prompt_file: Path | None
) -> Prompt:
    """The prompt of a clip: from options, from a file, or from ``<clip>.prompt.json`` beside it.

    Raises:
        UsageError: there is none, or there are two.
        PromptError: it is malformed.
    """
    if items and prompt_file is not None:
        raise UsageError(
            "Give either --prompt or --box, --point, --mask and --landmarks, not both."
        )
    if items:
        return prompt_from_options(items, keyframe)
    beside = clip.with_name(f"{clip.stem}.prompt.json")
    if prompt_file is None and not beside.is_file():
        raise UsageError(
            f"Where is the ear in {clip.name}? Give --box X0,Y0,X1,Y1 --keyframe N (or --point, "
            f"--mask, --prompt FILE), or put {beside.name} beside the clip."
        )
    return Prompt.load(prompt_file or beside)
