"""``earvid.track`` and ``earvid.stream``, with the embedded model on real frames."""

import threading

import numpy as np
import pytest
from two_ears import FRAMES, HEIGHT, HIDDEN, KEYFRAME, WIDTH, make

import earvid
from earvid.errors import StoreError, UsageError, VideoError
from earvid.pipeline import TrackSettings
from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter


def test_two_named_ears(recording):
    assert recording.ears == ("left", "right") and recording.complete
    assert len(recording) == FRAMES and recording.masks.shape == (FRAMES, HEIGHT, WIDTH)
    right = recording.ear("right")
    assert right.seen.all() and right.scores.min() > 0.7
    left = recording.ear("left")
    assert not left.seen[list(HIDDEN)].any() and left.seen[:12].all()
    assert np.isfinite(left.landmarks[KEYFRAME]).all()


def test_called_again_it_opens_what_is_there(recording, ears, model):
    before = (recording.path / "zarr.json").stat().st_mtime_ns
    again = earvid.track(
        ears.clip, store=recording.path, box=ears.boxes, landmarks=ears.landmarks, frame=KEYFRAME,
        model=model,
    )  # fmt: skip
    assert (again.path / "zarr.json").stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.scores, recording.scores)


def test_another_prompt_is_refused_in_a_sentence(recording, ears, model):
    with pytest.raises(StoreError, match="policy"):
        earvid.track(
            ears.clip, store=recording.path, box=ears.boxes, landmarks=ears.landmarks,
            frame=KEYFRAME, model=model, policy="gated",
        )  # fmt: skip


def test_stream_gives_what_track_stores(recording, ears, model):
    streamed = list(
        earvid.stream(
            ears.clip, box=ears.boxes, landmarks=ears.landmarks, frame=KEYFRAME, model=model
        )
    )
    assert [frame.index for frame in streamed] == list(range(KEYFRAME, FRAMES))
    for frame in streamed:
        stored = recording.frame(frame.index)
        assert frame.time == stored.time and frame.status == stored.status
        np.testing.assert_array_equal(frame.image, stored.image)
        np.testing.assert_array_equal(frame.labels, stored.labels)
        for name, ear in frame.ears.items():
            kept = stored.ears[name]
            assert (ear.box, ear.area, ear.memory) == (kept.box, kept.area, kept.memory)
            assert ear.keyframe == (frame.index == KEYFRAME) == kept.keyframe
            for what in ("score", "presence", "landmarks", "confidence", "visible", "mask"):
                np.testing.assert_array_equal(getattr(ear, what), getattr(kept, what))


def test_a_stream_that_is_closed_leaves_nothing_behind(ears, model, tmp_path):
    before = threading.active_count()
    frames = earvid.stream(ears.clip, box=ears.boxes, frame=KEYFRAME, model=model)
    first = next(frames)
    assert first.ears["left"].keyframe and first.ears["left"].mask.any()
    frames.close()
    assert threading.active_count() == before
    assert [path.name for path in ears.clip.parent.iterdir()] == [ears.clip.name]


def test_a_stream_ends_where_it_is_told(ears, model):
    frames = earvid.stream(ears.clip, box=ears.boxes["right"], stop=3, model=model)
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_a_stopped_run_shows_what_is_done_and_goes_on(ears, model, tmp_path):
    settings = TrackSettings(shard_bytes=8 * WIDTH * HEIGHT)

    def stop(done, total):
        if done == 18:
            raise KeyboardInterrupt

    asked = {"store": tmp_path / "half.zarr", "box": ears.boxes["right"], "landmarks": "none"}
    asked["model"] = model
    with pytest.raises(KeyboardInterrupt):
        earvid.track(ears.clip, **asked, settings=settings, progress=stop)
    half = earvid.open(tmp_path / "half.zarr", clip=ears.clip)
    assert not half.complete and "% done" in repr(half) and "% done" in half._repr_html_()
    assert half.where("done").sum() == 16 and half.where("pending").sum() == FRAMES - 16
    assert [frame.index for frame in half.frames()] == list(range(16))
    assert half.frame(20).status == "pending" and not half.frame(20).ears["ear"].seen
    assert earvid.track(ears.clip, **asked, settings=settings).complete


def test_the_prompt_beside_the_clip_is_taken(tmp_path, model):
    ears = make(tmp_path)
    plain = {"objects": [{"id": 3, "name": "mine", "frames": {2: {"box": ears.boxes["right"]}}}]}
    frames = earvid.stream(ears.clip, plain, stop=3, model=model)
    assert list(next(frames).ears) == ["mine"]
    frames.close()
    (tmp_path / "two.prompt.json").write_text(
        f'{{"version": 1, "objects": [{{"id": 3, "name": "mine", "frames": '
        f'{{"2": {{"box": {list(ears.boxes["right"])}}}}}}}]}}'
    )
    recording = earvid.track(ears.clip, landmarks="none", model=model)
    assert recording.path == tmp_path / "two.earvid.zarr" and recording.ears == ("mine",)
    assert earvid.open(recording.path).clip == ears.clip
    with pytest.raises(UsageError, match="ears= and only= do nothing"):
        earvid.track(ears.clip, ears=1, model=model)


def test_without_a_prompt_the_ear_is_found(tmp_path, model):
    clip = tmp_path / "found.mp4"
    with Clip.open(sample_path()) as whole, VideoWriter(clip, 640, 480, 30) as writer:
        for frame in whole.frames(40, 52):
            writer.write(frame.image)
    recording = earvid.track(clip, model=model)
    assert len(recording.ears) == 1 and recording.provenance["found"]["ears"][0]["confidence"] > 0.5
    truth = load_truth().masks[40:52]
    found = np.asarray(recording.masks[:]) > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_a_missing_clip_is_one_sentence(tmp_path):
    with pytest.raises(VideoError, match="does not exist; check the path"):
        earvid.track(tmp_path / "none.mp4", box=(1, 2, 30, 40))
    with pytest.raises(VideoError, match="does not exist; check the path"):
        next(earvid.stream(tmp_path / "none.mp4"))
    with pytest.raises(StoreError, match="There is no store"):
        earvid.open(tmp_path / "none.zarr")


def test_settings_and_keywords_go_together(bare):
    said = bare.provenance["settings"]
    assert said["policy"]["name"] == "gated" and said["reentry"] == "nearby"
    assert said["landmarks"] == "none" and bare.keypoints == ()
