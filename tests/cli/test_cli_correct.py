"""``earvid correct``: a store is corrected on a frame, with nothing but the store and its clip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call

from earvid.prompt import Prompt
from earvid.store import Store, compare


@pytest.fixture
def store(tracked, here):
    """The small clip's store, beside it."""
    return Path(shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr"))


def test_a_box_is_enough(store, tracked, here, capfd, ear_box):
    typed = ["correct", store, "--frame", 9, "--box", ear_box]
    dry = call(capfd, *typed, "--dry-run")
    assert (dry.code, dry.err) == (0, "") and "would correct ear.earvid.zarr" in dry.out
    assert compare(store, tracked / "ear.earvid.zarr") == []
    said = call(capfd, *typed, "--save-prompt", "all.json")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:2] == [
        "ear.earvid.zarr: 6 of 12 frames tracked anew",
        "  ear: tracked anew on frames 6–11",
    ]
    assert np.flatnonzero(Store.open(store).status == 2).tolist() == [9]
    assert list(Prompt.load("all.json").objects[0].frames) == [5, 9]
    # The file is what 'earvid track' would have needed.
    assert "nothing to do" in call(capfd, "track", "ear.mp4", "--prompt", "all.json").out
    again = json.loads(call(capfd, *typed, "--json").out)
    assert again["tracked"] == 0
    more = call(capfd, "correct", store, "--frame", 2, "--point", "80,60", "--json")
    assert more.code == 0 and list(json.loads(more.out)["corrected"]) == ["ear"]


@pytest.mark.parametrize("more", [(), ("--dtype", "bfloat16"), ("--quantize", "int8")])
def test_a_store_of_other_settings_is_corrected_with_these(here, capfd, ear_box, more):
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5, "--policy", "gated"]
    assert call(capfd, *typed, "--landmarks", "none", "--reentry", "nearby", *more).code == 0
    said = call(capfd, "correct", "ear.earvid.zarr", "--frame", 9, "--box", ear_box)
    assert said.code == 0, said.err
    about = Store.open("ear.earvid.zarr").provenance["settings"]
    assert about["policy"]["name"] == "gated" and about["reentry"] == "nearby"


def test_of_several_ears_one_is_named(here, capfd, ear_box):
    typed = ["track", "ear.mp4", "--box", ear_box, "--box", "100,20,140,60", "--keyframe", 5]
    assert call(capfd, *typed).code == 0
    fix = ["correct", "ear.earvid.zarr", "--frame", 9, "--box", ear_box]
    said = call(capfd, *fix)
    assert said.code == 2 and "--ear: ear-1, ear-2" in said.err and len(said.lines) == 1
    said = call(capfd, *fix, "--ear", "left")
    assert said.code == 2 and "There is no ear 'left'" in said.err
    said = call(capfd, *fix, "--ear", "ear-2", "--json")
    assert said.code == 0 and list(json.loads(said.out)["corrected"]) == ["ear-2"]


def test_a_store_prompted_with_masks_needs_the_prompt(here, capfd, ear_box):
    mask = np.zeros((120, 160), np.uint8)
    x0, y0, x1, y1 = (round(float(value)) for value in ear_box.split(","))
    mask[y0:y1, x0:x1] = 255
    cv2.imwrite("m.png", mask)
    frames = {"5": {"mask": "m.png"}}
    ears = [{"id": 1, "name": "ear", "frames": frames}]
    Path("p.json").write_text(json.dumps({"version": 1, "objects": ears}))
    assert call(capfd, "track", "ear.mp4", "--prompt", "p.json").code == 0
    fix = ["correct", "ear.earvid.zarr", "--frame", 9, "--box", ear_box]
    said = call(capfd, *fix)
    assert said.code == 1 and "give the file of that prompt with --prompt" in said.err
    assert call(capfd, *fix, "--prompt", "p.json").code == 0


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("none.zarr --frame 9 --box 10,10,50,50", 1, "no store at none.zarr"),
        ("ear.earvid.zarr --box 10,10,50,50", 2, "--frame"),
        ("ear.earvid.zarr --frame 9", 2, "Nothing says where the ear is"),
        ("ear.earvid.zarr --frame 99 --box 10,10,50,50", 1, "12 frames"),
        ("ear.earvid.zarr --frame 9 --box 10,10,500,50", 1, "outside the frame"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --box 1,1,9,9", 2, "is of one ear"),
        ("ear.earvid.zarr --frame 5 --box 10,10,50,50", 1, "keeps a keyframe of every ear"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --clip none.mp4", 1, "none.mp4"),
    ],
)
def test_one_sentence_and_the_store_as_it_was(store, tracked, here, capfd, typed, code, words):
    said = call(capfd, "correct", *typed.split())
    assert said.code == code and len(said.lines) == 1 and words in said.err, said.err
    assert compare(store, tracked / "ear.earvid.zarr") == []


def test_a_store_without_its_clip_says_so(store, here, capfd):
    Path("ear.mp4").unlink()
    said = call(capfd, "correct", store, "--frame", 9, "--box", "10,10,50,50")
    assert said.code == 2 and "is not beside the store; name it with --clip" in said.err
