"""Complete stores, corrected with the embedded model on a small real clip."""

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
from earvid.store import Store, compare
from earvid.video import Clip, VideoWriter

FRAMES = 24
SHARDS_OF_4 = TrackSettings(shard_bytes=4 * 160 * 120, reader="pyav")


@pytest.fixture(scope="module")
def model(quick_model):
    return quick_model


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    with Clip.open(sample_path("ear.mp4")) as source, VideoWriter(path, 160, 120, 30) as writer:
        for frame in source.frames(20, 20 + FRAMES):
            writer.write(cv2.resize(frame.image, (160, 120), interpolation=cv2.INTER_AREA))
    return path


def on_ear(index: int, top: float = 0, bottom: float = 1) -> FramePrompt:
    """A prompt for the ear, or for a part of it, as shares of its height."""
    truth = load_truth().masks
    ys, xs = np.nonzero(truth[20 + index])
    x0, y0, x1, y1 = np.array([xs.min(), ys.min(), xs.max(), ys.max()]) * 160 / truth.shape[2]
    box = (x0, y0 + top * (y1 - y0), x1, y0 + bottom * (y1 - y0))
    return FramePrompt(box=tuple(map(float, box)))


def prompt(one: dict[int, FramePrompt], two: dict[int, FramePrompt] | None = None) -> Prompt:
    ears = [ObjectPrompt(id=1, name="left", frames=one)]
    if two:
        ears.append(ObjectPrompt(id=2, name="right", frames=two))
    return Prompt(tuple(ears))


OTHER = {6: FramePrompt(box=(4.0, 70.0, 34.0, 110.0))}  # elsewhere: two tracks share no ear
UPPER = on_ear(10, bottom=0.6)
BEFORE = prompt({3: on_ear(3), 19: on_ear(19)}, OTHER)
AFTER = prompt({3: on_ear(3), 10: UPPER, 19: on_ear(19)}, OTHER)


@pytest.fixture(scope="module")
def stores(tmp_path_factory, clip, model):
    """The store before, and the same after an undisturbed correction."""
    folder = tmp_path_factory.mktemp("stores")
    before, after = folder / "before.zarr", folder / "after.zarr"
    track(clip, BEFORE, before, settings=SHARDS_OF_4, model=model)
    copy(before, after)
    report = track(clip, AFTER, after, settings=SHARDS_OF_4, model=model)
    assert report.corrected == {"left": ((4, 19),)} and report.tracked == 15
    return before, after


def copy(store: Path, to: Path) -> Path:
    subprocess.run(["cp", "-r", store, to], check=True)
    return to


def test_only_the_span_changes_and_the_rest_stays_to_the_bit(stores):
    before, after = map(Store.open, stores)
    assert after.complete and not (stores[1] / "state").exists()
    assert [entry.name for entry in sorted(stores[1].iterdir())] == [
        "labels", "proxy", "tracks", "zarr.json"]  # fmt: skip
    slots = before.spec.memory_slots
    for t in range(FRAMES):
        old, new = before.mask(t), after.mask(t)
        np.testing.assert_array_equal(old == 2, new == 2, str(t))  # the other ear, everywhere
        if not 4 <= t < 19:
            np.testing.assert_array_equal(old, new, str(t))
        np.testing.assert_array_equal(before.proxy[t], after.proxy[t])
    kept = np.r_[0:4, 19:FRAMES]
    for name in ("box", "score", "presence", "area"):
        old, new = getattr(before.tracks, name), getattr(after.tracks, name)
        np.testing.assert_array_equal(old[..., 1], new[..., 1])
        np.testing.assert_array_equal(old[kept], new[kept])
    np.testing.assert_array_equal(before.tracks.memory[kept], after.tracks.memory[kept, :, :slots])
    assert after.tracks.memory[10, 0, 0] == 10
    assert {3, 10, 19, 11, 12} <= set(after.tracks.memory[13, 0])
    assert {3, 10, 19, 9, 8} <= set(after.tracks.memory[7, 0])
    assert set(np.flatnonzero(after.status == 2)) == {10, 19}  # 19 was so before
    for t in range(8, 13):
        assert after.tracks.area[t, 0] and ((before.mask(t) == 1) != (after.mask(t) == 1)).any()


def test_the_areas_and_boxes_are_those_of_the_masks(stores):
    after = Store.open(stores[1])
    for t in range(4, 19):
        for n, object_id in enumerate(after.object_ids):
            mask = after.mask(t) == object_id
            assert mask.sum() == after.tracks.area[t, n]
            if mask.any():
                rows, columns = np.nonzero(mask)
                box = columns.min(), rows.min(), columns.max(), rows.max()
                np.testing.assert_array_equal(after.tracks.box[t, :, n], box)


def test_what_was_corrected_is_kept_as_history(stores):
    before, after = map(Store.open, stores)
    (entry,) = after.provenance["corrections"]
    assert entry["before"]["fingerprint"] == before.fingerprint != after.fingerprint
    assert entry["before"]["prompt"] == BEFORE.to_json()
    assert after.provenance["prompt"] == AFTER.to_json()
    assert entry["sha256"] == AFTER.digest() and entry["before"]["sha256"] == BEFORE.digest()
    assert entry["keyframes"] == {"left": [10]} and entry["spans"] == {"left": [[4, 19]]}


def test_a_corrected_store_is_done_and_an_old_prompt_does_not_undo_it(stores, clip, model):
    _, after = stores
    stamp = {p: p.stat().st_mtime_ns for p in after.rglob("*")}
    assert track(clip, AFTER, after, settings=SHARDS_OF_4, model=model).tracked == 0
    with pytest.raises(StoreError, match="was corrected since it had this prompt"):
        track(clip, BEFORE, after, settings=SHARDS_OF_4, model=model)
    with pytest.raises(StoreError, match=r"another roi \(follow rather than off\), prompt"):
        settings = replace(SHARDS_OF_4, roi="off")
        track(clip, BEFORE, after, settings=settings, model=model)
    assert {p: p.stat().st_mtime_ns for p in after.rglob("*")} == stamp


@pytest.mark.parametrize("stop", [1, 9, 14])
def test_stopped_and_run_again_it_is_as_if_nothing_had_happened(
    tmp_path, stores, clip, model, stop
):
    before, after = stores
    store = copy(before, tmp_path / "s.zarr")

    def interrupt(done, total):
        assert total == 15
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(clip, AFTER, store, settings=SHARDS_OF_4, model=model, progress=interrupt)
    assert compare(before, store) == [] and Store.open(store).complete
    settings = replace(SHARDS_OF_4, checkpoint=model.weights)
    assert check(clip, AFTER, store, settings=settings) == (store, "correct")
    report = track(clip, AFTER, store, settings=SHARDS_OF_4, model=model)
    assert report.tracked <= 15 and (stop < 5 or report.tracked < 15)
    assert compare(after, store) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
@pytest.mark.parametrize(
    ("name", "mixed"),
    [
        ("state/correction/tracks/status/c/2", False),  # while a shard is written
        ("labels", True),  # between two parts that take their place
        ("zarr.json", True),  # before the last of them
    ],
)
def test_killed_while_it_takes_its_place(tmp_path, stores, clip, model, name, mixed):
    before, after = stores
    store = copy(before, tmp_path / "s.zarr")
    run_and_kill(clip, AFTER, store, name, SHARDS_OF_4, model)
    if mixed:
        with pytest.raises(StoreError, match="took its place"):
            Store.open(store)
    else:
        assert compare(before, store) == []
    track(clip, AFTER, store, settings=SHARDS_OF_4, model=model)
    assert compare(after, store) == [] and not (store / "state").exists()


def test_a_second_correction_a_new_ear_and_an_incomplete_store(tmp_path, stores, clip, model):
    _, after = stores
    store = copy(after, tmp_path / "s.zarr")
    third = ObjectPrompt(id=3, name="third", frames={12: on_ear(12)})
    more = Prompt((*AFTER.objects, third))
    with pytest.raises(KeyboardInterrupt):
        track(clip, more, store, settings=SHARDS_OF_4, model=model, progress=interrupt_at_once)
    # Another correction than the one that was given up begins anew.
    moved = prompt({3: on_ear(3), 10: on_ear(10), 19: on_ear(19)}, OTHER)
    report = track(clip, moved, store, settings=SHARDS_OF_4, model=model)
    assert report.tracked == 15 and len(Store.open(store).provenance["corrections"]) == 2
    track(clip, Prompt((*moved.objects, third)), store, settings=SHARDS_OF_4, model=model)
    old, new = Store.open(after), Store.open(store)
    assert new.object_names == ("left", "right", "third")
    # It was put on an ear that is tracked, and not anew, which keeps its place and its pixels.
    assert not new.tracks.area[:, 2].any() and (new.tracks.duplicate_of[:, 2] == 1).any()
    kept = np.r_[0:4, 19:FRAMES]
    np.testing.assert_array_equal(old.tracks.box[kept], new.tracks.box[kept][:, :, :2])
    fresh = tmp_path / "fresh.zarr"
    with pytest.raises(KeyboardInterrupt):
        track(clip, BEFORE, fresh, settings=SHARDS_OF_4, model=model, progress=interrupt_at_once)
    with pytest.raises(StoreError, match="another prompt and is not complete"):
        track(clip, AFTER, fresh, settings=SHARDS_OF_4, model=model)


def interrupt_at_once(done, total):
    raise KeyboardInterrupt
