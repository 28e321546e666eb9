import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call

from earvid.prompt import Prompt
from earvid.store import Store
from earvid.video import VideoWriter


@pytest.fixture
def noise(here):
    """A clip without an ear, whose name needs quoting."""
    path = here / "no ear's.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 160, 120) as writer:
        for _ in range(4):
            coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
            writer.write(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))
    return path


def test_track_without_a_prompt_finds_tracks_and_remembers(here, capfd):
    said = call(capfd, "track", "ear.mp4", "--save-prompt", "kept.json")
    assert said.code == 0 and "found the right ear on frame" in said.err, said.err
    assert "  right: visible on 12 frames" in said.out
    store = Store.open("ear.earvid.zarr")
    found = store.provenance["found"]
    assert len(found["detector"]) == 64 and 0.5 <= found["ears"][0]["confidence"] <= 1
    assert "earvid: The prompt is written to kept.json." in said.lines
    kept = Prompt.load("kept.json")
    assert kept.to_json()["objects"] == store.provenance["prompt"]["objects"]

    assert call(capfd, "track", "ear.mp4", "--save-prompt", "dry.json", "--dry-run").code == 0
    assert not Path("dry.json").exists()
    again = call(capfd, "track", "ear.mp4", "--save-prompt", "kept.json")
    assert again.code == 0 and "nothing to do" in again.out
    assert again.lines[-1] == "earvid: The prompt is in kept.json already."
    by_hand = call(capfd, "track", "ear.mp4", "--prompt", "kept.json")
    assert "nothing to do" in by_hand.out  # the same prompt, whoever gave it


def test_a_run_that_was_stopped_goes_on_with_the_prompt_it_found(here, capfd, monkeypatch):
    from earvid.store import StoreWriter

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert call(capfd, "track", "ear.mp4").code == 130
    assert not Store.open("ear.earvid.zarr").complete
    said = call(capfd, "track", "ear.mp4")
    assert said.code == 0 and Store.open("ear.earvid.zarr").complete


def test_a_corrected_store_is_taken_as_it_is(here, capfd):
    """Found, corrected by hand with points and landmarks, and called again without a prompt."""
    assert call(capfd, "track", "ear.mp4", "--save-prompt", "found.json").code == 0
    document = json.loads(Path("found.json").read_text())
    (ear,) = document["objects"]
    box = next(iter(ear["frames"].values()))["box"]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    free = next(str(t) for t in (1, 9) if str(t) not in ear["frames"])
    ear["frames"][free] = {
        "points": [[x, y, 1], [2.5, 3.5, 0]],
        "box": box,
        "landmarks": {"tragus": [x, y], "lobule": [x + 1, y + 3]},
    }
    Path("corrected.json").write_text(json.dumps(document))
    assert call(capfd, "track", "ear.mp4", "--prompt", "corrected.json").code == 0
    before = Store.open("ear.earvid.zarr").fingerprint

    again = call(capfd, "track", "ear.mp4")
    assert again.code == 0 and "nothing to do" in again.out, again.err
    assert again.err == "earvid: ear.mp4: taking the prompt that ear.earvid.zarr has\n"
    assert call(capfd, "track", "ear.mp4", "--dry-run").out.startswith("ear.mp4: would skip")
    assert Store.open("ear.earvid.zarr").fingerprint == before
    left = call(capfd, "track", "ear.mp4", "--only", "left")
    assert left.code == 1  # that is another wish


def test_a_store_prompted_by_hand_goes_on_without_the_prompt(tracked, here, capfd):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    said = call(capfd, "track", "ear.mp4")
    assert said.code == 0 and "nothing to do" in said.out and "taking the prompt" in said.err


def test_a_store_prompted_by_a_mask_asks_for_it_again(here, capfd):
    rows, columns = np.mgrid[:120, :160]
    mask = ((columns - 70) / 18) ** 2 + ((rows - 60) / 28) ** 2 <= 1
    cv2.imwrite("mask.png", mask.astype(np.uint8) * 255)
    assert call(capfd, "track", "ear.mp4", "--mask", "mask.png").code == 0
    said = call(capfd, "track", "ear.mp4")
    assert said.code == 1 and len(said.lines) == 1
    assert "prompted with masks" in said.err and "--overwrite" in said.err


def test_prompt_chooses_as_track_does(here, capfd, monkeypatch):
    """An ear on which the tracking model sees none is taken by neither."""
    from earvid.detect import TrackerVerifier
    from earvid.detect.verify import Check

    monkeypatch.setattr(TrackerVerifier, "__call__", lambda *_: Check(0.2, 0.1, 0.0))
    found = call(capfd, "prompt", "ear.mp4", "--save-prompt", "p.json")
    tracked = call(capfd, "track", "ear.mp4")
    assert found.code == tracked.code == 1 and "\nright" in found.out
    assert found.lines[-1] == tracked.lines[-1] and "sees no ear there" in found.lines[-1]
    assert "earvid track" not in found.lines[-1]  # which would track what is no ear
    assert not Path("p.json").exists()
    for more in ([], ["--json"]):
        assert call(capfd, "prompt", "ear.mp4", *more).code == 1


def test_what_comes_next_is_not_what_a_file_beside_the_clip_would_win_over(here, capfd):
    ears = [{"id": 1, "name": "e", "frames": {"5": {"box": [40, 30, 90, 90]}}}]
    Path("ear.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    said = call(capfd, "prompt", "ear.mp4")
    assert said.lines == [
        "earvid: To track them, and not what ear.prompt.json says, run: earvid prompt ear.mp4 "
        "--save-prompt ear.found.json && earvid track ear.mp4 --prompt ear.found.json"
    ]
    for step in said.lines[0].partition("run: earvid ")[2].split(" && earvid "):
        done = call(capfd, *step.split())
        assert done.code == 0, done.err
    assert Store.open("ear.earvid.zarr").provenance["prompt"]["objects"][0]["name"] == "right"
    assert done.out.startswith("ear.earvid.zarr") and "using ear.prompt.json" not in done.err


def test_files_that_cannot_be_written_are_told_before_anything_is_looked_at(
    here, capfd, monkeypatch
):
    for module in ("earvid.detect", "earvid.detect.choose", "earvid.batch.prompts"):
        monkeypatch.setattr(f"{module}.find_ears", None, raising=False)
    Path("folder.json").mkdir()
    for name, words in (
        ("folder.json", "is a folder"),
        ("nowhere/p.json", "does not exist"),
    ):
        for verb in ("prompt", "track"):
            said = call(capfd, verb, "ear.mp4", "--save-prompt", name)
            assert said.code == 1 and len(said.lines) == 1 and words in said.err, said.err


def test_other_wishes_make_another_run(here, capfd):
    assert call(capfd, "track", "ear.mp4", "--ears", "1").code == 0
    left = call(capfd, "track", "ear.mp4", "--only", "left")
    assert left.code == 1 and "No ear" in left.err


def test_without_an_ear_nothing_is_left_behind(noise, capfd):
    before = set(Path().iterdir())
    said = call(capfd, "track", noise.name)
    assert said.code == 1 and len(said.lines) == 1 and "No ear" in said.err
    assert "--box" in said.err and not said.out
    assert set(Path().iterdir()) == before


def test_several_clips_of_which_one_has_no_ear(noise, capfd):
    said = call(capfd, "track", "ear.mp4", noise.name, "--json")
    assert said.code == 3
    good, bad = json.loads(said.out)
    assert good["found"][0]["name"] == "right" and "No ear" in bad["error"]


def test_a_dry_run_finds_the_prompt_and_writes_nothing(here, capfd):
    said = call(capfd, "track", "ear.mp4", "--dry-run")
    assert said.code == 0 and "would create" in said.out and "found the right ear" in said.err
    assert not Path("ear.earvid.zarr").exists()


def test_prompt_lists_draws_and_saves(here, capfd):
    said = call(capfd, "prompt", "ear.mp4", "--png", "ear.png", "--save-prompt", "ear.prompt.json")
    assert said.code == 0 and said.out.startswith("name") and "\nright" in said.out
    assert said.lines == [
        "earvid: The candidates are drawn in ear.png.",
        "earvid: The prompt is written to ear.prompt.json.",
        "earvid: To track them, run: earvid track ear.mp4",
    ]
    head, *rows = said.out.splitlines()
    assert [row[head.index("taken") :].split()[0] for row in rows].count("yes") == 1
    drawn = cv2.imread("ear.png")
    ear = Prompt.load("ear.prompt.json").objects[0]
    assert ear.name == "right"

    document = json.loads(call(capfd, "prompt", "ear.mp4", "--json").out)
    best = document["ears"][0]["candidates"][0]
    first = document["ears"][0]
    assert first["certain"] and first["taken"] and best["frame"] == ear.first_keyframe
    assert best["taken"] and not any(c["taken"] for c in first["candidates"][1:])
    gray = (drawn == 150).all(2).sum()  # around all boxes but one
    assert (gray > 0) == (len(rows) > 1)
    assert best["box"] == list(ear.frames[best["frame"]].box)
    tracked = call(capfd, "track", "ear.mp4")  # with the file beside it
    assert tracked.code == 0 and "earvid: ear.mp4: using ear.prompt.json" in tracked.lines
    assert not call(capfd, "track", "ear.mp4", "--json").err
    assert "found" not in Store.open("ear.earvid.zarr").provenance


def test_a_weak_second_ear_is_taken_and_marked(here, capfd, monkeypatch):
    """In 'prompt' and 'track', with what leaves it out."""
    from earvid.detect import Candidate, FoundEar
    from earvid.detect.verify import Check

    def ear(side, person, confidence, beside=True):
        x = 20 if side == "left" else 60
        best = Candidate(5, 0.167, "", (x, 20, x + 30, 80), 0.62, 0.5)
        return FoundEar(side, person, confidence, 3, (best,), beside).named(person)

    found = (ear("right", 0, 0.9), ear("left", 0, 0.33), ear("right", 1, 0.4, beside=False))
    for module in ("earvid.detect", "earvid.detect.choose"):
        monkeypatch.setattr(f"{module}.find_ears", lambda *_, **__: found)
    seen = Check(0.9, 0.9, 0.9)
    monkeypatch.setattr("earvid.detect.TrackerVerifier.__call__", lambda *_: seen)
    monkeypatch.setattr(Check, "confidence", lambda _, detected: detected)
    rows = call(capfd, "prompt", "ear.mp4").out.splitlines()
    assert [row.split("  ")[-1] for row in rows] == [
        "taken", "yes", "yes, but weak: look at it", "no: its confidence is below 0.95"
    ]  # fmt: skip
    said = call(capfd, "track", "ear.mp4", "--dry-run")
    assert said.lines == [
        "earvid: ear.mp4: found the right ear on frame 5 at 60,20,90,80, confidence 0.90",
        "earvid: ear.mp4: found the left ear on frame 5 at 20,20,50,80, confidence 0.33: weak, "
        "look at it (earvid qc ear.earvid.zarr; --only right leaves it out)",
    ]


def test_prompt_ends_with_1_where_there_is_none(noise, capfd):
    said = call(capfd, "prompt", noise.name, "--png", "none.png")
    document = call(capfd, "prompt", noise.name, "--json")
    assert document.code == said.code
    if json.loads(document.out)["ears"]:  # something faint may be listed, never as certain
        assert not any(ear["certain"] for ear in json.loads(document.out)["ears"])
    else:
        assert said.code == 1 and "No ear was found" in said.err and not said.out
        assert not Path("none.png").exists()


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("track ear.mp4 --box 1,1,60,60 --ears 1", 2, "--ears does nothing beside a prompt"),
        ("track ear.mp4 --box 1,1,60,60 --only left", 2, "--only does nothing"),
        ("track ear.mp4 --box 1,1,60,60 --save-prompt p.json", 2, "--save-prompt does nothing"),
        ("track ear.mp4 b.mp4 --save-prompt p.json", 2, "--save-prompt names one file"),
        ("track ear.mp4 --only both", 2, "--only"),
        ("track ear.mp4 --ears 0", 2, "--ears"),
        ("track noted.mp4 --ears 1", 2, "--ears does nothing beside noted.prompt.json"),
        ("track ear.mp4 --save-prompt text.json", 1, "text.json is there already"),
        ("prompt nothing.mp4", 1, "nothing.mp4"),
        ("prompt text.json", 1, "text.json"),
        ("prompt ear.mp4 --png ear.jpg", 2, ".png"),
        ("prompt ear.mp4 --png nowhere/ear.png", 2, "nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(here, capfd, typed, code, words):
    shutil.copy("ear.mp4", "noted.mp4")
    ears = [{"id": 1, "name": "e", "frames": {"5": {"box": [40, 30, 90, 90]}}}]
    Path("noted.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    Path("text.json").write_text("{}")
    said = call(capfd, *typed.split())
    assert said.code == code and words in said.err, said.err
    assert not Path("ear.earvid.zarr").exists()
