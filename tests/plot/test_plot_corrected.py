"""What plots say of frames that were corrected by hand, and of landmarks that are not sure."""

import json
import shutil

import numpy as np
import pytest
import zarr

import earvid

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from earvid import plot  # noqa: E402

KEYFRAME, FRAME = 4, 6


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def changed(recording, folder, name, index, value):
    """A copy of a recording's store, in which an array says something else."""
    path = shutil.copytree(recording.path, folder / recording.path.name)
    root = zarr.open_group(path, mode="r+", zarr_format=3, use_consolidated=False)
    root[name][index] = value
    return path


def test_a_correction_is_marked_on_its_ear_only(pair, tmp_path):
    path = changed(pair, tmp_path, "tracks/status", FRAME, 2)
    about = json.loads((path / "zarr.json").read_text())
    entry = {"keyframes": {"right": [FRAME]}}
    about["attributes"]["earvid"]["provenance"]["corrections"] = [entry]
    (path / "zarr.json").write_text(json.dumps(about))
    corrected = earvid.open(path)
    for name in ("left", "right"):
        lines = plot.timeline(corrected, name).lines
        marks = [line for line in lines if line.get_label() == "corrected by hand"]
        assert [line.get_xdata().tolist() for line in marks] == (
            [[corrected.times[FRAME]]] if name == "right" else []
        )
    for shown in (plot.overlay(corrected, FRAME), plot.overlay(corrected.frame(FRAME, gray=True))):
        title = shown.get_title(loc="left")
        assert "right corrected by hand" in title and "left corrected" not in title


def test_a_streamed_correction_is_marked_on_its_ear_only(pair, model):
    def boxes(frame):
        return {name: {"box": list(ear.box)} for name, ear in pair.frame(frame).ears.items()}

    frames = {name: {str(KEYFRAME): box} for name, box in boxes(KEYFRAME).items()}
    frames["right"][str(FRAME)] = boxes(FRAME)["right"]
    ears = [{"id": n, "name": name, "frames": f} for n, (name, f) in enumerate(frames.items(), 1)]
    prompt = {"version": 1, "objects": ears}
    *_, frame = earvid.stream(pair.clip, prompt, stop=FRAME + 1, model=model)
    assert frame.status == "corrected"
    title = plot.overlay(frame).get_title(loc="left")
    assert "right corrected by hand" in title and "left corrected" not in title


def test_landmarks_of_low_confidence_are_hollow(single, tmp_path):
    confidence = np.where(np.arange(55) < 5, 0.41, 0.39)[:, None]
    path = changed(single, tmp_path, "tracks/confidence", KEYFRAME, confidence)
    doubted = earvid.open(path)
    ax = plot.overlay(doubted, KEYFRAME)
    (dots,) = [one for one in ax.collections if len(one.get_offsets()) == 55]
    filled = dots.get_facecolors()[:, 3] > 0
    visible = doubted.frame(KEYFRAME, gray=True).ears[doubted.ears[0]].visible
    np.testing.assert_array_equal(filled, visible & (np.arange(55) < 5))
