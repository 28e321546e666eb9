import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from store_producer import make_record, make_spec

from earvid.errors import StoreError
from earvid.store import FrameRecord, Store, StoreSpec, StoreWriter, compare
from earvid.store.layout import VARIABLES

FIELDS = (
    "position", "confidence", "visible", "box", "score", "presence", "area", "memory",
    "duplicate_of",
)  # fmt: skip


def write(path: Path, spec: StoreSpec, order: list[int]) -> list[FrameRecord]:
    records = [make_record(spec, index, status=1 + index % 2) for index in range(spec.frame_count)]
    with StoreWriter.create(path, spec) as writer:
        for index in order:
            writer.add(records[index])
        writer.finish({"frames": len(order)})
    return records


def assert_holds(store: Store, records: list[FrameRecord]) -> None:
    for field in FIELDS:
        stored, given = getattr(store.tracks, field), [getattr(one, field) for one in records]
        np.testing.assert_array_equal(stored, given, err_msg=field)
    np.testing.assert_array_equal(store.masks[:], [record.mask for record in records])
    np.testing.assert_array_equal(store.proxy[:], [record.proxy for record in records])
    np.testing.assert_array_equal(store.mask(len(records) // 2), records[len(records) // 2].mask)
    np.testing.assert_array_equal(store.status, [record.status for record in records])


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    spec = make_spec()
    records = write(tmp_path / "a.zarr", spec, list(range(30)))
    store = Store.open(tmp_path / "a.zarr")
    assert_holds(store, records)
    assert store.complete and store.progress == 1 and len(store) == 30
    assert (store.clip_name, store.width, store.height, store.fps) == ("clip.mp4", 24, 20, 25)
    assert (store.object_ids, store.object_names) == ((1, 2), ("left", "right"))
    assert store.keypoints == spec.keypoints
    assert store.fingerprint == spec.fingerprint
    assert store.provenance == {"seed": 0}
    assert store.summary == {"frames": 30}
    assert store.shard_length == store.spec.shard_length == 8
    np.testing.assert_array_equal(store.times, spec.times)


def test_a_store_of_the_first_layout_is_read(tmp_path: Path) -> None:
    """It knows of no ear that yielded its place to another."""
    spec = make_spec()
    records = write(tmp_path / "a.zarr", spec, list(range(30)))
    root = zarr.open_group(tmp_path / "a.zarr", use_consolidated=False)
    del root["tracks/duplicate_of"]
    root.update_attributes({"earvid": {**root.attrs["earvid"], "version": 1}})
    with pytest.warns(UserWarning, match="Consolidated metadata"):
        zarr.consolidate_metadata(root.store)
    store = Store.open(tmp_path / "a.zarr")
    assert store.tracks.duplicate_of.shape == (30, 2) and not store.tracks.duplicate_of.any()
    np.testing.assert_array_equal(store.tracks.score, [record.score for record in records])


@st.composite
def specs(draw: st.DrawFn) -> StoreSpec:
    ids = draw(st.lists(st.integers(1, 255), min_size=1, max_size=3, unique=True))
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return make_spec(
        frame_count=draw(st.integers(1, 12)),
        width=width,
        height=height,
        object_ids=tuple(ids),
        object_names=tuple(f"ear {one}" for one in ids),
        keypoints=tuple("abc"[: draw(st.integers(0, 3))]),
        memory_slots=draw(st.integers(0, 3)),
        shard_bytes=draw(st.integers(2, 7)) * width * height,
    )


@st.composite
def orders(draw: st.DrawFn, spec: StoreSpec) -> list[int]:
    """Forwards from some shard and back before it, frames of a shard in any order."""
    seam = draw(st.integers(0, spec.shard_count))
    shards = [*range(seam, spec.shard_count), *range(seam - 1, -1, -1)]
    return [at for shard in shards for at in draw(st.permutations(spec.shard_range(shard)))]


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_any_shape_and_order(data: st.DataObject) -> None:
    spec = data.draw(specs())
    with TemporaryDirectory() as folder:
        path, sorted_path = Path(folder) / "any.zarr", Path(folder) / "sorted.zarr"
        records = write(path, spec, data.draw(orders(spec)))
        assert_holds(Store.open(path), records)
        write(sorted_path, spec, list(range(spec.frame_count)))
        assert compare(path, sorted_path) == []


def test_a_shard_appears_whole(tmp_path: Path) -> None:
    spec = make_spec()
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        assert [writer.add(make_record(spec, at)) for at in range(8)] == [None] * 7 + [0]
        assert writer.add(make_record(spec, 29)) is None
        assert (writer.open_shards, writer.pending) == ((3,), 22)
        store = Store.open(tmp_path / "a.zarr")
        assert (store.complete, store.progress) == (False, 8 / 30)
        assert np.isnan(store.tracks.score[8:]).all() and (store.tracks.memory[8:] == -1).all()
        assert not store.mask(29).any()
        assert [writer.add(make_record(spec, at)) for at in range(28, 23, -1)] == [None] * 4 + [3]
        assert store.progress == 14 / 30  # as it is now, not as when it was opened


def test_at_most_two_shards_are_open(tmp_path: Path) -> None:
    spec = make_spec()
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        writer.add(make_record(spec, 0))
        writer.add(make_record(spec, 8))
        with pytest.raises(StoreError, match=r"Shards \(0, 1\) are still open"):
            writer.add(make_record(spec, 16))


def test_the_last_shard_is_replaced_whole(tmp_path: Path) -> None:
    """Of the frames that were there before, none shines through, not even where all is empty."""
    spec = make_spec()
    write(tmp_path / "a.zarr", spec, list(range(30)))
    with StoreWriter.create(tmp_path / "b.zarr", spec) as writer:
        for seed in (1, 0):
            for index in range(30):
                record = make_record(spec, index, seed, 1 + index % 2)
                if seed == 0 and index == 25:
                    record.mask[:] = 0
                writer.add(record)
        writer.finish({})
    assert compare(tmp_path / "a.zarr", tmp_path / "b.zarr") == ["labels/ear/mask"]
    assert not Store.open(tmp_path / "b.zarr").mask(25).any()


def test_masks_are_small(tmp_path: Path) -> None:
    """An ear of 100 pixels in a 720p frame takes less than 600 bytes."""
    spec = make_spec(frame_count=12, width=1280, height=720, shard_bytes=2**24)
    y, x = np.mgrid[:720, :1280]
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        for index in range(12):
            record = make_record(spec, index)
            along, across = x - 500 - 3 * index, y - 300 + index
            record.mask[:] = (along / 35) ** 2 + (across / 50) ** 2 <= 1
            writer.add(record)
    files = (tmp_path / "a.zarr/labels/ear/mask/c").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) < 12 * 600


def test_a_record_may_be_used_again(tmp_path: Path) -> None:
    spec = make_spec(frame_count=2)
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        record = make_record(spec, 0)
        first = record.mask.copy()
        writer.add(record)
        record.index, record.mask[:] = 1, 0
        writer.add(record)
        writer.finish({})
    np.testing.assert_array_equal(Store.open(tmp_path / "a.zarr").mask(0), first)


def test_compare_names_what_differs(tmp_path: Path) -> None:
    one, other = make_spec(), make_spec(provenance={"began": "later"}, keypoints=("a", "b", "c"))
    records = write(tmp_path / "a.zarr", one, list(range(30)))
    records[7].score[1] = 5
    with StoreWriter.create(tmp_path / "b.zarr", other) as writer:
        for record in records:
            writer.add(record)
        writer.finish({"frames": 0})
    assert compare(tmp_path / "a.zarr", tmp_path / "a.zarr") == []
    assert compare(tmp_path / "a.zarr", tmp_path / "b.zarr") == [
        "/",
        "tracks/keypoint",
        "tracks/score",
    ]
    with pytest.raises(StoreError, match="no store at"):
        compare(tmp_path / "a.zarr", tmp_path / "c.zarr")


def test_a_frame_that_does_not_exist(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", make_spec(frame_count=3), [0, 1, 2])
    for index in (-1, 3):
        with pytest.raises(StoreError, match=f"no frame {index} .* from 0 to 2"):
            Store.open(tmp_path / "a.zarr").mask(index)


def test_the_room_needs_no_torch_and_no_xarray() -> None:
    program = "import sys, earvid.store; print({'torch', 'sam2', 'xarray'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_frames_without_an_ear_are_written_too(tmp_path: Path) -> None:
    """Whether all of a mask is background is not worth a look at each pixel."""
    spec = make_spec()
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        for index in range(spec.frame_count):
            record = make_record(spec, index)
            writer.add(replace(record, mask=np.zeros_like(record.mask)))
        writer.finish({})
    store = Store.open(tmp_path / "a.zarr")
    assert not store.masks[:].any()
    (mask,) = (variable for variable in VARIABLES if variable.name == "mask")
    for shard in range(spec.shard_count):
        assert (tmp_path / "a.zarr" / mask.chunk_key(shard)).is_file()


@pytest.mark.parametrize("alone", [True, False])
def test_zarr_compresses_in_one_thread_where_it_is_told_to(tmp_path: Path, alone: bool) -> None:
    code = (
        "import sys, threading\n"
        "from test_store_round_trip import write\n"
        "from store_producer import make_spec\n"
        "from earvid.store import compress_in_one_thread\n"
        f"{'compress_in_one_thread()' if alone else ''}\n"
        "write(sys.argv[1], make_spec(shard_bytes=2**20), list(range(30)))\n"
        "names = [thread.name for thread in threading.enumerate()]\n"
        "print(sum('pool' in name or 'asyncio' in name for name in names))\n"
    )
    path = tmp_path / "a.zarr"
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert (int(told.stdout) == 1) == alone
    assert Store.open(path).complete
