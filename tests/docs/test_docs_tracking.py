"""Commands of the documentation that find and track ears, executed."""

from __future__ import annotations

import pytest
from command_line import call
from doc_commands import tasks
from doc_run import execute
from doc_workshop import document

TASKS = [task for task in tasks() if task.room == "tracking"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_it_works_as_shown(task, at, workshop, capfd):
    workshop.furnish(at, "\n".join(task.lines))
    execute(task, capfd)


def test_the_prompt_file_that_is_shown_is_found_beside_its_clip(at, workshop, capfd):
    workshop.furnish(at, "clip.mp4 of frame 30")
    (at / "clip.prompt.json").write_text(document('{"version"'))
    said = call(capfd, "track", "clip.mp4", "--dry-run")
    assert said.code == 0 and "found" not in said.err  # nobody looked for an ear
    assert said.out == "clip.mp4: would create clip.earvid.zarr\n"
