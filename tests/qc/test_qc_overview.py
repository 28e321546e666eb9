"""The page of all clips, and the summaries of batches that it reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from made_masks import ellipse
from page_parts import Page

from earvid.batch import ClipResult, write_summary
from earvid.errors import UsageError
from earvid.qc import plan_pages, write_pages
from earvid.qc.outcomes import outcomes_in, read_outcomes

HOSTILE = "<img src=x onerror=alert(1)>\"'&.mp4"
RESULTS = (
    ClipResult("day1/a.mp4", "day1/a.earvid.zarr", "tracked", frames=9),
    ClipResult(HOSTILE, "b.earvid.zarr", "failed", error=f"{HOSTILE} is no video."),
    ClipResult("c.mp4", "c.earvid.zarr", "stopped"),
)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_what_a_batch_wrote_is_read(tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    write_summary(path, RESULTS)
    for found in (read_outcomes(path), outcomes_in(tmp_path)):
        assert [(one.clip, one.state, one.error) for one in found] == [
            (one.clip, one.state, one.error) for one in RESULTS
        ]
    assert [one.went_wrong for one in found] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"clip,prompt\na.mp4,\n"),
        ("a.csv", b"\xff\xfe\x00clip"),
        ("a.json", b"{"),
        ("a.json", b'{"version": 1, "objects": []}'),
        ("a.json", b"[]"),
        ("a.json", b'[{"clip": "a.mp4"}]'),
    ],
)
def test_other_files_are_no_summaries(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert outcomes_in(tmp_path) == ()
    with pytest.raises(UsageError, match="no summary of a batch"):
        read_outcomes(tmp_path / name)


def test_the_page_ranks_clips_and_lists_what_failed(make_store, tmp_path):
    steady = [ellipse(60, 60)] * 30
    make_store(steady, "a.earvid.zarr", clip_name="a.mp4")
    make_store([np.zeros_like(steady[0])] * 30, "100% #1?.earvid.zarr", clip_name=HOSTILE)
    write_summary(tmp_path / "run.json", RESULTS)
    made = write_pages(plan_pages([tmp_path])).pages
    assert made[-1] == tmp_path / "qc.html"
    page = Page(made[-1])
    assert page.unclosed == [] and page.all("img") == [] and page.all("script") == []
    links = [unquote(one["href"]) for one in page.all("a")]
    assert links == ["100% #1?.qc.html", "a.qc.html"]  # the ear that is never seen comes first
    assert all((tmp_path / link).is_file() for link in links)
    assert f"{HOSTILE} is no video." in page.text and "2 failed" in page.text
    assert Path(HOSTILE).name in page.text and "stopped" in page.text
    assert "day1/a.mp4" not in page.text  # its store was tracked, and is here


def test_of_two_summaries_the_later_counts(tmp_path):
    write_summary(tmp_path / "b.json", RESULTS[1:2])
    later = ClipResult(HOSTILE, "b.earvid.zarr", "failed", error="Another sentence.")
    write_summary(tmp_path / "a.json", [later])
    os.utime(tmp_path / "b.json", (1, 1))
    (found,) = outcomes_in(tmp_path)
    assert found.error == "Another sentence."
    assert json.loads((tmp_path / "b.json").read_text())[0]["error"] != found.error
