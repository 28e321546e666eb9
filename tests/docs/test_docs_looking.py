"""Commands of the documentation that show, draw, export and correct results, executed."""

from __future__ import annotations

import pytest
from doc_commands import tasks
from doc_run import execute

TASKS = [task for task in tasks() if task.room == "looking"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_it_works_as_shown(task, at, workshop, capfd):
    workshop.furnish(at, "\n".join(task.lines))
    execute(task, capfd)
