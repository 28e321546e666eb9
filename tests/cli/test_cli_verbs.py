"""Each verb on good input: what it prints, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call

from earvid.cli.app import VERBS
from earvid.store import Store
from earvid.video import Clip


def strict(text: str):
    """Parse exactly one JSON document, without the NaN that Python would let pass."""

    def refuse(word: str):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def files(folder: Path) -> dict[Path, int]:
    """Every file with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def prompt_of(store: str) -> list[dict]:
    """The objects of the prompt that a store was made from."""
    objects: list[dict] = Store.open(store).provenance["prompt"]["objects"]
    return objects


def test_track_tells_what_it_did_and_does_it_once(here, capfd, ear_box):
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5]
    first = call(capfd, *typed)
    guessed = r"earvid: ear\.mp4: landmarks of ear were guessed on frame 5, with \d+% certainty\n"
    assert first.code == 0 and re.fullmatch(guessed, first.err)
    head, ear = first.out.splitlines()
    assert re.fullmatch(r"ear\.earvid\.zarr: 12 frames, 12 tracked at \d+\.\d frames/s", head)
    assert re.match(r"  ear: visible on \d+ frames, mean score 0\.\d{3}", ear)
    before = files(here)
    again = call(capfd, *typed)
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines() == [
        "ear.earvid.zarr: 12 frames, complete before, nothing to do",
        ear,
    ]
    assert files(here) == before
    report = strict(call(capfd, *typed, "--json").out)
    assert (report["clip"], report["store"]) == ("ear.mp4", "ear.earvid.zarr")
    assert (report["frames"], report["tracked"]) == (12, 0)
    other = call(capfd, *typed[:-1], 6)
    assert other.code == 1 and "--overwrite" in other.err
    assert call(capfd, *typed[:-1], 6, "--overwrite").code == 0
    assert prompt_of("ear.earvid.zarr")[0]["frames"].keys() == {"6"}


def test_a_dry_run_writes_nothing(here, capfd, ear_box):
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5]
    before = files(here)
    said = call(capfd, *typed, "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert said.out == "ear.mp4: would create ear.earvid.zarr\n"
    assert files(here) == before
    call(capfd, *typed)
    row = strict(call(capfd, *typed, "--dry-run", "--json").out)
    assert row == {
        "clip": "ear.mp4", "store": "ear.earvid.zarr", "would": "skip", "warnings": []
    }  # fmt: skip


def test_a_bad_clip_does_not_stop_the_others(here, capfd, ear_box):
    shutil.copy("ear.mp4", "other.mp4")
    Path("bad.mp4").write_text("no clip")
    typed = ["track", "ear.mp4", "bad.mp4", "other.mp4", "--box", ear_box, "--keyframe", 5]
    typed += ["--landmarks", "prompt"]
    said = call(capfd, *typed)
    assert said.code == 3
    assert len(said.lines) == 1 and said.err.startswith("earvid: bad.mp4 is not a video")
    assert [line.split(":")[0] for line in said.out.splitlines() if line[0] != " "] == [
        "ear.earvid.zarr",
        "other.earvid.zarr",
    ]
    assert Store.open("ear.earvid.zarr").complete and Store.open("other.earvid.zarr").complete
    assert not Path("bad.earvid.zarr").exists()
    rows = strict(call(capfd, *typed, "--json").out)
    assert [sorted(row)[:2] for row in rows] == [
        ["clip", "ears"],
        ["clip", "error"],
        ["clip", "ears"],
    ]


def test_the_prompt_beside_a_clip_is_found(here, capfd, ear_box):
    box = [float(value) for value in ear_box.split(",")]
    ears = [{"id": 7, "name": "left", "frames": {"5": {"box": box}}}]
    Path("ear.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    said = call(capfd, "track", "ear.mp4")
    assert said.code == 0 and "  left: " in said.out
    assert Store.open("ear.earvid.zarr").object_ids == (7,)
    named = call(capfd, "track", "ear.mp4", "--prompt", "ear.prompt.json")
    assert "nothing to do" in named.out
    Path("ear.prompt.json").write_text("{}")
    said = call(capfd, "track", "ear.mp4")  # it is not passed over when it is malformed
    assert said.code == 1 and "ear.prompt.json" in said.err


def test_the_order_of_options_tells_which_ear_they_mean(here, capfd):
    typed = "track ear.mp4 --keyframe 5 --point 60,60 --box 40,30,90,90 --point 41,31,0 "
    typed += "--box 90,30,130,90 --point 100,50 --point 110,60"
    said = call(capfd, *typed.split())
    assert said.code == 0 and "  ear-1: " in said.out and "  ear-2: " in said.out
    one, two = (ear["frames"]["5"] for ear in prompt_of("ear.earvid.zarr"))
    assert one == {"box": [40, 30, 90, 90], "points": [[60, 60, 1], [41, 31, 0]]}
    assert two == {"box": [90, 30, 130, 90], "points": [[100, 50, 1], [110, 60, 1]]}


def test_masks_and_landmarks_from_files(here, capfd):
    mask = np.zeros((120, 160), np.uint8)
    cv2.ellipse(mask, (70, 60), (20, 30), 0, 0, 360, 255, -1)
    cv2.imwrite("ear.png", mask)
    points = "\n".join(f"{50 + n % 40} {35 + n}" for n in range(55))
    Path("ear.pts").write_text(f"version: 1\nn_points: 55\n{{\n{points}\n}}\n")
    said = call(capfd, *"track ear.mp4 --mask ear.png --landmarks ear.pts --keyframe 3".split())
    assert said.code == 0, said.err
    store = Store.open("ear.earvid.zarr")
    assert len(store.keypoints) == 55 and np.isfinite(store.tracks.position[3]).all()


def test_a_few_landmarks_are_a_prompt(here, capfd):
    Path("three.json").write_text('{"top": [95, 20], "tragus": [90, 50], "lobe": [100, 75]}')
    said = call(capfd, "track", "ear.mp4", "--landmarks", "three.json", "--keyframe", 5)
    assert said.code == 0, said.err
    assert Store.open("ear.earvid.zarr").keypoints == ("top", "tragus", "lobe")


def test_file_names_of_any_kind(here, capfd, ear_box):
    Path("ear.mp4").rename("-left:1 Öhr.mp4")
    said = call(capfd, "track", "--box", ear_box, "--keyframe", 5, "--", "-left:1 Öhr.mp4")
    assert said.code == 0, said.err
    said = call(capfd, "render", "--", "-left:1 Öhr.earvid.zarr")
    assert (said.code, said.out) == (0, "-left:1 Öhr.overlay.mp4\n")


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_of_images_is_a_clip(here, capfd, monkeypatch, ear_box, named):
    folder = here / "shots.v2"  # whose name has no suffix, whatever it looks like
    folder.mkdir()
    with Clip.open("ear.mp4") as clip:
        for frame in clip.frames():
            image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f"{frame.index}.png"), image)
    box = [float(value) for value in ear_box.split(",")]
    ears = [{"id": 1, "frames": {"5": {"box": box}}}]
    (here / "shots.v2.prompt.json").write_text(json.dumps({"version": 1, "objects": ears}))
    monkeypatch.chdir(here if named else folder)
    typed = ["track", "shots.v2" if named else ".", "--landmarks", "none"]
    dry = call(capfd, *typed, "--dry-run")
    said = call(capfd, *typed)
    assert (said.code, dry.code) == (0, 0) and dry.err == said.err, said.err
    prompt = Path("shots.v2.prompt.json") if named else here / "shots.v2.prompt.json"
    assert said.err == (
        f"earvid: shots.v2: using {prompt}\n"
        "earvid: shots.v2: Images have no times: 30 frames per second are assumed.\n"
    )
    store = Store.open(here / "shots.v2.earvid.zarr")
    assert store.complete and store.clip_name == "shots.v2"
    assert call(capfd, "render", here / "shots.v2.earvid.zarr", "-o", here / "a.mp4").code == 0


def test_options_reach_the_run(here, capfd, ear_box):
    shutil.copy(Path(call(capfd, "download", "earvid-nano").out.strip()), "mine.safetensors")
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5, "--output", "deep/a.zarr"]
    typed += ["--roi", "off", "--reader", "pyav", "--device", "cpu"]
    said = call(capfd, *typed, "--checkpoint", "mine.safetensors", "--json")
    assert said.code == 0, said.err
    made = strict(said.out)
    assert (made["store"], made["tracked"]) == (str(Path("deep/a.zarr")), 12)
    about = Store.open("deep/a.zarr").provenance
    assert about["settings"]["roi"] == "off"
    assert about["clip"]["reader_reason"] == "asked for"
    assert (about["model"]["device"], about["model"]["weights"]) == ("cpu", "mine.safetensors")


def test_show(tracked, capfd, monkeypatch):
    monkeypatch.chdir(tracked)
    said = call(capfd, "show", "ear.earvid.zarr")
    assert (said.code, said.err) == (0, "")
    head, landmarks, ear = said.out.splitlines()
    assert landmarks == "55 landmarks per ear (ibug55)"
    assert head.startswith("ear.mp4: 12 frames of 160 × 120 pixels at 30.00 frames/s, complete")
    assert head.endswith("model earvid-nano") and ear.startswith("  ear: visible on ")
    about = strict(call(capfd, "show", "ear.earvid.zarr", "--json").out)
    assert about["complete"] and about["done"] == 1 and about["size"] == [160, 120]
    assert about["provenance"]["clip"]["name"] == "ear.mp4" and len(about["fingerprint"]) == 64


def test_render_makes_a_video(tracked, here, capfd):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    said = call(capfd, "render", "ear.earvid.zarr")
    assert (said.code, said.out, said.err) == (0, "ear.overlay.mp4\n", "")
    with Clip.open("ear.overlay.mp4") as drawn, Clip.open("ear.mp4") as plain:
        assert len(drawn) == 12
        assert np.abs(drawn.frame(5).image.astype(int) - plain.frame(5).image).max() > 60
    before = files(here)
    again = call(capfd, "render", "ear.earvid.zarr")
    assert again.code == 2 and "ear.overlay.mp4 is there already" in again.err
    assert files(here) == before
    part = ["--start", 3, "--end", 8, "--overwrite"]
    assert call(capfd, "render", "ear.earvid.zarr", *part).code == 0
    with Clip.open("ear.overlay.mp4") as drawn:
        assert len(drawn) == 5


def test_render_makes_a_sheet_for_a_clip_elsewhere(tracked, here, capfd):
    Path("ear.mp4").rename("moved.mp4")
    typed = ["render", tracked / "ear.earvid.zarr", "--clip", "moved.mp4", "--sheet", "a.png"]
    said = call(capfd, *typed, "--count", 4)
    assert (said.code, said.out, said.err) == (0, "a.png\n", "")
    few = cv2.imread("a.png")
    assert call(capfd, *typed, "--overwrite").code == 0
    many = cv2.imread("a.png")
    assert few.size > 4 * 160 * 120 * 3 and many.size > 2 * few.size


def test_doctor(capfd):
    said = call(capfd, "doctor")
    assert (said.code, said.err) == (0, "")
    assert "earvid-nano works on " in said.out and "healthy    yes" in said.out
    about = strict(call(capfd, "doctor", "--json").out)
    assert about["healthy"] is True and about["packages"]["sam2"] == "1.1.0"


def test_doctor_tells_what_is_wrong(here, capfd, monkeypatch):
    monkeypatch.setattr("earvid.models.zoo.search_folders", lambda: [])
    about = call(capfd, "doctor", "--json")
    assert about.code == 1 and strict(about.out)["healthy"] is False
    assert "earvid-nano are not here" in strict(about.out)["model"]


def test_download_lists_models_and_needs_a_network(here, capfd, monkeypatch):
    listed = call(capfd, "download")
    assert listed.code == 0 and len(listed.out.splitlines()) == 6
    assert "earvid-nano.safetensors" in listed.out and "can be downloaded" in listed.out
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    monkeypatch.setenv("no_proxy", "")
    said = call(capfd, "download", "sam2.1-tiny", "--to", here / "weights")
    assert said.code == 1 and said.out == ""
    assert len(said.err.splitlines()) == 1 and "cannot be reached" in said.err
    assert not list(here.glob("weights/*"))


def test_train_makes_weights_that_track_reads(here, capfd, ear_box):
    rng = np.random.default_rng(0)
    ear = np.zeros((90, 120), np.uint8)
    cv2.ellipse(ear, (60, 45), (12, 20), 10, 0, 360, 255, -1)
    for part in ("images", "masks"):
        (here / "photos" / part).mkdir(parents=True)
    cv2.imwrite("photos/images/a.png", rng.integers(0, 256, (90, 120, 3), np.uint8))
    cv2.imwrite("photos/masks/a.png", ear)
    typed = "train photos --run run --minutes 0.0001 --lengths 2 --frames-per-step 2 --seed 3"
    said = call(capfd, *typed.split())
    assert (said.code, said.out) == (0, f"{Path('run/weights.safetensors')}\n")
    again = call(capfd, *typed.split())
    assert again.code == 0 and "resumed at step 1" in again.err
    typed = ["track", "ear.mp4", "--box", ear_box, "--checkpoint", "run/weights.safetensors"]
    assert call(capfd, *typed).code == 0


@pytest.mark.parametrize("where", [0, 1, 4])
def test_debug_shows_the_traceback_and_the_same_end(here, capfd, where):
    typed = ["track", "none.mp4", "--box", "1,1,50,50"]
    typed.insert(where, "--debug")
    said = call(capfd, *typed)
    assert said.code == 1 and said.err.startswith("Traceback")
    assert said.lines[-1] == "earvid: none.mp4 does not exist; check the path."


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help(capfd, verb):
    said = call(capfd, *([verb] if verb else []), "--help")
    assert said.code == 0 and said.err == "" and said.out.startswith("Usage: earvid")
    assert max(map(len, said.out.splitlines())) <= 100
    assert verb or all(line in said.out for line in VERBS.values())
