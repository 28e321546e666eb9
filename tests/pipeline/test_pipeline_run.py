"""The whole way, with the embedded model on the sample clip and on small drawn ones."""

import os
import random
import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest
from pipeline_killed import run

from earvid.errors import StoreError
from earvid.evaluate.metrics import iou
from earvid.pipeline import TrackSettings, check, track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import Store, compare
from earvid.video import Clip, VideoWriter

FRAMES, SHARD = 20, 6
SHARDS_OF_6 = TrackSettings(shard_bytes=SHARD * 160 * 120, reader="pyav", landmarks="none")


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory):
    """20 frames of the sample clip at a quarter of its size: real content, fast to track."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path("ear.mp4")) as clip, VideoWriter(path, 160, 120, 30) as writer:
        for frame in clip.frames(20, 20 + FRAMES):
            writer.write(cv2.resize(frame.image, (160, 120), interpolation=cv2.INTER_AREA))
    return path


def small_prompt(*keyframes: int) -> Prompt:
    truth = load_truth()
    ears = []
    for n, k in enumerate(keyframes):
        ys, xs = np.nonzero(truth.masks[20 + k])
        scale = truth.masks.shape[2] / 160
        box = tuple(float(v) for v in np.array([xs.min(), ys.min(), xs.max(), ys.max()]) / scale)
        ears.append(ObjectPrompt(id=n + 1, name=f"ear-{n + 1}", frames={k: FramePrompt(box=box)}))
    return Prompt(tuple(ears))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, small_clip, quick_model):
    """Stores of several shards, each from one run without a stop, by its keyframes."""
    folder = tmp_path_factory.mktemp("undisturbed")

    @cache
    def store(*keyframes):
        path = folder / f"{keyframes}.zarr"
        track(small_clip, small_prompt(*keyframes), path, settings=SHARDS_OF_6, model=quick_model)
        return path

    return store


def test_the_sample_clip_from_its_prompt(tmp_path):
    prompt = Prompt.load(sample_path("ear.prompt.json"))
    calls = []
    report = track(
        sample_path("ear.mp4"),
        prompt,
        tmp_path / "out.zarr",
        progress=lambda done, total: calls.append((done, total)),
    )
    truth = load_truth()
    store = Store.open(tmp_path / "out.zarr")
    assert store.complete and (np.asarray(store.status) > 0).all()
    assert calls == [(i + 1, report.frames) for i in range(report.frames)]
    scores = [iou(store.mask(t) > 0, truth.masks[t]) for t in range(store.frame_count)]
    assert np.mean(scores) > 0.8 and min(scores) > 0.6
    keyframe = prompt.objects[0].first_keyframe
    memory = np.asarray(store.tracks.memory)
    assert memory[keyframe, 0, 0] == keyframe  # the keyframe is conditioned on its prompt alone
    assert set(memory[keyframe + 3, 0]) >= {keyframe, keyframe + 1, keyframe + 2}
    assert report.ears[0].absent == ()


@pytest.mark.parametrize("keyframes", [(0,), (19,), (9,), (12,), (3, 14), (14, 3)])
def test_shards_do_not_change_the_result(tmp_path, quick_model, small_clip, undisturbed, keyframes):
    whole = TrackSettings(reader="pyav", landmarks="none")
    path = tmp_path / "one.zarr"
    track(small_clip, small_prompt(*keyframes), path, settings=whole, model=quick_model)
    one, many = Store.open(path), Store.open(undisturbed(*keyframes))
    assert many.shard_length == SHARD and one.shard_length == FRAMES
    for t in range(FRAMES):
        assert np.array_equal(one.mask(t), many.mask(t)), t
    np.testing.assert_array_equal(one.tracks.score, many.tracks.score)
    np.testing.assert_array_equal(one.tracks.memory, many.tracks.memory)


@pytest.mark.parametrize("keyframes", [(9,), (3, 14)])
@pytest.mark.parametrize("stop", [1, 6, 11, 15, 18])
def test_stopped_by_ctrl_c_and_run_again(
    tmp_path, quick_model, small_clip, undisturbed, keyframes, stop
):
    prompt, path = small_prompt(*keyframes), tmp_path / "cut.zarr"
    how = {"settings": SHARDS_OF_6, "model": quick_model}

    def interrupt(done, total):
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(small_clip, prompt, path, **how, progress=interrupt)
    assert not Store.open(path).complete
    assert track(small_clip, prompt, path, **how).tracked <= FRAMES
    assert compare(undisturbed(*keyframes), path) == []


def test_a_complete_store_is_left_alone_and_a_different_one_refused(
    tmp_path, quick_weights, small_clip
):
    target, settings = tmp_path / "s.zarr", TrackSettings(checkpoint=quick_weights)
    assert check(small_clip, small_prompt(3), target, settings=settings) == (target, "create")
    track(small_clip, small_prompt(3), target, settings=settings)
    stamp = {p: p.stat().st_mtime_ns for p in target.rglob("*") if p.is_file()}
    again = track(small_clip, small_prompt(3), target, settings=settings)
    assert again.tracked == 0 and again.ears[0].visible > 0
    assert {p: p.stat().st_mtime_ns for p in target.rglob("*") if p.is_file()} == stamp
    with pytest.raises(StoreError, match="--overwrite"):
        track(small_clip, small_prompt(4), target, settings=settings)
    other = TrackSettings(checkpoint=quick_weights, roi="off")
    with pytest.raises(StoreError, match="--overwrite"):
        track(small_clip, small_prompt(3), target, settings=other)
    report = track(small_clip, small_prompt(4), target, settings=settings, overwrite=True)
    assert report.tracked == FRAMES


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_killed_at_random_and_run_again(tmp_path, small_clip, quick_model, undisturbed):
    how = {"settings": SHARDS_OF_6, "model": quick_model}
    for seed in range(2):
        store = tmp_path / f"killed-{seed}.zarr"
        for frames in sorted(random.Random(seed).sample(range(1, FRAMES), 2)):
            if run(small_clip, small_prompt(9), store, **how, kill_after=(frames, 0.1), seed=seed):
                break
        assert run(small_clip, small_prompt(9), store, **how)
        assert compare(undisturbed(9), store) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_sentence_and_nothing_done_is_lost(
    tmp_path, quick_model, small_clip, undisturbed
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=220k", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    how = {"settings": SHARDS_OF_6, "model": quick_model}
    try:
        with pytest.raises(StoreError, match=r"^[^\n]*(full|space)[^\n]*$"):
            track(small_clip, small_prompt(0), disk / "s.zarr", **how)
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        track(small_clip, small_prompt(0), disk / "s.zarr", **how)
        assert compare(undisturbed(0), disk / "s.zarr") == []
    finally:
        subprocess.run(["umount", disk], check=False)
