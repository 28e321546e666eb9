"""What the documentation shows: code in fences, code within sentences, and help texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from earvid.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
QUOTED = re.compile(r"'(\w[^']+)'")
EXAMPLES = "Examples:"


@dataclass(frozen=True)
class Fence:
    """A block of code.

    Args:
        where: page and line, for people.
        language: as the page names it, or empty.
        text: the code.
    """

    where: str
    language: str
    text: str


@dataclass(frozen=True)
class Span:
    """Code within a sentence or a table.

    Args:
        where: page, for people.
        text: the code, on one line.
        aside: what follows it in its row of a table, up to the next code that is no part of it.
    """

    where: str
    text: str
    aside: str = ""


@cache
def pages() -> dict[str, str]:
    """Name of a page -> its Markdown; of notebooks, that of all cells."""
    paths = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    paths += sorted((ROOT / "checkpoints").glob("*.md"))
    found = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        found[str(path.relative_to(ROOT))] = "\n\n".join(texts)
    return found


def fences() -> list[Fence]:
    """All blocks of code."""
    return [
        Fence(f"{page}:{text.count(chr(10), 0, match.start()) + 1}", match[1], match[2])
        for page, text in pages().items()
        for match in FENCE.finditer(text)
    ]


def spans() -> list[Span]:
    """All code within sentences and tables, and commands that help texts quote."""
    found = [span for page, text in pages().items() for span in _spans(page, FENCE.sub("", text))]
    return found + [
        Span(f"{path} --help", " ".join(match[1].split()))
        for path, command in commands()
        for text in _texts(command)
        for match in QUOTED.finditer(_without_examples(text))
    ]


def _spans(page: str, text: str) -> Iterator[Span]:
    for part in re.split(r"\n(?=\|)|\n\n", text):  # rows of tables, and paragraphs
        row, matches = part.startswith("|"), list(SPAN.finditer(part))
        for match in matches:
            rest = part[match.end() :].split(" |")[0] if row else ""
            yield Span(page, " ".join(match[1].split()), rest)


def examples() -> list[Fence]:
    """The examples in help texts, each as a block of one line."""
    return [
        Fence(f"{path} --help", "bash", line.strip())
        for path, command in commands()
        for line in (command.help or "").partition(EXAMPLES)[2].strip().splitlines()
    ]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb and group, with all that stands before it."""
    yield "earvid", app
    yield from _below("earvid", app)


def _below(path: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _below(f"{path} {name}", command)


def _texts(command: click.Command) -> list[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    return [command.help or "", *(option.help or "" for option in options)]


def _without_examples(text: str) -> str:
    return text.partition(EXAMPLES)[0]
