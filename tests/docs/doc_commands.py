"""From what a page shows to what a user would type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import click
from doc_table import BARE, CHOSEN, FRAGMENTS, MEANT, PROGRAMS, ROOMS, executed
from doc_text import SPAN, Fence, Span, commands, examples, fences, spans

OPTIONAL = re.compile(r"\s*\[(--[^\]]+)\]")
FLAG = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True)
class Task:
    """Commands that are typed one after another, in a folder of their own.

    Args:
        where: what shows them.
        lines: as a shell takes them.
    """

    where: str
    lines: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its first call of earvid, or its first line, for people."""
        calls = (" ".join(step) for step in self.steps if "earvid" in step)
        return next(calls, self.lines[0])[:90]

    @cached_property
    def steps(self) -> list[list[str]]:
        """Words of the single commands."""
        return [step for line in self.lines for step in split_steps(line)]

    @property
    def verbs(self) -> list[str]:
        """The verbs of earvid that it needs."""
        return [step[step.index("earvid") + 1] for step in self.steps if "earvid" in step]

    @cached_property
    def executed(self) -> tuple[tuple[str, ...], ...]:
        """What is executed for it."""
        return tuple(tuple(words) for words in map(executed, self.steps) if words)

    @property
    def room(self) -> str:
        """Which file of tests executes it."""
        if any("s3://" in line for line in self.lines):
            return "study"
        return ROOMS.get(self.verbs[0], "collect") if self.verbs else "collect"


def split_steps(line: str) -> list[list[str]]:
    """Words of the commands that ``&&`` joins in a line."""
    words = shlex.split(line, comments=True)
    cuts = [-1, *(n for n, word in enumerate(words) if word == "&&"), len(words)]
    return [words[a + 1 : b] for a, b in pairwise(cuts)]


@cache
def tasks() -> tuple[Task, ...]:
    """Everything that is to be executed, but for what others begin with."""
    found: list[Task] = []
    for task in sorted(shown(), key=lambda task: -len(" ".join(task.lines))):
        done, so_far = (one.executed for one in found), task.executed
        if not so_far or all(one[: len(so_far)] != so_far for one in done):
            found.append(task)
    return tuple(found)


@cache
def shown() -> tuple[Task, ...]:
    """Everything that is shown to be typed."""
    found = [task for fence in (*fences(), *examples()) for task in _of_fence(fence)]
    found += [task for span in spans() for task in _of_span(span)]
    found += [Task("fragment", (f"{command} {part}",)) for part, command in FRAGMENTS.items()]
    lines = {tuple(map(_meant, task.lines)): task.where for task in reversed(found)}
    return tuple(Task(where, text) for text, where in lines.items())


def mentions() -> list[Span]:
    """Code that names a verb, perhaps with an option, without all that it needs to run."""
    return [span for span in spans() if _is_mention(span.text)]


def fragments() -> list[Span]:
    """Options that stand alone within sentences."""
    return [span for span in spans() if FLAG.match(span.text)]


def _of_fence(fence: Fence) -> list[Task]:
    if fence.language != "bash":
        return []
    lines = [line for line in fence.text.replace("\\\n", " ").splitlines() if line.strip()]
    plain = [line.partition("  #")[0].rstrip() for line in lines]
    beside = [
        Task(fence.where, (reading,))
        for line, text in zip(lines, plain, strict=True)
        for reading in with_aside(text, line.partition("  #")[2])
    ]
    if lines[0].startswith(CHOSEN):  # one of them is typed, not all
        return [Task(fence.where, (line,)) for line in plain] + beside
    return [Task(fence.where, tuple(plain)), *beside]


def _of_span(span: Span) -> list[Task]:
    if span.text.split()[0] not in PROGRAMS or _is_mention(span.text):
        return []
    both = [OPTIONAL.sub("", span.text), OPTIONAL.sub(r" \1", span.text)]
    return [Task(span.where, (text,)) for text in (*both, *with_aside(both[0], span.aside))]


def with_aside(text: str, aside: str) -> list[str]:
    """A command with what a remark beside it offers.

    Options between commas are given together, those after a semicolon instead; bare words are other
    values of the command's last option.
    """
    found = []
    for part in aside.split("`earvid")[0].split(";"):
        said = SPAN.findall(part) or re.findall(r"--[a-z-]+(?: [^\s,;]+)?", part)
        options = [one for one in said if one.startswith("--")]
        if options:
            found.append(" ".join([text, *options]))
        elif "or" in part.strip(" (").split()[:1]:
            found += [f"{text.rpartition(' ')[0]} {word}" for word in said]
    return found


def _meant(line: str) -> str:
    """Replace words that stand for something by what the folder of a task has."""
    for shown, real in MEANT.items():
        line = re.sub(rf"(?<![\w-]){re.escape(shown)}(?![\w-])", lambda _, real=real: real, line)
    return line


def _is_mention(text: str) -> bool:
    if not text.startswith("earvid "):
        return False
    words = split_steps(_meant(OPTIONAL.sub("", text)))[0]
    path, command = command_of(words)
    rest = words[len(path.split()) :]
    if isinstance(command, click.Group):
        return not rest
    if not rest:
        return path not in BARE
    context = command.make_context(path, list(rest), resilient_parsing=True)
    needed = [one for one in command.params if isinstance(one, click.Argument) and one.required]
    return not all(context.params.get(one.name or "") for one in needed)


def command_of(words: Sequence[str]) -> tuple[str, click.Command]:
    """The verb or group that words name, and its name."""
    named = {tuple(path.split()): command for path, command in commands()}
    for count in range(len(words), 0, -1):
        if tuple(words[:count]) in named:
            return " ".join(words[:count]), named[tuple(words[:count])]
    raise AssertionError(f"{' '.join(words)!r} is no call of earvid")


def options_of(command: click.Command) -> set[str]:
    """All options of a verb."""
    return {name for one in command.params for name in one.opts} | {"--help", "--debug"}
