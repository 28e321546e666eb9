"""``earvid correct``: a store is corrected on a frame, with nothing but the store and its clip."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from apart import begin
from command_line import call

from earvid.cli import main
from earvid.prompt import Prompt
from earvid.sample import load_truth
from earvid.store import Store, StoreCorrection, compare


@pytest.fixture
def store(tracked, here):
    """The small clip's store, beside it."""
    return Path(shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr"))


def test_a_box_is_enough(store, tracked, here, capfd, ear_box):
    typed = ["correct", store, "--frame", 9, "--box", ear_box]
    dry = call(capfd, *typed, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.splitlines() == [
        f"{here / 'ear.mp4'}: would correct ear.earvid.zarr",
        "  would track ear anew on frames 6–11 (6 frames)",
    ]
    assert compare(store, tracked / "ear.earvid.zarr") == []
    before = Store.open(store).tracks.score[:, 0]
    said = call(capfd, *typed, "--save-prompt", "all.json")
    assert (said.code, said.err) == (0, "earvid: The prompt is written to all.json.\n")
    after = Store.open(store).tracks.score[:, 0]
    now, then = ((np.isfinite(score).sum(), np.nanmean(score)) for score in (after, before))
    assert said.out.splitlines() == [
        "ear.earvid.zarr: 6 of 12 frames tracked anew",
        f"  ear: tracked anew on frames 6–11; visible on {now[0]} frames (before {then[0]}), "
        f"mean score {now[1]:.2f} ({then[1]:.2f})",
    ]
    assert np.flatnonzero(Store.open(store).status == 2).tolist() == [9]
    assert list(Prompt.load("all.json").objects[0].frames) == [5, 9]
    # The file is what 'earvid track' would have needed.
    assert "nothing to do" in call(capfd, "track", "ear.mp4", "--prompt", "all.json").out
    again = json.loads(call(capfd, *typed, "--json").out)
    assert again["tracked"] == 0
    more = call(capfd, "correct", store, "--frame", 2, "--point", "80,60", "--json")
    assert more.code == 0 and list(json.loads(more.out)["corrected"]) == ["ear"]


def test_the_box_of_the_tracked_mask_is_told(store, here, capfd):
    x0, y0, x1, y1 = (float(value) for value in Store.open(store).tracks.box[9, :, 0])
    fix = ["correct", store, "--frame", 9, "--dry-run", "--box"]
    same, other = f"{x0 + 1},{y0},{x1},{y1 - 1}", f"{x0 + 2},{y0},{x1},{y1}"
    said = call(capfd, *fix, same)
    assert said.code == 0 and len(said.lines) == 1
    assert "the box of the tracked mask, so the mask will hardly change" in said.err
    for more in ([other], [same, "--point", "80,60"]):
        assert call(capfd, *fix, *more).err == ""


def correct_until_the_masks_have_moved(folder, typed):
    os.chdir(folder)
    move = Path.rename

    def rename(self, target):
        moved = move(self, target)
        if self.parts[-3:] == ("state", "correction", "labels"):
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.rename = rename
    main(typed)


def test_killed_while_the_corrected_store_takes_its_place(store, here, capfd, ear_box):
    whole = Path(shutil.copytree(store, "whole.earvid.zarr"))
    fix = ["--frame", "9", "--box", ear_box, "--save-prompt", "fixed.json"]
    killed = begin(correct_until_the_masks_have_moved, here, ["correct", str(store), *fix])
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    left = Path(shutil.copytree(store, "left.earvid.zarr"))
    for verb in (["correct", store, *fix], ["track", "ear.mp4"]):  # looked at, and left alone
        said = call(capfd, *verb, "--dry-run")
        assert said.code == 1 and "'earvid correct' or 'earvid track' again" in said.err, said.err
    again = call(capfd, "correct", store, *fix)
    assert (again.code, again.err) == (0, "earvid: The prompt is written to fixed.json.\n")
    assert call(capfd, "correct", whole, *fix).code == 0
    assert compare(store, whole) == []
    assert np.flatnonzero(Store.open(store).status == 2).tolist() == [9]
    # Without a prompt 'earvid track' brings it to its end likewise, and goes on with what is there.
    said = call(capfd, "track", "ear.mp4", "--output", left)
    assert said.code == 0 and "nothing to do" in said.out and "taking the prompt that" in said.err
    assert compare(left, whole) == []


def test_the_prompt_is_saved_once_the_store_is_corrected(store, here, capfd, ear_box, monkeypatch):
    fix = ["correct", store, "--frame", 9, "--box", ear_box, "--save-prompt", "fixed.json"]
    with monkeypatch.context() as patch:
        stop = (_ for _ in ()).throw
        patch.setattr(StoreCorrection, "commit", lambda _: stop(KeyboardInterrupt))
        stopped = call(capfd, *fix)
    assert stopped.code == 130 and "run the same command again to go on" in stopped.err
    assert call(capfd, *fix, "--dry-run").code == 0
    assert call(capfd, *fix, "--clip", "none.mp4").code == 1
    assert not Path("fixed.json").exists()
    Path("fixed.json").write_text("mine")
    for refused in (call(capfd, *fix), call(capfd, *fix, "--dry-run")):
        assert refused.code == 1 and "fixed.json is there already" in refused.err
    assert Path("fixed.json").read_text() == "mine" and not (Store.open(store).status == 2).any()
    for more in (["--overwrite"], []):  # what is there already is no reason to stop
        assert call(capfd, *fix, *more).code == 0
        assert list(Prompt.load("fixed.json").objects[0].frames) == [5, 9]


def test_a_keyframe_keeps_what_is_not_said_anew(store, here, capfd, ear_box):
    truth = (load_truth().landmarks[40 + 9] + 0.5) / 4 - 0.5
    points = {str(name): point for name, point in enumerate(truth.tolist())}
    Path("nine.json").write_text(json.dumps(points))
    said = call(capfd, "correct", store, "--frame", 9, "--box", ear_box, "--point", "80,60")
    assert said.code == 0
    saved = ["--save-prompt", "p.json", "--overwrite"]
    said = call(capfd, "correct", store, "--frame", 9, "--landmarks", "nine.json", *saved)
    assert said.code == 0, said.err
    frame = Prompt.load("p.json").objects[0].frames[9]
    assert frame.box == tuple(float(value) for value in ear_box.split(","))
    assert frame.points.tolist() == [[80, 60]] and len(frame.landmarks) == 55
    assert call(capfd, "correct", store, "--frame", 9, "--point", "81,61", *saved).code == 0
    after = Prompt.load("p.json").objects[0].frames[9]
    assert (after.box, after.landmarks) == (frame.box, frame.landmarks)
    assert after.points.tolist() == [[81, 61]]


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
    said = call(capfd, *fix, "--prompt", "p.json")  # the corrected prompt would be nowhere
    assert said.code == 2 and "--save-prompt" in said.err and len(said.lines) == 1
    kept = ["--prompt", "p.json", "--save-prompt", "p.json", "--overwrite"]
    assert call(capfd, *fix, *kept).code == 0
    ear = Prompt.load("p.json").objects[0]
    assert list(ear.frames) == [5, 9] and (ear.frames[5].mask == (mask > 0)).all()
    # So it can be corrected again, and a box takes the place of a mask.
    fix[3:] = [7, "--mask", "m.png"]
    assert call(capfd, *fix, *kept).code == 0
    assert call(capfd, *fix[:4], "--box", ear_box, *kept).code == 0
    frames = Prompt.load("p.json").objects[0].frames
    assert list(frames) == [5, 7, 9] and frames[7].mask is None and frames[7].box is not None


def test_an_ear_is_not_there(store, tracked, here, capfd, ear_box):
    typed = ["correct", store, "--ear", "ear", "--absent", "8:10"]
    dry = call(capfd, *typed, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.splitlines() == [
        f"{here / 'ear.mp4'}: would correct ear.earvid.zarr",
        "  would track ear anew on frames 8–11 (4 frames)",
    ]
    assert compare(store, tracked / "ear.earvid.zarr") == []
    said = call(capfd, *typed, "--save-prompt", "all.json")
    assert said.code == 0 and "4 of 12 frames tracked anew" in said.out
    assert Prompt.load("all.json").objects[0].absent == ((8, 10),)
    assert not Store.open(store).tracks.area[8:10].any()
    shown = call(capfd, "show", store).out
    assert "(by hand on 2 frames)" in shown and "visible on 10 frames" in shown
    assert "nothing to do" in call(capfd, "track", "ear.mp4", "--prompt", "all.json").out
    assert call(capfd, "correct", store, "--absent", "10:", "--absent", ":2").code == 0
    (ear,) = json.loads(call(capfd, "show", store, "--json").out)["ears"]
    assert ear["ruled_out"] == 6 and ear["absent"] == [[0, 2], [8, 12]]
    # A file that has fewer takes the rest back; 'earvid track' takes it for an old command.
    refused = call(capfd, "track", "ear.mp4", "--prompt", "all.json")
    assert refused.code == 1 and "earvid correct" in refused.err
    back = call(capfd, "correct", store, "--prompt", "all.json", "--json")
    assert back.code == 0 and json.loads(back.out)["corrected"] == {"ear": [[0, 2], [10, 12]]}
    assert Store.open(store).tracks.area[[0, 1, 10, 11], 0].all()


def test_an_absence_is_taken_back(store, tracked, capfd, ear_box):
    assert call(capfd, "correct", store, "--absent", "8:11").code == 0
    typed = ["correct", store, "--frame", 9, "--box", ear_box]
    said = call(capfd, *typed)
    assert said.code == 2 and "take that back with --present 8:11" in said.err
    said = call(capfd, *typed, "--present", "9:")
    assert said.code == 0, said.err
    assert Store.open(store).tracks.area[:, 0].astype(bool).tolist() == [t != 8 for t in range(12)]
    said = call(capfd, "correct", store, "--present", "9:")
    assert said.code == 2 and "Nobody said that ear is absent" in said.err
    assert call(capfd, "correct", store, "--present", ":").code == 0
    assert Store.open(store).tracks.area[:, 0].all()
    assert call(capfd, "correct", store, "--absent", ":").code == 0
    said = call(capfd, "correct", store, "--present", ":")
    assert said.code == 1 and "it has no frames" in said.err
    assert call(capfd, *typed, "--present", ":").code == 0
    assert Store.open(store).tracks.area[:, 0].all()


def test_an_only_keyframe_is_put_elsewhere_and_an_ear_taken_out(store, here, capfd, ear_box):
    x0, y0, x1, y1 = (float(value) for value in ear_box.split(","))
    said = call(capfd, "correct", store, "--frame", 5, "--box", f"{x0},{y0},{x1},{y1 - 6}")
    assert said.code == 0 and "12 of 12 frames tracked anew" in said.out
    assert np.flatnonzero(Store.open(store).corrected[:, 0]).tolist() == [5]
    more = ["--absent", "4:7", "--frame", 9, "--box", ear_box]
    said = call(capfd, "correct", store, *more)
    assert said.code == 0 and said.err == "earvid: ear is no longer prompted on frame 5.\n"
    assert not Store.open(store).tracks.area[4:7].any()
    said = call(capfd, "correct", store, "--absent", ":")
    assert said.code == 0 and "visible on 0 frames (before 9)" in said.out, said.out
    assert "never seen (by hand on 12 frames)" in call(capfd, "show", store).out
    for verb in (["qc", store], ["render", store, "--sheet", "s.png"], ["track", "ear.mp4"]):
        said = call(capfd, *verb)
        assert said.code == 0, said.err
    assert "Nothing is flagged" in Path("ear.qc.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("none.zarr --frame 9 --box 10,10,50,50", 1, "no store at none.zarr"),
        ("ear.earvid.zarr --box 10,10,50,50", 2, "Say with --frame"),
        ("ear.earvid.zarr", 2, "--absent where it is not"),
        ("ear.earvid.zarr --absent 7", 2, "no range of frames A:B"),
        ("ear.earvid.zarr --absent 7:7", 2, "is empty"),
        ("ear.earvid.zarr --absent 9:7", 2, "is reversed"),
        ("ear.earvid.zarr --absent=-3:7", 2, "no range of frames A:B"),
        ("ear.earvid.zarr --absent 7:13", 1, "the clip has 12"),
        ("ear.earvid.zarr --absent 12:", 2, "beyond the clip"),
        ("ear.earvid.zarr --absent 4:7", 2, "Nothing else than frame 5 says where ear is"),
        ("ear.earvid.zarr --absent 7:9 --frame 8 --box 1,1,9,9", 1, "prompted on frame 8 among"),
        ("ear.earvid.zarr --absent 7:9 --ear left", 2, "There is no ear 'left'"),
        ("ear.earvid.zarr --prompt p.json --ear ear", 2, "--ear does nothing here"),
        ("ear.earvid.zarr --frame 9", 2, "Nothing says where the ear is"),
        ("ear.earvid.zarr --frame 99 --box 10,10,50,50", 1, "12 frames"),
        ("ear.earvid.zarr --frame 9 --box 10,10,500,50", 1, "outside the frame"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --box 1,1,9,9", 2, "is of one ear"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --clip none.mp4", 1, "none.mp4"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --landmarks none", 2, "--landmarks none does"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --overwrite", 2, "without --save-prompt"),
        ("ear.earvid.zarr --frame 9 --box 1,1,9,9 --save-prompt no/p.json", 1, "does not exist"),
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
