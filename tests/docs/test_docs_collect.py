"""Nothing that the documentation shows escapes: all is executed, or the table says why not."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
from command_line import call
from doc_commands import FLAG, command_of, fragments, mentions, options_of, shown, tasks
from doc_run import execute
from doc_table import BARE, CHOSEN, FRAGMENTS, MEANT, PROMISED, ROOMS, TABLE, find_case
from doc_text import commands, examples, fences, pages, spans

from earvid.cli.app import VERBS

ALL = tasks()
STEPS = [step for task in shown() for step in task.steps]
LINES = [line for task in shown() for line in task.lines]
SHOWN = "\n".join([*pages().values(), *(command.help or "" for _, command in commands())])
FILES = ("clip,prompt,", '{"version"')  # blocks that are files, which tests use as they are
NAMES = sorted({span.text for span in spans() if re.fullmatch(r"earvid(\.\w+)+", span.text)})


def test_every_command_has_a_file_of_tests_that_executes_it():
    assert set(ROOMS) == set(VERBS)
    here = Path(__file__).parent
    assert all((here / f"test_docs_{task.room}.py").exists() for task in ALL)
    assert {task.room for task in ALL} == {*ROOMS.values(), "collect"}


def test_every_block_of_code_is_of_a_kind_that_is_executed_or_used():
    for fence in fences():
        if fence.language not in ("bash", "python"):
            assert fence.text.startswith(FILES), f"{fence.where}: nothing uses this"
    assert examples() and all(fence.text.startswith("earvid ") for fence in examples())


def test_the_table_has_nothing_that_no_page_shows():
    used = [find_case(step) for step in STEPS]
    assert [case for case in TABLE if case not in used] == []
    steps = {shlex.join(step) for step in STEPS}
    assert [one for one in PROMISED if shlex.join(shlex.split(one)) not in steps] == []
    assert [one for one in MEANT if one not in SHOWN] == []
    assert all(any(one in text for text in pages().values()) for one in CHOSEN)
    assert set(FRAGMENTS) <= {span.text for span in fragments()}
    assert all(command_of(one.split())[0] == one for one in BARE)


def test_every_option_within_a_sentence_is_one_and_is_executed():
    known = {name for _, command in commands() for name in options_of(command)}
    for span in fragments():
        assert FLAG.findall(span.text)[0] in known, f"{span.where}: {span.text}"
        meant = span.text
        for stand_in, real in MEANT.items():
            meant = meant.replace(stand_in, real)
        executed = " " not in meant or any(f" {meant}" in line for line in LINES)
        assert executed, f"{span.where}: nothing executes {span.text}"


@pytest.mark.parametrize("text", sorted({span.text for span in mentions()}))
def test_what_names_a_verb_is_in_its_help(text, capfd):
    path, command = command_of(re.sub(r"[\[\]]", "", text).split())
    said = call(capfd, *path.split()[1:], "--help")
    assert said.code == 0 and said.err == ""
    assert set(FLAG.findall(text)) <= options_of(command), text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_library_is_one(name):
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for part, path in zip(parts[1:], (parts[: n + 2] for n in range(len(parts))), strict=False):
        if not hasattr(found, part):
            importlib.import_module(".".join(path))
        found = getattr(found, part)


@pytest.mark.parametrize(
    "task", [task for task in ALL if task.room == "collect"], ids=lambda task: task.title
)
def test_what_needs_no_verb(task, at, capfd):
    execute(task, capfd)
