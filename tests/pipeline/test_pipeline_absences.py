"""Frames on which a person says that an ear is not: tracked, corrected and taken back."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pipeline_killed import run_and_kill

from earvid.errors import StoreError
from earvid.pipeline import TrackSettings, check, track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import CORRECTED, Store, compare
from earvid.video import Clip, VideoWriter

FRAMES, SIZE, SHARD = 24, (160, 120), 8
SETTINGS = TrackSettings(shard_bytes=SHARD * SIZE[0] * SIZE[1], reader="pyav", landmarks="none")
AWAY = (10, 15)


@pytest.fixture(scope="module")
def model(quick_model):
    return quick_model


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


ELSEWHERE = FramePrompt(box=(4.0, 70.0, 34.0, 110.0))


def ears(*keyframes: int, absent=(), other=False, **more) -> Prompt:
    """The ear on its keyframes; perhaps with a second object that is elsewhere."""
    one = ObjectPrompt(1, "left", {t: on_ear(t) for t in keyframes}, None, absent)
    two = ObjectPrompt(2, "right", {6: ELSEWHERE}, None, **more)
    return Prompt((one, two) if other else (one,))


@pytest.fixture(scope="module")
def plain(tmp_path_factory, clip, model):
    """Stores without an absence: of one ear, by its keyframes."""
    made = {}

    def store(*keyframes, other=False):
        key = (*keyframes, other)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("plain") / "s.zarr"
            track(clip, ears(*keyframes, other=other), made[key], settings=SETTINGS, model=model)
        return made[key]

    return store


def copy(store: Path, to: Path) -> Path:
    subprocess.run(["cp", "-r", store, to], check=True)
    return to


def differing(one: Store, other: Store, column: int = 0) -> set[int]:
    """Frames on which anything about an ear differs but for the room in its memory."""
    frames = set()
    object_id = one.object_ids[column]
    for t in range(FRAMES):
        same = [np.array_equal(one.mask(t) == object_id, other.mask(t) == object_id)]
        for name in ("box", "score", "presence", "area", "position", "confidence", "visible"):
            values = (getattr(s.tracks, name)[t][..., column] for s in (one, other))
            same.append(np.array_equal(*values, equal_nan=True))
        memory = [s.tracks.memory[t, column] for s in (one, other)]
        same.append(np.array_equal(*(row[row >= 0] for row in memory)))
        if not all(same):
            frames.add(t)
    return frames


def is_empty(store: Store, frames, column: int = 0) -> bool:
    tracks, object_id = store.tracks, store.object_ids[column]
    frames = list(frames)
    return (
        not any((store.mask(t) == object_id).any() for t in frames)
        and not tracks.area[frames, column].any()
        and (tracks.presence[frames, column] == 0).all()
        and np.isnan(tracks.score[frames, column]).all()
        and np.isnan(tracks.box[frames, :, column]).all()
        and np.isnan(tracks.position[frames][..., column]).all()
        and not tracks.visible[frames][..., column].any()
        and (tracks.memory[frames, column] == -1).all()
        and store.corrected[frames, column].all()
        and (store.status[frames] == CORRECTED).all()
    )


@pytest.mark.parametrize(
    "more",
    [{"landmarks": "auto"}, {"roi": "off"}, {"reentry": "nearby"}, {"policy": "motion"}],
    ids=str,
)
def test_an_ear_is_not_where_a_person_says_and_found_after_it(tmp_path, clip, model, more):
    settings = replace(SETTINGS, **more)
    after, before = (14, 18), (3, 6)
    store = tmp_path / "s.zarr"
    prompt = ears(9, absent=(before, after))
    track(clip, prompt, store, settings=settings, model=model)
    opened = Store.open(store)
    gone = {*range(*before), *range(*after)}
    assert is_empty(opened, gone)
    seen = opened.tracks.area[:, 0] > 0
    assert seen[[t for t in range(FRAMES) if t not in gone]].mean() > 0.9 and seen[-1] and seen[0]
    memory = opened.tracks.memory[:, 0]
    assert not np.isin(memory, sorted(gone)).any()
    assert set(np.flatnonzero(opened.status == CORRECTED)) == gone
    assert opened.provenance["prompt"]["objects"][0]["absent"] == [[3, 6], [14, 18]]
    assert track(clip, prompt, store, settings=settings, model=model).tracked == 0


def test_a_correction_gives_what_tracking_with_it_would(tmp_path, clip, model):
    settings = replace(SETTINGS, landmarks="auto")
    plain, store, fresh = (tmp_path / f"{name}.zarr" for name in ("plain", "store", "fresh"))
    there, gone = ears(0), ears(0, absent=(AWAY,))
    track(clip, there, plain, settings=settings, model=model)
    copy(plain, store)
    report = track(clip, gone, store, settings=settings, model=model)
    assert report.corrected == {"left": ((10, FRAMES),)} and report.tracked == FRAMES - 10
    track(clip, gone, fresh, settings=settings, model=model)
    before, after = Store.open(plain), Store.open(store)
    assert differing(after, Store.open(fresh)) == set()
    assert is_empty(after, range(*AWAY)) and (after.tracks.area[17:, 0] > 0).all()
    assert np.isfinite(after.tracks.position[-1]).any() and after.keypoints
    assert min(differing(before, after)) == 10
    np.testing.assert_array_equal(Store.open(fresh).status, after.status)
    for t in range(10):
        assert before.mask(t).tobytes() == after.mask(t).tobytes()
    (entry,) = after.provenance["corrections"]
    assert entry["absent"] == {"left": [[10, 15]]} and entry["spans"] == {"left": [[10, FRAMES]]}
    (ear,) = report.ears
    assert ear.ruled_out == 5 and ear.corrected == tuple(range(*AWAY))
    # Taken back it is as it was, and only the history tells of it.
    with pytest.raises(StoreError, match="earvid correct' and --prompt"):
        track(clip, there, store, settings=settings, model=model)
    track(clip, there, store, settings=settings, model=model, by_hand=True)
    back = Store.open(store)
    assert differing(back, before) == set() and (back.status == before.status).all()
    assert not back.corrected.any() and len(back.provenance["corrections"]) == 2


def test_what_follows_backwards_and_up_to_the_next_keyframe(tmp_path, clip, model, plain):
    store = copy(plain(7, 20), tmp_path / "s.zarr")
    gone = ((3, 5), (11, 13))
    report = track(clip, ears(7, 20, absent=gone), store, settings=SETTINGS, model=model)
    assert report.corrected == {"left": ((0, 5), (11, 20))}
    before, after = Store.open(plain(7, 20)), Store.open(store)
    assert differing(before, after) <= {*range(5), *range(11, 20)}
    assert is_empty(after, [3, 4, 11, 12]) and after.tracks.area[[0, 1, 2, 19], 0].all()
    # A keyframe has this stretch tracked backwards; and so then goes what follows.
    track(clip, ears(7, 18, 20, absent=gone), store, settings=SETTINGS, model=model)
    once = Store.open(copy(store, tmp_path / "once.zarr"))
    more = ears(7, 18, 20, absent=(*gone, (15, 16)))
    report = track(clip, more, store, settings=SETTINGS, model=model)
    assert report.corrected == {"left": ((8, 16),)}
    after = Store.open(store)
    assert differing(once, after) <= set(range(8, 16)) and is_empty(after, [11, 12, 15])
    assert after.tracks.area[[8, 10, 14, 16], 0].all()


def test_other_ears_and_frames_without_a_mask_stay(tmp_path, clip, model, plain):
    store = copy(plain(5, other=True), tmp_path / "s.zarr")
    prompt = ears(5, absent=(AWAY,), other=True)
    report = track(clip, prompt, store, settings=SETTINGS, model=model)
    assert set(report.corrected) == {"left"}
    before, after = Store.open(plain(5, other=True)), Store.open(store)
    assert differing(before, after, column=1) == set()
    assert not after.corrected[:, 1].any()
    # Where it is not seen already, to say so changes these frames and no others.
    unseen = np.flatnonzero(before.tracks.area[:, 1] == 0)
    assert len(unseen)
    first = int(unseen[0])
    two = ObjectPrompt(2, "right", {6: ELSEWHERE}, None, ((first, first + 1),))
    more = Prompt((prompt.objects[0], two))
    report = track(clip, more, store, settings=SETTINGS, model=model)
    assert report.corrected == {"right": ((first, first + 1),)}
    assert is_empty(Store.open(store), [first], column=1)


def test_an_ear_is_taken_out_and_put_back_without_a_look(tmp_path, clip, model, plain, monkeypatch):
    store = copy(plain(5, other=True), tmp_path / "s.zarr")
    out = ObjectPrompt(1, "left", {}, None, ((0, FRAMES),))
    prompt = Prompt((out, ears(5, other=True).objects[1]))
    with monkeypatch.context() as patch:
        forbid_inference(patch)
        report = track(clip, prompt, store, settings=SETTINGS, model=model)
        assert report.corrected == {"left": ((0, FRAMES),)} and report.tracked == FRAMES
    before, after = Store.open(plain(5, other=True)), Store.open(store)
    assert is_empty(after, range(FRAMES)) and differing(before, after, column=1) == set()
    report = track(clip, ears(5, other=True), store, settings=SETTINGS, model=model, by_hand=True)
    assert report.corrected == {"left": ((0, FRAMES),)}
    again = Store.open(store)
    assert (again.tracks.area[:, 0] > 0).all() and np.flatnonzero(again.corrected[:, 0]) == [5]
    fresh = tmp_path / "fresh.zarr"
    track(clip, prompt, fresh, settings=SETTINGS, model=model)
    assert is_empty(Store.open(fresh), range(FRAMES))
    nobody = Prompt((out,))
    with monkeypatch.context() as patch:
        forbid_inference(patch)
        track(clip, nobody, tmp_path / "none.zarr", settings=SETTINGS, model=model)
    assert is_empty(Store.open(tmp_path / "none.zarr"), range(FRAMES))


def forbid_inference(patch):
    from earvid.tracker.engine import Engine

    def refuse(*_, **__):
        raise AssertionError("the model was asked")

    for name in ("encode", "prompt", "track"):
        patch.setattr(Engine, name, refuse)


def test_a_keyframe_is_taken_back_by_an_absence(tmp_path, clip, model, plain):
    store = copy(plain(5, 15, 20), tmp_path / "s.zarr")
    prompt = ears(5, 20, absent=((13, 18),))
    report = track(clip, prompt, store, settings=SETTINGS, model=model)
    assert report.corrected == {"left": ((6, 20),)}
    after = Store.open(store)
    assert is_empty(after, range(13, 18)) and not np.isin(after.tracks.memory[6:20], 15).any()
    with pytest.raises(StoreError, match="that on frame 20 of left is missing"):
        track(clip, ears(5, absent=((13, 18),)), store, settings=SETTINGS, model=model)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize("name", ["tracks/status/c/2", "tracks/status/c/0"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path, clip, model, name):
    prompt = ears(12, absent=((2, 5), (14, 18)))
    store, whole = tmp_path / "s.zarr", tmp_path / "whole.zarr"
    run_and_kill(clip, prompt, store, name, SETTINGS, model)
    settings = replace(SETTINGS, checkpoint=model.weights)
    assert check(clip, prompt, store, settings=settings) == (store, "resume")
    for path in (store, whole):
        track(clip, prompt, path, settings=SETTINGS, model=model)
    assert compare(whole, store) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize("shard", [0, 2])
def test_a_killed_correction_goes_on_likewise(tmp_path, clip, model, plain, shard):
    prompt = ears(5, absent=(AWAY,))
    store, name = copy(plain(5), tmp_path / "s.zarr"), f"state/correction/tracks/status/c/{shard}"
    run_and_kill(clip, prompt, store, name, SETTINGS, model)
    assert compare(plain(5), store) == []
    whole = copy(plain(5), tmp_path / "whole.zarr")
    for path in (store, whole):
        track(clip, prompt, path, settings=SETTINGS, model=model)
    assert compare(whole, store) == [] and not (store / "state").exists()
