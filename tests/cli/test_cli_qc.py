"""Pictures of where results came from, of the small clip's store."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import call

plot = pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")


@plot
def test_a_picture_of_the_memory_bank(tracked, here, capfd):
    Path("ear.mp4").unlink()
    store = tracked / "ear.earvid.zarr"
    said = call(capfd, "qc", store, "--memory", "m.png")
    assert (said.code, said.out, said.err) == (0, "m.png\n", "")
    colored = cv2.imread("m.png")
    assert min(colored.shape[:2]) > 500 and colored.std() > 20
    # Alone, without its clip, the store has gray thumbnails.
    shutil.copytree(store, "ear.earvid.zarr")
    assert call(capfd, "qc", "ear.earvid.zarr", "--memory", "g.png").code == 0
    gray = cv2.imread("g.png")
    below = slice(int(0.8 * gray.shape[0]), None)
    spread = [np.ptp(image[below].astype(int), axis=2).sum() for image in (colored, gray)]
    assert gray.shape == colored.shape and spread[1] < 0.7 * spread[0]
    again = call(capfd, "qc", "ear.earvid.zarr", "--memory", "m.png")
    assert again.code == 2 and "m.png is there already" in again.err
    assert call(capfd, "qc", "ear.earvid.zarr", "--memory", "m.png", "--overwrite").code == 0


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("qc none.zarr", 2, "--memory"),
        ("qc none.zarr --memory m.png", 1, "no store at none.zarr"),
        ("qc ear.earvid.zarr --memory m.jpg", 2, "m.jpg does not end in .png"),
        ("qc ear.earvid.zarr --memory none/m.png", 2, "none does not exist"),
        ("qc ear.earvid.zarr --memory m.png --clip none.mp4", 1, "none.mp4"),
    ],
)
def test_one_sentence_and_nothing_left_behind(tracked, here, capfd, typed, code, words):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    before = set(here.rglob("*"))
    said = call(capfd, *typed.split())
    assert said.code == code and len(said.lines) == 1 and words in said.err, said.err
    assert set(here.rglob("*")) == before


def test_without_matplotlib_it_says_what_to_install(tracked, here, capfd, monkeypatch):
    monkeypatch.setattr("earvid.qc.memory.find_spec", lambda name: None)
    said = call(capfd, "qc", tracked / "ear.earvid.zarr", "--memory", "m.png")
    assert said.code == 2 and "earvid[plot]" in said.err and len(said.lines) == 1
