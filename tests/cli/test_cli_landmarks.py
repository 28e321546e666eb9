"""``earvid landmarks`` and ``--landmarks``, as a user has them."""

import json

import numpy as np
import pytest
from command_line import call

from earvid.landmarks import IBUG55, write_landmarks
from earvid.prompt import read_landmarks
from earvid.sample import load_truth
from earvid.store import Store

KEYFRAME = 5


@pytest.fixture
def marked(here):
    """A file of the landmarks of frame 5 of the small clip."""
    points = (load_truth().landmarks[40 + KEYFRAME] + 0.5) / 4 - 0.5
    named = {name: (float(x), float(y)) for name, (x, y) in zip(IBUG55.names, points, strict=True)}
    write_landmarks(here / "ear.pts", named)
    return "ear.pts"


def test_landmarks_are_followed_written_corrected_and_followed_again(here, marked, capfd, ear_box):
    track = ["track", "ear.mp4", "--box", ear_box, "--keyframe", KEYFRAME]
    assert call(capfd, *track, "--landmarks", marked).code == 0
    shown = call(capfd, "show", "ear.earvid.zarr")
    assert "55 landmarks per ear (ibug55)" in shown.out
    about = json.loads(call(capfd, "show", "ear.earvid.zarr", "--json").out)
    assert about["landmarks"] == 55 and about["scheme"] == "ibug55"
    write = ["landmarks", "ear.earvid.zarr", "--frame", 9]
    said = call(capfd, *write, "--to", "nine.json")
    assert said.code == 0 and "55 landmarks of ear at frame 9" in said.err
    points = np.array(list(read_landmarks(here / "nine.json").points.values()))
    stored = np.asarray(Store.open(here / "ear.earvid.zarr").tracks.position)[9, :, :, 0].T
    np.testing.assert_allclose(points, stored, atol=1e-4)
    assert call(capfd, *write, "--to", "smooth.csv", "--smooth", "--window", 5).code == 0
    assert call(capfd, *write, "--to", "nine.json").code == 2  # is there already
    assert call(capfd, *write, "--to", "nine.txt").code == 2
    assert call(capfd, *write, "--to", "x.json", "--window", 5).code == 2  # does nothing
    assert call(capfd, "landmarks", "ear.earvid.zarr", "--frame", 99, "--to", "x.json").code == 2
    assert call(capfd, *write, "--ear", "left", "--to", "x.json").code == 2


def test_auto_guesses_and_none_follows_none(here, marked, capfd, ear_box):
    track = ["track", "ear.mp4", "--box", ear_box, "--keyframe", KEYFRAME, "--output"]
    assert call(capfd, *track, "none.zarr", "--landmarks", marked, "--landmarks", "none").code == 0
    assert Store.open(here / "none.zarr").keypoints == ()
    said = call(capfd, "landmarks", "none.zarr", "--frame", 0, "--to", "x.json")
    assert said.code == 2 and "no landmarks" in said.err
    assert call(capfd, *track, "auto.zarr", "--landmarks", "auto").code == 0
    auto = Store.open(here / "auto.zarr")
    assert set(auto.keypoints) <= set(IBUG55.names)
    assert auto.provenance["settings"]["landmarks"] == "auto"
