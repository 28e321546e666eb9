"""Batches with real processes: bad clips, killed workers, going on."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from clips import FRAMES, ear_box, ten_clips, write_clip, write_manifest

from earvid.batch import Batch, ClipResult, Entry, TrackJob, as_table, gather, write_summary
from earvid.batch.share import share_threads
from earvid.batch.task import Tracker
from earvid.errors import ModelError, UsageError
from earvid.pipeline import TrackSettings, track
from earvid.prompt import prompt_from_options
from earvid.store import Store, compare, store_path

JOB = TrackJob(TrackSettings(device="cpu", landmarks="none", reentry="nearby"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, good):
    """The store of a clip that was tracked alone."""
    store = tmp_path_factory.mktemp("alone") / "ear.earvid.zarr"
    track(good, prompt_from_options([("box", ear_box())]), store, settings=JOB.settings)
    return store


def test_ten_clips_of_which_eight_are_bad(tmp_path, good):
    manifest, sentences = ten_clips(tmp_path, good)
    told, seen = [], []
    batch = Batch(gather([manifest]), JOB, workers=2, told=told.append, progress=seen.append)
    results = batch.run()
    for result, sentence in zip(results, sentences, strict=True):
        if sentence is not None:
            assert result.state == "failed" and sentence in result.error
            continue
        assert (result.state, result.frames, result.tracked) == ("tracked", FRAMES, FRAMES)
        assert result.error is None and result.frames_per_second > 0
        assert 0.5 < result.mean_score <= 1 and result.absent == ""
        assert Store.open(result.store).complete
    assert sorted(r.clip for r in told) == sorted(r.clip for r in results)
    assert (seen[-1].clips, seen[-1].total, seen[-1].frames) == (10, 10, 2 * FRAMES)
    assert not multiprocessing.active_children()
    check_summaries(tmp_path, results)
    repair_and_go_on(tmp_path, good)


def check_summaries(folder, results):
    write_summary(folder / "s.csv", results)
    write_summary(folder / "s.json", results)
    with (folder / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    plain = json.loads((folder / "s.json").read_text())
    assert [row["state"] for row in rows] == [one["state"] for one in plain]
    assert [row["error"] or None for row in rows] == [one["error"] for one in plain]
    (ear,) = plain[0]["ears"]
    assert ear["visible"] == FRAMES == int(rows[0]["frames"])
    assert (ear["seen"], ear["absent"], ear["corrected"]) == (1, [], [])
    assert rows[0]["ears"] == f"ear {ear['mean_score']:.2f} (100 %)" and rows[0]["absent"] == ""
    assert float(rows[0]["mean_score"]) == plain[0]["mean_score"]
    table = as_table(results).splitlines()
    assert len(table) == 1 + len(results) + sum(one.error is not None for one in results)


def repair_and_go_on(folder, good):
    """The same batch, with one of its clips repaired, has that one alone left to do."""
    shutil.copy(good, folder / "truncated.mp4")
    rows = [("a.mp4", ear_box()), ("truncated.mp4", ear_box())]
    entries = gather([write_manifest(folder / "two.csv", rows)])
    assert [result.state for result in Batch(entries, JOB).look()] == ["complete", "create"]


def test_killed_workers(tmp_path, good, undisturbed):
    """A clip whose worker dies is tried once more; the others do not notice."""
    for name in ("once.mp4", "twice.mp4"):
        shutil.copy(good, tmp_path / name)
    rows = [("once.mp4", ear_box()), ("twice.mp4", ear_box())]
    entries = gather([write_manifest(tmp_path / "m.csv", rows)])
    killed = set()

    def kill(progress):
        """Once at the first clip, and twice at the second."""
        if progress.frames > FRAMES * progress.clips:
            for process in multiprocessing.active_children():
                if len(killed) < 1 + 2 * progress.clips and process.pid not in killed:
                    killed.add(process.pid)
                    os.kill(process.pid, signal.SIGKILL)

    saved, failed = Batch(entries, JOB, workers=1, progress=kill).run()
    assert len(killed) == 3
    assert (saved.state, saved.attempts) == ("tracked", 2)
    assert compare(saved.store, undisturbed) == CLIP_NAME
    assert (failed.state, failed.attempts) == ("failed", 2)
    assert "killed by signal 9, twice" in failed.error and "memory" in failed.error
    (left,) = Batch(entries[1:], JOB).look()
    assert left.state == "resume"


CLIP_NAME = ["/", "tracks"]  # what differs between stores of two clips that are equal but in name


def test_a_clip_without_a_prompt(tmp_path):
    """Its ear is found, and a second run goes on with what was found."""
    entry = Entry(write_clip(tmp_path / "a.mp4", (320, 240), 6))
    assert Tracker(JOB).look(entry).state == "find ears"
    first, second = (Tracker(JOB).run(entry) for _ in range(2))
    assert (first.state, second.state, first.frames) == ("tracked", "complete", 6), first.error
    (ear,) = first.found
    assert ear["name"] == first.ears[0]["name"] == "right" and ear["confidence"] > 0.5
    assert second.found == first.found == tuple(first.to_dict()["found"])
    assert Tracker(JOB).look(entry).state == "complete"
    assert Tracker(replace(JOB, overwrite=True)).look(entry).state == "find ears"


def test_each_ear_in_a_summary_and_spans_of_which_the_last_frame_counts():
    def ear(name, score, seen, absent):
        return {"name": name, "visible": 9, "seen": seen, "mean_score": score, "absent": absent}

    left = ear("left", 0.7163, 0.887, [[117, 119], [130, 131]])
    few = ClipResult("a.mp4", "a.zarr", "tracked", 200, ears=(left, ear("right", None, 0.0, [])))
    row = few.to_row()
    assert row["ears"] == "left 0.72 (89 %); right (0 %)"
    assert row["absent"] == "left 117-118 130-130"
    assert as_table([few]).splitlines()[1].endswith("  left 117–118, 130")
    flickering = [[2 * n, 2 * n + 1] for n in range(40)]
    many = replace(few, ears=(left, ear("right", 0.6, 0.4, flickering)))
    cell = as_table([many]).splitlines()[1].partition("left")[2]
    assert cell.startswith(" 117–118, 130; right 0, 2, 4") and len(cell) < 60
    shown = cell.partition(" +")[0].count(",") + 2  # a comma fewer than spans of each ear
    assert cell.endswith(f" +{42 - shown} more")


def test_what_is_asked_is_checked_before_any_work(tmp_path, good):
    entries = gather([good])
    with pytest.raises(UsageError, match="no clips"):
        Batch([], JOB)
    with pytest.raises(UsageError, match="0 workers"):
        Batch(entries, JOB, workers=0)
    with pytest.raises(UsageError, match="share the store"):
        Batch(entries * 2, JOB)
    with pytest.raises(ModelError, match="no model named"):
        Batch(entries, TrackJob(TrackSettings(model="none")))


def test_workers_share_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [share_threads(workers) for workers in (1, 2, 3, 16)] == [8, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert share_threads(2) == 2


def test_a_worker_that_is_cut_off_still_has_its_store(tmp_path, good, undisturbed):
    """A second attempt waits for the lock of the first one, and a first attempt does not."""
    entry = Entry(good, ear_box(), output=tmp_path / "a.zarr")
    program = f"""
import sys
from earvid.store._local import WriterLock
from pathlib import Path
WriterLock(Path({str(tmp_path / "a.zarr" / "state" / "lock")!r}))
print("held", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        refused = Tracker(JOB).run(entry)
        assert refused.state == "failed" and f"Process {other.pid} is writing" in refused.error
        threading.Timer(1.0, other.kill).start()
        result = Tracker(JOB).run(entry, attempt=2)
    assert (result.state, result.error) == ("tracked", None)
    assert compare(result.store, undisturbed) == []


def test_stores_go_to_one_folder(tmp_path, good):
    shutil.copy(good, tmp_path / "a.mp4")
    rows = [("a.mp4", ear_box()), (str(good), ear_box(), "", "own.zarr")]
    manifest = write_manifest(tmp_path / "m.csv", rows)
    with pytest.raises(UsageError, match="does not exist; create it first"):
        gather([manifest], tmp_path / "out")
    (tmp_path / "out").mkdir()
    first, second = gather([manifest], tmp_path / "out")
    assert first.store == tmp_path / "out" / "a.earvid.zarr"
    assert second.store == tmp_path / "own.zarr"
    first, second = gather([manifest], store_path("s3://ears/day 1"))
    assert str(first.store) == "s3://ears/day 1/a.earvid.zarr" == str(first.absolute().store)
    assert second.store == tmp_path / "own.zarr"


def test_the_folder_of_an_output_is_made(tmp_path, good):
    rows = [(str(good), ear_box(), "", "results/deep/own.zarr")]
    (entry,) = gather([write_manifest(tmp_path / "m.csv", rows)])
    assert Tracker(JOB).look(entry).state == "create" and not (tmp_path / "results").exists()
    result = Tracker(JOB).run(entry)
    assert (result.state, result.error) == ("tracked", None)
    assert Store.open(tmp_path / "results" / "deep" / "own.zarr").complete


def test_a_place_that_makes_no_sense_fails_alone(tmp_path, good):
    shutil.copy(good, tmp_path / "a.mp4")
    rows = [(str(good), ear_box(), "", "gs://ears/a.zarr"), ("a.mp4", ear_box())]
    bad, fine = Batch(gather([write_manifest(tmp_path / "m.csv", rows)]), JOB).look()
    assert bad.state == "failed" and "line 2: gs://ears/a.zarr is no place" in bad.error
    assert fine.state == "create"
