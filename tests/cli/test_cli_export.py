"""Exports of the small clip's store, as they are asked for on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call

from earvid.export import FORMATS
from earvid.store import Store

WITHOUT_LANDMARKS = [name for name, one in FORMATS.items() if not one.landmarks]


@pytest.fixture
def store(tracked, here):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    return Store.open("ear.earvid.zarr")


def test_formats_are_listed(capfd):
    said = call(capfd, "export", "--list")
    assert said.code == 0 and not said.err
    assert [line.split()[0] for line in said.out.splitlines()] == list(FORMATS)


def test_several_formats_at_once_beside_the_store(store, here, capfd):
    asked = [word for name in WITHOUT_LANDMARKS for word in ("--to", name)]
    said = call(capfd, "export", "ear.earvid.zarr", *asked)
    assert (said.code, said.err) == (0, "")
    made = said.out.splitlines()
    assert len(made) == len(WITHOUT_LANDMARKS) and all(Path(name).exists() for name in made)
    assert json.loads(Path("ear.coco.json").read_text())["videos"][0]["name"] == "ear.mp4"
    again = call(capfd, "export", "ear.earvid.zarr", "--to", "coco")
    assert again.code == 2 and "add --overwrite" in again.err and len(again.lines) == 1


def test_formats_without_their_packages_fail_after_the_others(store, here, capfd, monkeypatch):
    monkeypatch.setattr("earvid.export.formats.find_spec", lambda name: None)
    asked = ["--to", "coco", "--to", "csv", "--to", "nii.gz", "--to", "npz"]
    said = call(capfd, "export", "ear.earvid.zarr", *asked)
    assert (said.code, said.out) == (1, "ear.ears.csv\near.npz\n")
    assert said.lines == [
        "earvid: Exporting to coco and nii.gz needs pycocotools and nibabel: install that with pip "
        "install 'earvid[export]', or in a clone with pip install '.[export]'."
    ]
    assert Path("ear.npz").exists() and not list(here.glob("*.coco.json"))


def test_a_part_of_a_store(store, here, capfd):
    typed = "export ear.earvid.zarr --to png --frames 2,4:9:2 --ear ear --min-score 0.1 -o labels"
    said = call(capfd, *typed.split())
    assert (said.code, said.out, said.err) == (0, "labels\n", "")
    assert sorted(p.stem for p in Path("labels").glob("*.png")) == [
        f"{t:06d}" for t in (2, 4, 6, 8)
    ]
    image = cv2.imread("labels/000004.png", cv2.IMREAD_UNCHANGED)
    assert np.array_equal(image, store.mask(4)) and image.any()


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("", 2, "--to"),
        ("ear.earvid.zarr", 2, "--list names the formats"),
        ("ear.earvid.zarr --to tiff", 2, "choose from coco"),
        ("none.zarr --to csv", 1, "no store at none.zarr"),
        ("ear.earvid.zarr --to csv --to npz -o a.csv", 2, "one --to"),
        ("ear.earvid.zarr --to csv -o a.txt", 2, "a.txt does not end in .csv"),
        ("ear.earvid.zarr --to csv --frames 5-9", 2, "does not name frames"),
        ("ear.earvid.zarr --to csv --frames 5:90", 2, "frames 0 to 11"),
        ("ear.earvid.zarr --to csv --ear middle", 2, "no ear 'middle'"),
        ("ear.earvid.zarr --to csv --min-score 2", 2, "--min-score"),
        ("ear.earvid.zarr --to csv --min-score 1", 2, "lower thresholds"),
        ("ear.earvid.zarr --to csv --video crop", 2, "does nothing without --to mp4"),
        ("ear.earvid.zarr --to mp4 --clip none.mp4", 1, "none.mp4"),
    ],
)
def test_one_sentence_and_nothing_left_behind(store, here, capfd, typed, code, words):
    before = set(here.rglob("*"))
    said = call(capfd, "export", *typed.split())
    assert said.code == code and len(said.lines) == 1 and words in said.err, said.err
    assert set(here.rglob("*")) == before


def test_a_store_without_landmarks(here, capfd, ear_box):
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", 5, "--landmarks", "none"]
    assert call(capfd, *typed).code == 0
    said = call(capfd, "export", "ear.earvid.zarr", "--to", "sleap")
    assert said.code == 1 and len(said.lines) == 1 and "has no landmarks" in said.err


def test_a_video_without_its_clip(store, here, capfd):
    Path("ear.mp4").rename("elsewhere.mp4")
    said = call(capfd, "export", "ear.earvid.zarr", "--to", "mp4")
    assert said.code == 2 and "name it with --clip" in said.err
    typed = "export ear.earvid.zarr --to mp4 --video crop --clip elsewhere.mp4"
    assert call(capfd, *typed.split()).out == "ear.crop.mp4\n"
    typed = "export ear.earvid.zarr --to mp4 --video matte"
    assert call(capfd, *typed.split()).out == "ear.matte.mp4\n"
