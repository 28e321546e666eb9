"""Executing what the documentation shows."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from command_line import call
from doc_commands import Task, command_of
from doc_table import PROMISED, Case, find_case


def execute(task: Task, capfd: pytest.CaptureFixture[str]) -> None:
    """Execute all steps of a task in the current folder, and look for what they promise."""
    for step in task.steps:
        case = find_case(step)
        if case is not None and case.instead is not None:
            case.instead(step)
            continue
        _step(step, case, capfd)
        for name in PROMISED.get(" ".join(step), ()):
            assert Path(name).exists(), f"{' '.join(step)}: {name} is not there"


def _step(step: list[str], case: Case | None, capfd: pytest.CaptureFixture[str]) -> None:
    words = step if case is None else case.changed(step)
    if words[0] == "earvid":
        _check_as_shown(step[step.index("earvid") :])
        said = call(capfd, *words[1:])
        code, says = (0, "") if case is None else (case.code, case.says)
        assert said.code == code and says in said.err, f"{' '.join(words)}\n{said.err}"
        assert "Traceback" not in said.err
    elif words[0] == "cp":
        subprocess.run(" ".join(words), shell=True, check=True)
    else:
        raise AssertionError(f"{' '.join(step)!r} is neither executed nor in the table")


def _check_as_shown(step: Sequence[str]) -> None:
    """See that all options exist and take their values, since some are replaced."""
    path, command = command_of(step)
    parser = command.make_parser(click.Context(command, info_name=path))
    values, _, _ = parser.parse_args(list(step[len(path.split()) :]))
    context = click.Context(command, info_name=path)
    for option in command.params:
        if isinstance(option.type, click.Choice | click.IntRange) and option.name in values:
            option.type_cast_value(context, values[option.name])
