from pathlib import Path

import pytest
import zarr
from store_producer import make_record, make_spec, produce

from earvid.errors import StoreError
from earvid.store import Decision, Store, StoreWriter, decide, read_header

SPEC = make_spec()
OTHER = make_spec(1)


def begin(path: Path) -> None:
    with StoreWriter.create(path, SPEC) as writer:
        for index in range(8):
            writer.add(make_record(SPEC, index))


def test_nothing_there(tmp_path: Path) -> None:
    assert decide(tmp_path / "a.zarr", SPEC.fingerprint) is Decision.CREATE
    assert decide(tmp_path, SPEC.fingerprint) is Decision.CREATE  # an empty folder
    with StoreWriter.create(tmp_path, SPEC):
        pass
    assert decide(tmp_path, SPEC.fingerprint) is Decision.RESUME


def test_same_and_complete_or_not(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    begin(path)
    assert decide(path, SPEC.fingerprint) is Decision.RESUME
    produce(path, SPEC)
    assert decide(path, SPEC.fingerprint) is Decision.SKIP
    assert decide(path, SPEC.fingerprint, overwrite=True) is Decision.CREATE


@pytest.mark.parametrize("complete", [False, True])
def test_a_different_one_is_only_replaced_on_demand(tmp_path: Path, complete: bool) -> None:
    path = tmp_path / "a.zarr"
    begin(path)
    if complete:
        produce(path, SPEC)
    with pytest.raises(StoreError, match=r"another clip, prompt, model or settings.*--overwrite"):
        decide(path, OTHER.fingerprint)
    assert decide(path, OTHER.fingerprint, overwrite=True) is Decision.CREATE
    with StoreWriter.create(path, OTHER) as writer:
        assert writer.pending == 30
        assert writer.load_state() is None
    assert decide(path, OTHER.fingerprint) is Decision.RESUME


def make_notes(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("mine")


def make_other_zarr(path: Path) -> None:
    zarr.create_group(path, attributes={"mine": True})


def make_array(path: Path) -> None:
    zarr.create_array(path, shape=(3,), dtype="u1")


def make_garbage(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").write_text("{")


def make_file(path: Path) -> None:
    path.write_text("mine")


@pytest.mark.parametrize("make", [make_notes, make_other_zarr, make_array, make_garbage, make_file])
def test_what_is_no_store_is_left_alone(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "thing"
    make(path)
    before = {file: file.read_bytes() for file in [path, *path.rglob("*")] if file.is_file()}
    for attempt in (
        lambda: decide(path, SPEC.fingerprint),
        lambda: decide(path, SPEC.fingerprint, overwrite=True),
        lambda: StoreWriter.create(path, SPEC),
        lambda: StoreWriter.resume(path, SPEC),
        lambda: Store.open(path),
    ):
        with pytest.raises(StoreError, match="not an earvid store, and is left alone"):
            attempt()
    assert {f: f.read_bytes() for f in [path, *path.rglob("*")] if f.is_file()} == before


def test_a_later_layout(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    begin(path)
    root = zarr.open_group(path)
    root.update_attributes({"earvid": {**root.attrs["earvid"], "version": 3}})
    with pytest.raises(StoreError, match=r"version 3 .* reads versions up to 2"):
        Store.open(path)


def test_only_what_is_there_and_incomplete_and_the_same_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    with pytest.raises(StoreError, match="no store at"):
        StoreWriter.resume(path, SPEC)
    begin(path)
    for spec, message in [
        (OTHER, "another clip, prompt"),
        (make_spec(shard_bytes=4 * 24 * 20), "another shard bytes"),
        (make_spec(frame_count=29), "another clip"),
        (make_spec(times=SPEC.times + 1), "other times"),
        (make_spec(keypoints=()), "another keypoints"),
    ]:
        with pytest.raises(StoreError, match=message):
            StoreWriter.resume(path, spec)
    produce(path, SPEC)
    with pytest.raises(StoreError, match="is complete"):
        StoreWriter.resume(path, SPEC)
    assert not (path / "state").exists()


def test_what_another_process_made_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    seen = read_header(path)  # nothing is there, and two processes decide to begin
    produce(path, SPEC)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    with pytest.raises(StoreError, match=r"Another process wrote .* in the meantime"):
        StoreWriter.create(path, SPEC, seen=seen)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    # The same with a store that both were told to replace.
    seen = read_header(path)
    begin_other(path)
    with pytest.raises(StoreError, match="in the meantime"):
        StoreWriter.create(path, SPEC, seen=seen)
    with StoreWriter.create(path, SPEC, seen=read_header(path)) as writer:
        assert writer.pending == 30


def begin_other(path: Path) -> None:
    with StoreWriter.create(path, OTHER) as writer:
        writer.add(make_record(OTHER, 0))


def test_finishing_needs_every_frame(tmp_path: Path) -> None:
    with StoreWriter.create(tmp_path / "a.zarr", SPEC) as writer:
        for index in range(12):
            writer.add(make_record(SPEC, index))
        with pytest.raises(StoreError, match="22 of 30 frames"):
            writer.finish({})
    assert not Store.open(tmp_path / "a.zarr").complete


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    with StoreWriter.create(tmp_path / "a.zarr", SPEC) as writer:
        pass
    for attempt in (
        lambda: writer.add(make_record(SPEC, 0)),
        lambda: writer.save_state({}),
        lambda: writer.finish({}),
    ):
        with pytest.raises(StoreError, match="is closed"):
            attempt()


def test_nothing_but_the_store_is_left(tmp_path: Path) -> None:
    produce(tmp_path / "a.zarr", SPEC)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    inside = {entry.name for entry in (tmp_path / "a.zarr").iterdir()}
    assert inside == {"zarr.json", "labels", "proxy", "tracks"}
