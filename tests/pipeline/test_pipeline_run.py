"""The whole way, with the embedded model on the sample clip and on small drawn ones."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from earvid.errors import StoreError
from earvid.evaluate.metrics import iou
from earvid.models import load_model
from earvid.pipeline import TrackSettings, check, track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.store import Store, compare
from earvid.video import VideoWriter

SHARDS_OF_8 = TrackSettings(shard_bytes=8 * 160 * 120, reader="pyav", landmarks="none")


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory):
    """30 frames of the sample clip at a quarter of its size: real content, fast to track."""
    import cv2

    from earvid.video import Clip

    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path("ear.mp4")) as clip, VideoWriter(path, 160, 120, 30) as writer:
        for frame in clip.frames(20, 50):
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


def test_the_sample_clip_from_its_prompt(tmp_path, model):
    prompt = Prompt.load(sample_path("ear.prompt.json"))
    calls = []
    report = track(
        sample_path("ear.mp4"),
        prompt,
        tmp_path / "out.zarr",
        model=model,
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


@pytest.mark.parametrize("keyframes", [(0,), (29,), (13,), (16,), (5, 21), (21, 5)])
def test_shards_do_not_change_the_result(tmp_path, model, small_clip, keyframes):
    prompt = small_prompt(*keyframes)
    whole = TrackSettings(reader="pyav", landmarks="none")
    track(small_clip, prompt, tmp_path / "one.zarr", settings=whole, model=model)
    track(small_clip, prompt, tmp_path / "many.zarr", settings=SHARDS_OF_8, model=model)
    one, many = Store.open(tmp_path / "one.zarr"), Store.open(tmp_path / "many.zarr")
    assert many.shard_length == 8 and one.shard_length == 30
    for t in range(30):
        assert np.array_equal(one.mask(t), many.mask(t)), t
    np.testing.assert_array_equal(one.tracks.score, many.tracks.score)
    np.testing.assert_array_equal(one.tracks.memory, many.tracks.memory)


@pytest.mark.parametrize("keyframes", [(13,), (5, 21)])
@pytest.mark.parametrize("stop", [1, 9, 17, 23, 28])
def test_stopped_by_ctrl_c_and_run_again(tmp_path, model, small_clip, keyframes, stop):
    prompt = small_prompt(*keyframes)
    track(small_clip, prompt, tmp_path / "whole.zarr", settings=SHARDS_OF_8, model=model)

    def interrupt(done, total):
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(small_clip, prompt, tmp_path / "cut.zarr", settings=SHARDS_OF_8, model=model,
              progress=interrupt)  # fmt: skip
    assert not Store.open(tmp_path / "cut.zarr").complete
    report = track(small_clip, prompt, tmp_path / "cut.zarr", settings=SHARDS_OF_8, model=model)
    assert report.tracked <= 30
    assert compare(tmp_path / "whole.zarr", tmp_path / "cut.zarr") == []


def test_a_complete_store_is_left_alone_and_a_different_one_refused(tmp_path, model, small_clip):
    target = tmp_path / "s.zarr"
    assert check(small_clip, small_prompt(3), target) == (target, "create")
    track(small_clip, small_prompt(3), target, model=model)
    stamp = {p: p.stat().st_mtime_ns for p in target.rglob("*") if p.is_file()}
    again = track(small_clip, small_prompt(3), target, model=model)
    assert again.tracked == 0 and again.ears[0].visible > 0
    assert {p: p.stat().st_mtime_ns for p in target.rglob("*") if p.is_file()} == stamp
    with pytest.raises(StoreError, match="--overwrite"):
        track(small_clip, small_prompt(4), target, model=model)
    other = TrackSettings(roi="off")
    with pytest.raises(StoreError, match="--overwrite"):
        track(small_clip, small_prompt(3), target, settings=other, model=model)
    report = track(small_clip, small_prompt(4), target, model=model, overwrite=True)
    assert report.tracked == 30


CHILD = """
    from pathlib import Path
    import sys, torch
    torch.set_num_threads(1)
    from earvid.pipeline import TrackSettings, track
    from earvid.prompt import Prompt
    clip, prompt, store = map(Path, sys.argv[1:4])
    settings = TrackSettings(shard_bytes=8 * 160 * 120, reader="pyav", landmarks="none")
    def tick(done, total): print(done, flush=True)
    track(clip, Prompt.load(prompt), store, settings=settings, progress=tick)
"""


def test_killed_at_random_and_run_again(tmp_path, small_clip):
    small_prompt(13).save(tmp_path / "p.json")

    def run(store: Path, kill_after: float | None) -> bool:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), small_clip, tmp_path / "p.json", store],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        if kill_after is not None:
            child.stdout.readline()  # the model is loaded, the first frame is tracked
            time.sleep(kill_after)
            child.send_signal(signal.SIGKILL)
        child.communicate()
        return child.returncode == 0

    assert run(tmp_path / "whole.zarr", None)
    rng = random.Random(4)
    for trial in range(2):
        store = tmp_path / f"killed-{trial}.zarr"
        for _ in range(2):
            if run(store, rng.uniform(0, 0.5)):
                break
        assert run(store, None)
        assert compare(tmp_path / "whole.zarr", store) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_sentence_and_nothing_done_is_lost(tmp_path, model, small_clip):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=220k", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        with pytest.raises(StoreError, match=r"^[^\n]*(full|space)[^\n]*$"):
            track(small_clip, small_prompt(0), disk / "s.zarr", settings=SHARDS_OF_8, model=model)
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        track(small_clip, small_prompt(0), disk / "s.zarr", settings=SHARDS_OF_8, model=model)
        track(small_clip, small_prompt(0), tmp_path / "w.zarr", settings=SHARDS_OF_8, model=model)
        assert compare(tmp_path / "w.zarr", disk / "s.zarr") == []
    finally:
        subprocess.run(["umount", disk], check=False)
