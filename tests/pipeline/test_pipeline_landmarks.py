"""Landmarks on the whole way, with the embedded model on a small real clip."""

import shutil
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from pipeline_killed import run

from earvid.landmarks.guess import guess_landmarks
from earvid.pipeline import TrackSettings, guesses, marks, track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import Store, compare
from earvid.video import Clip, VideoWriter

FIRST, FRAMES, WIDTH = 20, 24, 320
GUESSED = "guessed_landmarks"
SHARDS_OF_8 = TrackSettings(shard_bytes=8 * 320 * 240, reader="pyav", reentry="nearby")


@pytest.fixture(scope="module")
def model(quick_model):
    return quick_model


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """24 frames of the sample clip at half of its size."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path("ear.mp4")) as source, VideoWriter(path, 320, 240, 30) as writer:
        for frame in source.frames(FIRST, FIRST + FRAMES):
            writer.write(cv2.resize(frame.image, (320, 240), interpolation=cv2.INTER_AREA))
    return path


def truth() -> np.ndarray:
    """(N, 55, 2) pixels of the small clip."""
    half = (load_truth().landmarks[FIRST : FIRST + FRAMES] + 0.5) / 2 - 0.5
    return np.asarray(half)


def box(index: int) -> tuple[float, ...]:
    points = truth()[index]
    return tuple(map(float, np.concatenate([points.min(0) - 2, points.max(0) + 2])))


def marked(index: int, count: int = 55, shift: float = 0) -> FramePrompt:
    points = truth()[index][:count] + shift
    landmarks = {str(k): (float(x), float(y)) for k, (x, y) in enumerate(points)}
    return FramePrompt(box=box(index), landmarks=landmarks)


def ear(frames: dict[int, FramePrompt], scheme: str | None = None) -> Prompt:
    return Prompt((ObjectPrompt(id=1, name="right", frames=frames, scheme=scheme),))


def errors(store: Store) -> np.ndarray:
    """(N, K) errors as shares of the diagonal of the ear's box."""
    points = np.asarray(store.tracks.position)[:, :, :, 0].transpose(0, 2, 1)
    true = truth()[:, : points.shape[1]]
    diagonal = np.linalg.norm(np.ptp(truth(), axis=1), axis=1)
    return np.linalg.norm(points - true, axis=2) / diagonal[:, None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, clip, model):
    """The store of an undisturbed run from the middle of the clip."""
    path = tmp_path_factory.mktemp("whole") / "s.zarr"
    track(clip, ear({13: marked(13)}, "ibug55"), path, settings=SHARDS_OF_8, model=model)
    return path


def test_both_ways_from_the_keyframe(whole):
    store = Store.open(whole)
    assert store.keypoints == tuple(str(k) for k in range(55))
    wrong = errors(store)
    assert np.isfinite(wrong).all() and wrong.mean() < 0.006 and wrong.max() < 0.05
    visible, sure = np.asarray(store.tracks.visible), np.asarray(store.tracks.confidence)
    assert visible.mean() > 0.98 and (sure[13] == 1).all() and sure.min() > 0
    np.testing.assert_allclose(wrong[13], 0, atol=1e-6)


@pytest.mark.parametrize("keyframe", [0, 23])
def test_shards_do_not_change_the_landmarks(tmp_path, clip, model, keyframe):
    prompt = ear({keyframe: marked(keyframe)})
    one = TrackSettings(reader="pyav", reentry="nearby")
    track(clip, prompt, tmp_path / "one.zarr", settings=one, model=model)
    track(clip, prompt, tmp_path / "many.zarr", settings=SHARDS_OF_8, model=model)
    a, b = Store.open(tmp_path / "one.zarr").tracks, Store.open(tmp_path / "many.zarr").tracks
    for name in ("position", "confidence", "visible"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert np.isfinite(a.position).all()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_killed_at_random_and_run_again(tmp_path, clip, model, whole):
    prompt, store = ear({13: marked(13)}, "ibug55"), tmp_path / "killed.zarr"
    for frames in (9, 8):  # on the way forward, and on the way back
        assert not run(clip, prompt, store, SHARDS_OF_8, model, (frames, 0.05), frames)
        assert not Store.open(store).complete
    assert run(clip, prompt, store, SHARDS_OF_8, model)
    assert compare(whole, store) == []


def test_a_correction_moves_the_landmarks_of_its_span_only(tmp_path, whole, clip, model):
    store = tmp_path / "s.zarr"
    first = ear({13: marked(13), 2: FramePrompt(box=box(2))})
    track(clip, first, store, settings=SHARDS_OF_8, model=model)
    old = np.asarray(Store.open(store).tracks.position)
    assert np.isfinite(old).all()
    moved = ear({13: marked(13), 2: FramePrompt(box=box(2)), 8: marked(8, 5, shift=4.0)})
    report = track(clip, moved, store, settings=SHARDS_OF_8, model=model)
    assert report.corrected == {"right": ((3, 13),)}
    new = np.asarray(Store.open(store).tracks.position)
    kept = np.r_[0:3, 13:FRAMES]
    np.testing.assert_array_equal(old[kept], new[kept])
    apart = (new - old)[3:13, :, :, 0]
    np.testing.assert_allclose(apart[5, :, :5].mean(), 4.0, atol=0.5)
    assert (apart[:, :, :5].mean((1, 2)) > 2.5).all()  # those that were moved, on all frames
    assert np.abs(apart[:, :, 25:]).mean() < 1.0  # and the others stay


def test_a_keyframe_without_landmarks_gets_them_from_another(tmp_path, clip, model):
    prompt = ear({0: FramePrompt(box=box(0)), 20: marked(20)})
    track(clip, prompt, tmp_path / "s.zarr", settings=SHARDS_OF_8, model=model)
    wrong = errors(Store.open(tmp_path / "s.zarr"))
    assert np.isfinite(wrong).all() and wrong.mean() < 0.01


def test_a_few_named_points_and_none_at_all(tmp_path, clip, model):
    points = truth()[4]
    named = {"tragus": tuple(map(float, points[36])), "lobe": tuple(map(float, points[17]))}
    prompt = ear({4: FramePrompt(box=box(4), landmarks=named)})
    track(clip, prompt, tmp_path / "s.zarr", settings=SHARDS_OF_8, model=model)
    store = Store.open(tmp_path / "s.zarr")
    assert store.keypoints == ("tragus", "lobe")
    found = np.asarray(store.tracks.position)[:, :, :, 0].transpose(0, 2, 1)
    assert np.nanmax(np.linalg.norm(found - truth()[:, [36, 17]], axis=2)) < 4
    assert "guessed_landmarks" not in store.provenance
    none = TrackSettings(reader="pyav", reentry="nearby", landmarks="none")
    track(clip, prompt, tmp_path / "n.zarr", settings=none, model=model)
    assert Store.open(tmp_path / "n.zarr").keypoints == ()


def boxed(*indexes: int) -> dict[int, FramePrompt]:
    return {index: FramePrompt(box=box(index)) for index in indexes}


@pytest.fixture(scope="module")
def guessed(tmp_path_factory, clip, model):
    """A store whose landmarks were guessed, for the prompt is but a box."""
    path = tmp_path_factory.mktemp("guessed") / "s.zarr"
    report = track(clip, ear(boxed(13)), path, settings=SHARDS_OF_8, model=model)
    guess = report.guessed["right"]
    assert guess.frame == 13 and guess.used and 0.5 < guess.sure <= 1
    return path


def test_an_ear_without_landmarks_gets_a_guess_that_says_how_sure_it_is(guessed):
    store = Store.open(guessed)
    assert set(store.keypoints) <= {str(k) for k in range(55)} and len(store.keypoints) > 40
    (told,) = store.provenance[GUESSED]
    assert told["frame"] == 13
    x, y, sure = told["points"]["20"]
    place = store.keypoints.index("20")
    np.testing.assert_allclose(store.tracks.position[13, :, place, 0], (x, y), atol=1e-3)
    # On the keyframe, and so everywhere, a point is no surer than its guess.
    assert float(store.tracks.confidence[13, place, 0]) == pytest.approx(sure)
    assert np.nanmax(store.tracks.confidence[:, place, 0]) <= sure + 1e-6
    # The prompt is what a person said.
    (frame,) = store.provenance["prompt"]["objects"][0]["frames"].values()
    assert "landmarks" not in frame


def test_guesses_change_no_mask_and_can_be_turned_off(tmp_path, guessed, clip, model):
    none = TrackSettings(
        shard_bytes=SHARDS_OF_8.shard_bytes, reader="pyav", reentry="nearby", landmarks="prompt"
    )
    report = track(clip, ear(boxed(13)), tmp_path / "s.zarr", settings=none, model=model)
    plain = Store.open(tmp_path / "s.zarr")
    assert plain.keypoints == () and not report.guessed and GUESSED not in plain.provenance
    np.testing.assert_array_equal(plain.masks[:], Store.open(guessed).masks[:])


def test_a_correction_keeps_the_guess_whatever_keyframes_it_adds(tmp_path, guessed, clip, model):
    store = tmp_path / "s.zarr"
    shutil.copytree(guessed, store)
    old = Store.open(guessed)
    corrected = ear({**boxed(4, 13), 20: marked(20, 5)})  # one before it, and one with landmarks
    report = track(clip, corrected, store, settings=SHARDS_OF_8, model=model)
    assert report.corrected == {"right": ((0, 13), (14, 24))}
    new = Store.open(store)
    assert new.provenance[GUESSED] == old.provenance[GUESSED]
    assert new.keypoints == old.keypoints
    np.testing.assert_array_equal(new.tracks.position[13], old.tracks.position[13])
    five = [new.keypoints.index(str(k)) for k in range(5)]
    assert (np.asarray(new.tracks.confidence)[20, five, 0] == 1).all()  # a person's
    shown = np.asarray(new.tracks.position)[20, :, five, 0]
    np.testing.assert_allclose(shown, truth()[20, :5], atol=1e-3)


def test_a_new_ear_of_a_correction_is_guessed_too(tmp_path, guessed, clip, model):
    store = tmp_path / "s.zarr"
    shutil.copytree(guessed, store)
    first = ear(boxed(13)).objects[0]
    second = ObjectPrompt(id=2, name="again", frames=boxed(6))
    report = track(clip, Prompt((first, second)), store, settings=SHARDS_OF_8, model=model)
    assert set(report.guessed) == {"right", "again"} and report.guessed["again"].frame == 6
    assert [one["object"] for one in Store.open(store).provenance[GUESSED]] == [1, 2]


def test_points_alone_are_enough_for_a_guess(tmp_path, clip, model):
    middle = truth()[13].mean(0)
    points = FramePrompt(points=[tuple(map(float, middle))], labels=[1])
    report = track(clip, ear({13: points}), tmp_path / "s.zarr", settings=SHARDS_OF_8, model=model)
    assert report.guessed["right"].sure > 0.2


def test_what_is_no_ear_gets_no_landmarks(tmp_path, clip, model):
    corner = FramePrompt(box=(2, 2, 40, 40))
    report = track(clip, ear({0: corner}), tmp_path / "s.zarr", settings=SHARDS_OF_8, model=model)
    guess = report.guessed["right"]
    assert not guess.used and guess.sure < 0.5
    store = Store.open(tmp_path / "s.zarr")
    assert store.keypoints == () and store.provenance[GUESSED][0]["points"] == {}


def by_name(store: Store) -> dict[str, np.ndarray]:
    """(T, 4) position, confidence and visibility of each landmark of the first ear."""
    tracks = store.tracks
    parts = [tracks.position[:, 0, :, 0], tracks.position[:, 1, :, 0]]
    parts += [tracks.confidence[:, :, 0], tracks.visible[:, :, 0]]
    whole = np.stack([np.asarray(part, float) for part in parts], 2)
    return {name: whole[:, k] for k, name in enumerate(store.keypoints)}


def test_a_corrected_keyframe_takes_no_landmark_from_frames_that_are_kept(
    tmp_path, guessed, clip, model
):
    """Five points are moved on the keyframe of the guess; a second keyframe keeps the rest."""
    store = tmp_path / "s.zarr"
    first = ear(boxed(4, 13))
    track(clip, first, store, settings=SHARDS_OF_8, model=model)
    old = by_name(Store.open(store))
    report = track(
        clip, ear({4: marked(4, 5), **boxed(13)}), store, settings=SHARDS_OF_8, model=model
    )
    assert report.corrected == {"right": ((0, 13),)} and report.guessed["right"].frame == 4
    new = by_name(Store.open(store))
    assert new.keys() == old.keys() and len(new) > 40
    for name, values in old.items():
        np.testing.assert_array_equal(new[name][13:], values[13:])
    assert np.isfinite(new["30"][4:13]).all()  # the guess is still beneath
    np.testing.assert_allclose(new["2"][4, :2], truth()[4, 2], atol=1e-3)
    # Put elsewhere, the keyframe is guessed anew, and the frames that are kept still keep theirs.
    x0, y0, x1, y1 = box(4)
    moved = FramePrompt(box=(x0 - 1, y0 - 1, x1 + 1, y1 + 1))
    track(clip, ear({4: moved, **boxed(13)}), store, settings=SHARDS_OF_8, model=model)
    again = by_name(Store.open(store))
    for name, values in old.items():
        np.testing.assert_array_equal(again[name][13:], values[13:])


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def stop_at(count: int):
    def tick(done: int, total: int) -> None:
        if done >= count:
            raise StoppedError

    return tick


@pytest.mark.parametrize("corrects", [False, True])
def test_a_run_that_goes_on_does_so_with_the_guess_it_began_with(
    tmp_path, guessed, clip, model, monkeypatch, corrects
):
    """Another processor may guess other landmarks in the last digits; here it is off by a pixel."""
    store = tmp_path / "s.zarr"
    prompt = ear(boxed(13))
    if corrects:
        shutil.copytree(guessed, store)
        second = ObjectPrompt(id=2, name="again", frames=boxed(6))
        prompt = Prompt((prompt.objects[0], second))
    args = {"settings": SHARDS_OF_8, "model": model}
    with pytest.raises(StoppedError):
        track(clip, prompt, store, progress=stop_at(14), **args)

    def elsewhere(*given, **named):
        guess = guess_landmarks(*given, **named)
        return replace(guess, points=guess.points + 1)

    monkeypatch.setattr(guesses, "guess_landmarks", elsewhere)
    track(clip, prompt, store, **args)
    monkeypatch.undo()
    shutil.copytree(guessed, tmp_path / "t.zarr") if corrects else None
    track(clip, prompt, tmp_path / "t.zarr", **args)
    assert compare(store, tmp_path / "t.zarr") == []
    told = [Store.open(path).provenance[GUESSED] for path in (store, tmp_path / "t.zarr")]
    assert told[0] == told[1]


def test_a_box_too_small_for_landmarks_is_tracked_without(tmp_path, clip, model):
    tiny = FramePrompt(box=(100, 100, 101.5, 101.5))
    report = track(clip, ear({0: tiny}), tmp_path / "s.zarr", settings=SHARDS_OF_8, model=model)
    assert not report.guessed["right"].used


def test_in_a_process_of_their_own_they_are_the_same(tmp_path, clip, model, monkeypatch):
    """Long clips have one, on machines of more than one core; here a short one has."""
    prompt = ear({13: marked(13), 17: marked(17, count=20)}, "ibug55")
    before, started = torch.get_num_threads(), []
    make = marks.LandmarkProcess
    monkeypatch.setattr(marks, "LandmarkProcess", lambda: started.append(make()) or started[-1])
    try:
        torch.set_num_threads(2)
        for name, frames in (("near", FRAMES + 1), ("far", FRAMES)):
            monkeypatch.setattr(marks, "_WORTH", frames)
            track(clip, prompt, tmp_path / name, settings=SHARDS_OF_8, model=model)
            assert len(started) == (name == "far")
    finally:
        torch.set_num_threads(before)
    assert compare(tmp_path / "near", tmp_path / "far") == []
    assert errors(Store.open(tmp_path / "far")).max() < 0.05
