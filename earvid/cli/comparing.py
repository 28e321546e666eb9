"""What the verbs share that track clips in several ways and print one table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from earvid.cli.messages import say
from earvid.cli.options import FILE, as_path, count
from earvid.cli.progress import progress_bar
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.train import Still


Picture = Callable[[Path], None]
"""Draws what was measured into a folder."""


class Table(Protocol):
    """What was measured."""

    def to_csv(self) -> str:
        """The table as comma-separated values."""


ONLY = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Photos to use, such as 'closeup/bs03*'; can be given again; all by default.",
)
"""Which photos."""

SEED = count("--seed", 0, "Of the clips.", least=0)
"""Which clips."""


def photos_option(text: str) -> Callable[[Any], Any]:
    """The option ``--photos``."""
    return click.option(
        "--photos", multiple=True, type=FILE, callback=as_path, metavar="FOLDER", help=text
    )


def photo_stills(photos: tuple[Path, ...], only: tuple[str, ...]) -> list[Still]:
    """The photos with ears of some folders.

    Args:
        photos: folders with images/ and masks/.
        only: patterns of the photos to use; none uses all.

    Raises:
        EarvidError: there are none.
    """
    from earvid.train import find_stills, load_still, select

    refs = select(find_stills(photos), only) if only else find_stills(photos)
    return [s for s in map(load_still, refs) if s is not None]


class Watch:
    """Tells each clip: by a bar where a person sees it, else by a line.

    Args:
        stack: closes the last bar.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack, self._clip = stack, ""

    def __call__(self, clip: str, done: int, length: int, ways: str) -> None:
        """Take note of a frame.

        Args:
            clip: its name.
            done: frames.
            length: of the clip.
            ways: in how many ways it is tracked, in words.
        """
        if clip != self._clip or done == 1:
            self._clip = clip
            self._stack.close()
            self._bar = self._stack.enter_context(progress_bar(clip))
            if not sys.stderr.isatty():
                say(f"{clip}: {length} frames, {ways}")
        self._bar(done, length)


def write_tables(report: Table, about: dict[str, object], picture: Picture, folder: Path) -> None:
    """Write ``table.csv``, ``table.json`` and, if matplotlib is installed, a picture.

    Args:
        report: what was measured.
        about: all of it, plain values.
        picture: draws it into the folder.
        folder: made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.csv").write_text(report.to_csv())
    (folder / "table.json").write_text(to_json(about) + "\n")
    if find_spec("matplotlib") is not None:
        picture(folder)
