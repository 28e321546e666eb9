"""Notebooks as they lie in the repository: no outputs, nothing of a machine, code that compiles."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_clean(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 40_000
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            ast.parse("".join(cell["source"]))
    text = "".join("".join(cell["source"]) for cell in document["cells"])
    assert not any(word in text for word in ("/home/", "/root/", "/tmp/", "C:\\"))
    assert "TemporaryDirectory" in text and "folder.cleanup()" in text


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 5
