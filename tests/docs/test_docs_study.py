"""Batches, stores on S3, and the library, as the documentation shows them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from doc_commands import tasks
from doc_run import execute
from doc_text import fences, spans

TASKS = [task for task in tasks() if task.room == "study"]
SNIPPETS = [fence for fence in fences() if fence.language == "python"]
CALLS = sorted({span.text for span in spans() if re.match(r"earvid\.\w+\(", span.text)})


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.title)
def test_it_works_as_shown(task, at, workshop, capfd):
    workshop.furnish(at, "\n".join(task.lines))
    execute(task, capfd)


def run(text, where):
    """Execute Python as it is shown; gives its names."""
    names = {}
    exec(compile(text, where, "exec"), names)
    return names


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.where)
def test_a_snippet_works_as_shown(snippet, at, workshop, capsys):
    for module in set(re.findall(r"import (\w+)|earvid\.(plot)", snippet.text)):
        pytest.importorskip(module[0] or "matplotlib")
    workshop.furnish(at, snippet.text)
    names = run(snippet.text, snippet.where)
    if "masks" in names:
        assert names["masks"].dims == ("t", "y", "x") and names["masks"][0].any()
        assert names["tracks"].sizes.keys() >= {"time", "individual"}
    if "recording" in names:
        assert np.asarray(names["recording"].masks[30]).any()
        assert re.search(r"^30 0\.[5-9]", capsys.readouterr().out, re.MULTILINE)  # streamed


@pytest.mark.parametrize("shown", CALLS)
def test_a_call_works_as_shown(shown, at, workshop):
    workshop.furnish(at, shown)
    assert len(run(f"import earvid\nfound = {shown}", shown)["found"])
