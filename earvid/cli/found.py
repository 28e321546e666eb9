"""Tracking without a prompt: finding it, telling about it, and keeping it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from earvid.cli.messages import say
from earvid.cli.options import FILE, as_path
from earvid.cli.progress import progress_bar
from earvid.errors import EarvidError, PromptError
from earvid.prompt import Prompt

if TYPE_CHECKING:
    from earvid.models import LoadedModel
    from earvid.pipeline import TrackSettings
    from earvid.store import StorePath

SEARCH = ("ears", "only", "save_prompt")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Search:
    """What to look for where nobody gave a prompt.

    Args:
        ears: at most so many, or as many as are likely enough.
        only: of this side alone.
        save: file to write the prompt to.
    """

    ears: int | None = None
    only: Literal["left", "right"] | None = None
    save: Path | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        given = (("--ears", self.ears), ("--only", self.only), ("--save-prompt", self.save))
        return tuple(name for name, value in given if value is not None)


def search_options(function: F) -> F:
    """Add the options of :class:`Search` to a command."""
    options = (
        click.option("--ears", type=click.IntRange(1, 255), metavar="N",
                     help="Without a prompt: at most N ears, of the highest confidences."),
        click.option("--only", type=click.Choice(["left", "right"]),
                     help="Without a prompt: ears of this side of the person."),
        save_option("Without a prompt: write the one that was found to a file."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def save_option(text: str) -> Callable[[F], F]:
    """The option ``--save-prompt``."""
    return click.option(
        "--save-prompt", type=FILE, callback=as_path, metavar="FILE.json", help=text
    )


def find(
    clip: Path,
    store: StorePath,
    search: Search,
    settings: TrackSettings,
    model: Callable[[], LoadedModel],
    *,
    overwrite: bool,
    dry_run: bool = False,
) -> tuple[Prompt, dict[str, Any] | None]:
    """Find the ears of a clip, or go on with the prompt of its store; say what was chosen.

    Args:
        clip: the clip.
        store: where its results go, or are.
        search: what to look for.
        settings: how it will be tracked.
        model: gives the model that is to track, for a second look.
        overwrite: look anew, whatever prompt there is.
        dry_run: write nothing.

    Returns:
        The prompt, and a note for the provenance unless the store's own prompt was given by hand.

    Raises:
        EarvidError: no ear is certain enough, or clip, weights or file are unusable.
    """
    from earvid.batch import Entry
    from earvid.batch.prompts import found_prompt
    from earvid.detect import Wanted

    if search.save is not None:
        check_place(search.save)  # before minutes are spent
    wanted = Wanted(only=search.only) if search.ears is None else Wanted(search.ears, search.only)
    entry = Entry(clip, output=store)
    with progress_bar(f"{clip.name}: looking for ears") as progress:
        prompt, note = found_prompt(
            entry,
            wanted,
            settings,
            model,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    if note is None:
        say(f"{clip.name}: taking the prompt that {store} has")
    else:
        _say_chosen(clip, store, prompt, note)
    if search.save is not None:
        (check_keep if dry_run else keep)(prompt, search.save, overwrite=overwrite)
    return prompt, note


def _say_chosen(clip: Path, store: StorePath, prompt: Prompt, note: dict[str, Any]) -> None:
    names = [ear.name for ear in prompt.objects]
    for number, (ear, about) in enumerate(zip(prompt.objects, note["ears"], strict=True)):
        box = ear.frames[ear.first_keyframe].box
        assert box is not None
        where = f"frame {ear.first_keyframe} at {','.join(f'{value:g}' for value in box)}"
        advice = f"earvid qc {shlex.quote(str(store))}; {_without(names, number)}"
        say(f"{clip.name}: {find_line(ear.name, where, about['confidence'], advice)}")


def find_line(name: str, where: str, confidence: float, advice: str) -> str:
    """What is said of an ear that was found.

    Args:
        name: of the ear.
        where: it was found.
        confidence: over the clip.
        advice: what to do about a weak find.
    """
    from earvid.detect import SURE

    said = f"found the {name} ear on {where}, confidence {confidence:.2f}"
    return f"{said}: weak, look at it ({advice})" if confidence < SURE else said


def _without(names: Sequence[str], number: int) -> str:
    """How to have one of the ears left out, which come with the most certain first."""
    sides = [name.split("_")[0] for name in names]
    others = {*sides[:number], *sides[number + 1 :]}
    if len(others) == 1 and sides[number] not in others:
        return f"--only {others.pop()} leaves it out"
    if number:
        return f"--ears {number} leaves it out"
    return "--box says where it is"


def keep(prompt: Prompt, path: Path, *, overwrite: bool) -> None:
    """Write a prompt to a file, unless that holds it already, and say so.

    Raises:
        PromptError: the file holds something else, or cannot be written.
    """
    if check_keep(prompt, path, overwrite=overwrite):
        prompt.save(path, overwrite=overwrite)
        say(f"The prompt is written to {path}.")
    else:
        say(f"The prompt is in {path} already.")


def check_place(path: Path) -> None:
    """See that a prompt can be written to a path, whatever it says.

    Raises:
        PromptError: it is a folder, or its own folder is missing or cannot be written to.
    """
    if not path.parent.is_dir():
        raise PromptError(f"the folder {path.parent} does not exist; create it first.")
    if path.is_dir():
        raise PromptError(f"{path} is a folder; name a file, such as {path / 'ear.json'}.")
    if not os.access(path.parent, os.W_OK):
        raise PromptError(f"the folder {path.parent} cannot be written to; choose another.")


def check_keep(prompt: Prompt, path: Path, *, overwrite: bool) -> bool:
    """See that :func:`keep` can write a file, and whether it has to.

    Raises:
        PromptError: the file holds something else, or cannot be written.
    """
    check_place(path)
    if overwrite or not path.exists():
        return True
    try:
        same = Prompt.load(path).digest() == prompt.digest()
    except EarvidError:
        same = False
    if not same:
        raise PromptError(f"{path} is there already; choose another name or add --overwrite.")
    return False
