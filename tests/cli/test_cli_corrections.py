"""Correcting a store from the command line, with the embedded model on the small clip."""

from __future__ import annotations

import json
import shutil

import numpy as np
from command_line import call

from earvid.store import Store, compare


def test_a_keyframe_more_corrects_a_store(tracked, here, capfd, ear_box):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    first = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5]
    box = [float(value) for value in ear_box.split(",")]
    frames = {"5": {"box": box}, "9": {"box": box}}
    ear = {"id": 1, "name": "ear", "frames": frames}
    (here / "c.json").write_text(json.dumps({"version": 1, "objects": [ear]}))
    typed = ["track", "ear.mp4", "--prompt", "c.json"]

    dry = call(capfd, *typed, "--dry-run")
    assert (dry.code, dry.out) == (0, "ear.mp4: would correct ear.earvid.zarr\n")
    assert compare("ear.earvid.zarr", tracked / "ear.earvid.zarr") == []
    said = call(capfd, *typed)
    assert (
        said.code == 0 and [line for line in said.lines if "guessed on frame 5" not in line] == []
    )
    head, anew, _ = said.out.splitlines()
    assert "12 frames, 6 tracked at" in head and anew == "  ear: tracked anew on frames 6–11"
    old, new = Store.open(tracked / "ear.earvid.zarr"), Store.open("ear.earvid.zarr")
    assert np.flatnonzero(new.status == 2).tolist() == [9]
    np.testing.assert_array_equal(old.tracks.score[:6], new.tracks.score[:6])

    again = call(capfd, *typed)
    assert again.code == 0 and "complete before, nothing to do" in again.out
    undo = call(capfd, *first)
    assert undo.code == 1 and len(undo.lines) == 1
    assert "was corrected since it had this prompt" in undo.err and "--overwrite" in undo.err
    report = json.loads(call(capfd, *typed, "--overwrite", "--json").out)
    assert report["tracked"] == 12 and "corrected" not in report
    assert "corrections" not in Store.open("ear.earvid.zarr").provenance


def test_other_settings_are_named_when_a_store_is_refused(tracked, here, capfd, ear_box):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5]
    said = call(capfd, *typed, "--policy", "gated")
    assert said.code == 1 and "another policy (fifo rather than gated):" in said.err
    said = call(capfd, *typed[:-1], 6)
    assert said.code == 1 and "keyframes, and that on frame 5 of ear is missing" in said.err
