from pathlib import Path

import numpy as np
import pytest
from store_producer import make_record, make_spec

from earvid.errors import StoreError
from earvid.store import Store, StoreWriter


@pytest.mark.parametrize(
    ("size", "frames", "budget", "length"),
    [
        ((1280, 720), 3000, 64 * 2**20, 72),
        ((320, 240), 3000, 64 * 2**20, 256),  # no longer than 256
        ((320, 240), 100, 64 * 2**20, 100),  # nor than the clip
        ((3840, 2160), 3000, 2**20, 1),  # never shorter than a frame
    ],
)
def test_shards_follow_the_budget(
    size: tuple[int, int], frames: int, budget: int, length: int
) -> None:
    spec = make_spec(frame_count=frames, width=size[0], height=size[1], shard_bytes=budget)
    assert spec.shard_length == length
    covered = [at for shard in range(spec.shard_count) for at in spec.shard_range(shard)]
    assert covered == list(range(frames))


def test_255_objects_and_no_more(tmp_path: Path) -> None:
    ids = tuple(range(1, 257))
    names = tuple(f"ear {one}" for one in ids)
    spec = make_spec(frame_count=2, object_ids=ids[:255], object_names=names[:255])
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        for index in range(2):
            writer.add(make_record(spec, index))
        writer.finish({})
    store = Store.open(tmp_path / "a.zarr")
    assert store.object_names == names[:255]
    np.testing.assert_array_equal(store.mask(1), make_record(spec, 1).mask)
    with pytest.raises(StoreError, match="1 to 255 objects, not 256"):
        make_spec(object_ids=ids, object_names=names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"object_ids": (0, 1)}, "numbers from 1 to 255"),
        ({"object_ids": (1, 256)}, "numbers from 1 to 255"),
        ({"object_ids": (1, 1)}, "object ids must differ, but 1 is"),
        ({"object_names": ("left", "left")}, "object names must differ, but left is"),
        ({"object_names": ("left",)}, "2 objects need as many names"),
        ({"keypoints": ("a", "b", "a")}, "landmarks must differ, but a is"),
        ({"width": 0}, "holds nothing"),
        ({"fps": 0.0}, "frames per second"),
        ({"fps": float("nan")}, "frames per second"),
        ({"times": np.zeros(3)}, "needs 30 times"),
        ({"times": np.arange(30, 0, -1.0)}, "run backwards"),
        ({"fingerprint": "abc"}, "not a sha256"),
        ({"memory_slots": -1}, "too few"),
        ({"provenance": {"when": object()}}, "object cannot be kept"),
    ],
)
def test_specs_that_make_no_sense(changes: dict[str, object], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        make_spec(**changes)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mask", np.zeros((24, 20), np.uint8), r"mask of \(24, 20\) uint8 .* \(20, 24\) uint8"),
        ("mask", np.zeros((20, 24), bool), r"mask of \(20, 24\) bool"),
        ("mask", np.full((20, 24), 3, np.uint8), "unknown object id 3"),
        ("score", np.zeros(2), "score of .* float64"),
        ("memory", np.zeros((2, 3), np.int32), "memory"),
        ("status", 0, "status 0"),
        ("index", 30, "Frame 30 is not in a clip of 30"),
        ("index", -1, "Frame -1 is not"),
    ],
)
def test_records_that_do_not_fit(tmp_path: Path, field: str, value: object, message: str) -> None:
    spec = make_spec()
    record = make_record(spec, 4)
    setattr(record, field, value)
    with (
        StoreWriter.create(tmp_path / "a.zarr", spec) as writer,
        pytest.raises(StoreError, match=message),
    ):
        writer.add(record)


def test_a_frame_comes_once(tmp_path: Path) -> None:
    spec = make_spec()
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        writer.add(make_record(spec, 4))
        with pytest.raises(StoreError, match="Frame 4 came twice"):
            writer.add(make_record(spec, 4))


def test_summary_and_provenance_become_json(tmp_path: Path) -> None:
    spec = make_spec(frame_count=1, provenance={"loss": float("nan"), "size": (1, np.int64(2))})
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        writer.add(make_record(spec, 0))
        writer.finish({"mean": np.float32(0.5), "spans": ((0, 1),), "none": float("inf")})
    store = Store.open(tmp_path / "a.zarr")
    assert store.provenance == {"loss": None, "size": [1, 2]}
    assert store.summary == {"mean": 0.5, "spans": [[0, 1]], "none": None}
