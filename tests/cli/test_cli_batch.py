"""``earvid batch`` as people and job arrays call it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import call, start

from earvid.store import Store, compare

FRAMES = 12


@pytest.fixture
def folder(here, ear_box):
    """Two good clips and a bad one, with a prompt beside each."""
    Path("clips").mkdir()
    prompt = {"box": [float(value) for value in ear_box.split(",")]}
    objects = [{"id": 1, "name": "left", "frames": {"5": prompt}}]
    for name in ("a", "b", "bad"):
        shutil.copy("ear.mp4", f"clips/{name}.mp4")
        text = json.dumps({"version": 1, "objects": objects})
        Path(f"clips/{name}.prompt.json").write_text(text)
    Path("clips/bad.mp4").write_text("no video")
    return here / "clips"


def test_a_folder_from_dry_run_to_summary(folder, capfd):
    said = call(capfd, "batch", "clips", "--dry-run")
    assert said.code == 3 and len(said.lines) == 3
    assert [line.split()[1] for line in said.out.splitlines()[1:4]] == [
        "create",
        "create",
        "failed",
    ]
    assert not list(folder.glob("*.zarr"))

    said = call(capfd, "batch", "clips", "--workers", 1, "--summary", "s.csv", "--json")
    assert said.code == 3 and len(said.lines) == 3
    assert "3/3 clips/" in said.err and "clips/bad.mp4 is not a video" in said.err
    rows = json.loads(said.out)
    assert [row["state"] for row in rows] == ["tracked", "tracked", "failed"]
    assert rows[0]["ears"][0]["name"] == "left" and rows[0]["frames"] == FRAMES
    with Path("s.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["tracked", "tracked", "failed"]

    # Shards do the clips at a stride, and what is complete stays so.
    said = call(capfd, "batch", "clips", "--shard", "2/3", "--json")
    assert said.code == 0 and [row["state"] for row in json.loads(said.out)] == ["complete"]
    assert said.err == "earvid: 1/1 clips/b.mp4: complete before, nothing to do\n"
    assert call(capfd, "batch", "clips", "--shard", "4/4").err.startswith(
        "earvid: Shard 4/4 has no"
    )


def test_what_is_complete_is_said_to_be(here, capfd):
    """In a dry run too, and what was found before is not told again; nor are pictures clips."""
    Path("clips").mkdir()
    shutil.copy("ear.mp4", "clips/a.mp4")
    Path("clips/a.png").write_bytes(b"a contact sheet")
    first = call(capfd, "batch", "clips")
    assert first.code == 0 and first.lines[0] == "earvid: clips: 1 video; 1 image ignored"
    assert "clips/a.mp4: found the right ear on frame" in first.lines[-1]
    nothing = ["earvid: clips: 1 video; 1 image ignored",
               "earvid: 1/1 clips/a.mp4: complete before, nothing to do"]  # fmt: skip
    for typed in (["--dry-run"], []):
        again = call(capfd, "batch", "clips", *typed)
        assert (again.code, again.lines) == (0, nothing)
        assert again.out.splitlines()[1].split()[:2] == ["clips/a.mp4", "complete"]


def test_ctrl_c_and_again(folder, capfd):
    """A terminal interrupts all processes of a batch at once."""
    (folder / "bad.mp4").unlink()
    typed = ("batch", "clips/a.mp4", "clips/b.mp4", "--summary", "s.json", "--workers")
    process = start(*typed, 2, folder=folder.parent, start_new_session=True)
    wait_for(lambda: list(folder.glob("*.zarr/tracks/status/zarr.json")), process)
    number = process.pid
    os.killpg(number, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "run the same command again" in err.splitlines()[-1]
    wait_for(lambda: not alive(number))
    rows = json.loads(Path("s.json").read_text())
    assert {row["state"] for row in rows} <= {"stopped", "tracked"} and "clips/a.mp4" in out
    assert not list(folder.glob("*.zarr/state/lock"))

    said = call(capfd, *typed, 1)
    assert said.code == 0, said.err
    stores = [folder / "a.earvid.zarr", folder / "b.earvid.zarr"]
    assert all(Store.open(store).complete for store in stores)
    assert set(compare(*stores)) <= {"/", "tracks"}  # their clips differ in name


def wait_for(condition, process=None):
    for _ in range(1200):
        if condition():
            return
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("nothing happened")


def alive(group):
    """Whether a process of a group is there that has not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return any(int(row[0]) == group and "Z" not in row[1] for row in rows)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("none/*.mp4", "Nothing matches 'none/*.mp4'"),
        ("none.csv", "manifest none.csv cannot be read"),
        ("clips --shard 0/3", "'0/3' is no shard"),
        ("clips --summary s.txt", "s.txt does not end in .csv or .json"),
        ("clips --summary none/s.csv", "none does not exist"),
        ("clips --dry-run --workers 2", "does nothing beside --dry-run"),
        ("clips --dry-run --engine ray", "does nothing beside --dry-run"),
        ("clips --address auto", "does nothing without --engine ray"),
        ("clips --roi off --reentry nearby", "--reentry does nothing beside --roi off"),
        ("clips --ears 1", "--ears does nothing where every clip has a prompt"),
        ("clips --shard 1/3 --only left", "--only does nothing where every clip has a prompt"),
        ("clips --output none", "folder none does not exist"),
        ("clips --output gs://ears/a", "is no place for a store: give a path, or s3://"),
        ("clips clips", "would share the store"),
    ],
)
def test_one_sentence_before_any_work(folder, capfd, typed, words):
    said = call(capfd, "batch", *typed.split())
    assert said.code == 2 and len(said.lines) == 1 and words in said.err, said.err
    assert not list(folder.glob("*.zarr"))
