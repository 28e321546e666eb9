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


FAILED = "The clip is no video."


def failed_in(folder: Path, **paths: str) -> Path:
    """The summary of a batch over one clip, which is there and failed."""
    folder.mkdir(exist_ok=True)
    (folder / "clip.mp4").write_bytes(b"none")
    names = {"clip": "clip.mp4", "store": "clip.earvid.zarr", **paths}
    write_summary(folder / "run.csv", [ClipResult(**names, state="failed", error=FAILED)])
    return folder / "run.csv"


def failures(sources: list[Path]) -> int:
    """How often the page of all clips shows the sentence."""
    made = write_pages(plan_pages(sources)).pages
    return Page(made[-1]).text.count(FAILED)


def test_clips_of_two_folders_may_share_a_name(make_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = (failed_in(tmp_path / name) for name in ("day1", "day2"))
    assert failures([one, other]) == 2
    make_store([ellipse(60, 60)] * 4, "day2/clip.earvid.zarr")  # this one has been tracked since
    assert failures([one, other]) == 1 and failures([tmp_path / "day2"]) == 0
    monkeypatch.chdir(tmp_path / "day2")
    assert failures([Path("../day1/run.csv"), Path("../day2")]) == 1
    rows = [ClipResult(f"day{n}/clip.mp4", f"day{n}/clip.earvid.zarr", "failed", error=FAILED)
            for n in (1, 2)]  # fmt: skip
    write_summary(tmp_path / "run.json", rows)
    assert failures([tmp_path / "run.json"]) == 1


@pytest.mark.parametrize("summary", ["run.csv", "elsewhere/run.json"])
def test_a_summary_beside_the_folder_or_in_the_current_one(
    make_store, tmp_path, monkeypatch, summary
):
    """It counts for clips of the folder alone, and a later one in the folder before it."""
    (tmp_path / "elsewhere").mkdir()
    here = (tmp_path / summary).parent
    monkeypatch.chdir(here)
    up = "" if here == tmp_path else "../"
    rows = [ClipResult(f"{up}day{n}/clip.mp4", f"{up}day{n}/clip.earvid.zarr", "failed",
                       error=FAILED) for n in (1, 2)]  # fmt: skip
    write_summary(tmp_path / summary, rows)
    for number in (1, 2):
        (tmp_path / f"day{number}").mkdir()
        (tmp_path / f"day{number}" / "clip.mp4").write_bytes(b"none")
    make_store([ellipse(60, 60)] * 4, "day1/other.earvid.zarr")
    assert failures([Path(f"{up}day1")]) == 1 and failures([tmp_path / "day2"]) == 1
    done = ClipResult("clip.mp4", "clip.earvid.zarr", "tracked")
    write_summary(tmp_path / "day1" / "run.csv", [done])
    os.utime(tmp_path / summary, (1, 1))
    assert failures([Path(f"{up}day1")]) == 0


@pytest.mark.parametrize("here", [".", "day1", "day2"])
def test_a_batch_may_have_run_above_its_summary(make_store, tmp_path, monkeypatch, here):
    paths = {"clip": "day1/clip.mp4", "store": "day1/clip.earvid.zarr"}
    one, other = failed_in(tmp_path / "day1", **paths), failed_in(tmp_path / "day2")
    make_store([ellipse(60, 60)] * 4, "day1/clip.earvid.zarr")
    monkeypatch.chdir(tmp_path / here)
    assert failures([one]) == 0 and failures([other]) == 1


def test_a_page_that_cannot_be_written_does_not_stop_the_others(make_store, tmp_path):
    for name in ("a", "b"):
        make_store([ellipse(60, 60)] * 4, f"{name}.earvid.zarr", clip_name=f"{name}.mp4")
    (tmp_path / f".a.qc.html.{os.getpid()}").mkdir()  # in the way of the page
    made = write_pages(plan_pages([tmp_path]))
    assert [page.name for page in made.pages] == ["b.qc.html", "qc.html"]
    (failure,) = made.failures
    assert failure.state == "no page" and "a.qc.html cannot be written" in failure.sentence
    assert failure.sentence in Page(made.pages[-1]).text
    with pytest.raises(UsageError, match="cannot be written"):
        write_pages(plan_pages([tmp_path / "a.earvid.zarr"]))
