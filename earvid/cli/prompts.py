"""Prompts on the command line, where the order of options tells which ear they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from earvid.cli.options import FILE, as_path, refuse_given
from earvid.errors import PromptError, UsageError
from earvid.prompt import FramePrompt, Prompt, parse_box, parse_point, prompt_from_options

ITEMS = "earvid.prompt_items"
MODE = "earvid.landmarks"
MODES = ("auto", "prompt", "none")  # instead of a file of landmarks; the first is the default
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
        modes = [text for kind, text in ctx.meta[ITEMS] if kind == "landmarks" and text in MODES]
        ctx.meta[MODE] = modes[-1] if modes else MODES[0]
        ctx.meta[ITEMS] = [
            (kind, text)
            for kind, text in ctx.meta[ITEMS]
            if kind != "landmarks" or text not in MODES
        ]
        return super().parse_args(ctx, args)


def box(text: str) -> str:
    """Check the text of ``--box``."""
    return _checked(text, lambda: FramePrompt(box=parse_box(text)))


def point(text: str) -> str:
    """Check the text of ``--point``; whether all are background is seen once all are known."""
    return _checked(text, lambda: FramePrompt(points=[parse_point(text)[:2]]))  # type: ignore[arg-type]


def _checked(text: str, make: Callable[[], object]) -> str:
    try:
        make()
    except PromptError as error:
        raise click.BadParameter(str(error)) from error
    return text


def prompt_options(function: F) -> F:
    """Add the prompt options to a command of class :class:`PromptCommand`."""
    options = (
        click.option("--box", type=box, multiple=True, metavar="X0,Y0,X1,Y1",
                     help="Box of an ear; give it again for another ear."),
        click.option("--point", type=point, multiple=True, metavar="X,Y[,0]",
                     help="Point on the ear, or with ',0' on the background."),
        click.option("--mask", type=FILE, multiple=True, metavar="FILE",
                     help="Mask image of an ear."),
        click.option("--landmarks", type=FILE, multiple=True, metavar="FILE",
                     help="Landmarks of an ear: .json, .csv or iBUG .pts. Those of ears without "
                     "are guessed; 'prompt' guesses none, 'none' follows none."),
        click.option("--keyframe", type=click.IntRange(min=0), default=0, show_default=True,
                     metavar="N", help="Frame of these options, counted from 0."),
        click.option("--prompt", "prompt_file", type=FILE, callback=as_path, metavar="FILE",
                     help="Prompt file (.json), instead of the options above."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def given_prompt(ctx: click.Context, keyframe: int, prompt_file: Path | None) -> Prompt | None:
    """The prompt that the options of a :class:`PromptCommand` give, if they give one.

    Raises:
        click.UsageError: options contradict one another, or one does nothing.
        UsageError: boxes and points do not say where the ear is.
        PromptError: a file cannot be read or is malformed.
    """
    items = ctx.meta[ITEMS]
    if prompt_file is not None:
        if items:
            raise click.UsageError(
                "Give either --prompt or --box, --point, --mask and --landmarks, not both.", ctx
            )
        refuse_given(ctx, "beside --prompt, whose file names the frames", "keyframe")
        return Prompt.load(prompt_file)
    if not items:
        refuse_given(ctx, "without --box, --point, --mask or --landmarks", "keyframe")
        return None
    try:
        return prompt_from_options(items, keyframe)
    except PromptError as error:
        if {kind for kind, _ in items} <= {"box", "point"}:
            raise UsageError(str(error)) from error  # there is no file that could be wrong
        raise
