"""An ear that was prompted as two: it is never dealt out, and correcting one gives it back."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from earvid.pipeline import TrackSettings, track
from earvid.pipeline.report import summarize
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import Store
from earvid.video import Clip, VideoWriter

FRAMES, SIZE = 20, (160, 120)
SETTINGS = TrackSettings(shard_bytes=8 * SIZE[0] * SIZE[1], reader="pyav", landmarks="none")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path()) as source, VideoWriter(path, *SIZE, 30) as writer:
        for frame in source.frames(20, 20 + FRAMES):
            writer.write(cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA))
    return path


def on_ear(index: int) -> FramePrompt:
    truth = load_truth().masks
    ys, xs = np.nonzero(truth[20 + index])
    box = np.array([xs.min(), ys.min(), xs.max(), ys.max()]) * SIZE[0] / truth.shape[2]
    return FramePrompt(box=tuple(map(float, box)))


TWICE = Prompt(
    (
        ObjectPrompt(1, "right", {4: on_ear(4)}),
        ObjectPrompt(2, "right_2", {12: on_ear(12)}),
    )
)


@pytest.fixture(scope="module")
def store(tmp_path_factory, clip, quick_model):
    path = tmp_path_factory.mktemp("twice") / "s.zarr"
    track(clip, TWICE, path, settings=SETTINGS, model=quick_model)
    return path


def test_an_ear_that_is_prompted_as_two_is_one_of_them_on_every_frame(store):
    made = Store.open(store)
    area, winners = made.tracks.area, made.tracks.duplicate_of
    assert ((area > 0).sum(axis=1) == 1).all()
    assert (np.where(area > 0, 0, winners)[:, 0] <= 2).all()
    yields = area == 0
    assert (winners[yields] > 0).all() and not winners[~yields].any()
    assert (made.tracks.presence[yields] <= 0.5).all()
    told = {ear.name: ear.duplicate_of for ear in summarize(made)}
    assert told["right"].get("right_2", 0) + told["right_2"].get("right", 0) == FRAMES


def test_taking_one_of_the_two_out_gives_its_frames_to_the_other(
    tmp_path, clip, quick_model, store
):
    copy = tmp_path / "s.zarr"
    track(clip, TWICE, copy, settings=SETTINGS, model=quick_model)
    out = replace(TWICE.objects[1], frames={}, absent=((0, FRAMES),))
    corrected = Prompt((TWICE.objects[0], out))
    report = track(clip, corrected, copy, settings=SETTINGS, model=quick_model, by_hand=True)
    made = Store.open(copy)
    assert (made.tracks.area[:, 0] > 0).all() and not made.tracks.area[:, 1].any()
    assert not made.tracks.duplicate_of.any()
    before = Store.open(store).tracks.area[:, 0] > 0
    anew = np.zeros(FRAMES, bool)
    for start, stop in report.corrected["right"]:
        anew[start:stop] = True
    assert anew[~before].all()


def test_without_a_crop_neither(tmp_path, clip, quick_model):
    path = tmp_path / "whole.zarr"
    track(clip, TWICE, path, settings=replace(SETTINGS, roi="off"), model=quick_model)
    made = Store.open(path)
    assert ((made.tracks.area > 0).sum(axis=1) <= 1).all()
    assert (made.tracks.duplicate_of > 0).any()
