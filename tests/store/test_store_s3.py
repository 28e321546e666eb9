"""Stores in a bucket: the same arrays, the same resuming, one writer, a sentence when it fails."""

import random
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from s3_server import call, environment, lease, lose, names
from store_killed import run_and_kill
from store_producer import make_record, make_spec, produce

from earvid.errors import StoreError
from earvid.store import (
    Decision,
    RemotePath,
    Store,
    StoreCorrection,
    StoreWriter,
    compare,
    decide,
    read_header,
    settle,
    store_path,
)
from earvid.store.place import place_of
from earvid.store.swap import is_mixed

SPEC = make_spec()
NEW = make_spec(1, object_ids=(1, 2, 3), object_names=("left", "right", "third"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on the disk, made in one go."""
    path = tmp_path_factory.mktemp("undisturbed") / "clip.earvid.zarr"
    produce(path, SPEC)
    return path


@pytest.mark.parametrize("text", ["s3://ears/day 1/a.zarr", "s3:/ears/day 1/a.zarr"])
def test_urls_are_told_from_paths(text: str, tmp_path: Path) -> None:
    path = store_path(text)
    assert isinstance(path, RemotePath) and str(path) == "s3://ears/day 1/a.zarr"
    assert (path.bucket, path.key, path.name) == ("ears", "day 1/a.zarr", "a.zarr")
    assert store_path(Path(text)) == path == store_path(path)
    assert str(path.parent / "b.zarr") == "s3://ears/day 1/b.zarr"
    assert store_path(tmp_path) == tmp_path and isinstance(store_path("a/b.zarr"), Path)
    assert not isinstance(store_path(r"C:/a.zarr"), RemotePath)


@pytest.mark.parametrize("text", ["gs://ears/a.zarr", "s3://ears", "s3://", "s3://ears/../a"])
def test_urls_that_name_no_store(text: str) -> None:
    with pytest.raises(StoreError, match="s3://bucket/key"):
        Store.open(text)


def test_a_store_is_the_same_as_on_a_disk(bucket: str, undisturbed: Path) -> None:
    url = f"{bucket}/a.zarr"
    assert decide(url, SPEC.fingerprint) is Decision.CREATE
    produce(store_path(url), SPEC)  # type: ignore[arg-type]
    assert decide(url, SPEC.fingerprint) is Decision.SKIP
    assert compare(url, undisturbed) == []
    store, whole = Store.open(url), Store.open(undisturbed)
    assert repr(store).startswith(f"Store('{url}', 30 frames") and store.complete
    assert store.summary == whole.summary
    np.testing.assert_array_equal(store.mask(11), whole.mask(11))
    tracks = store.to_xarray()
    np.testing.assert_array_equal(tracks.position, whole.tracks.position)
    assert not [name for name in names(bucket) if "state/" in name]


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_resumed_it_is_as_if_nothing_had_happened(
    bucket: str, undisturbed: Path, s3_endpoint: str, seed: int
) -> None:
    url, chance = f"{bucket}/a.zarr", random.Random(seed)
    for _ in range(3):
        seconds = chance.uniform(0, 0.05)
        if run_and_kill(url, chance.randint(1, 13), seconds, environment(s3_endpoint)):
            break
        if read_header(url) is not None:
            assert_done_frames_are_right(url, undisturbed)
    produce(store_path(url), SPEC)  # type: ignore[arg-type]
    assert compare(url, undisturbed) == []
    assert not [name for name in names(bucket) if "state/" in name]


def assert_done_frames_are_right(url: str, undisturbed: Path) -> None:
    try:
        store = Store.open(url)
    except StoreError as error:
        assert "only just been begun" in str(error)
        return
    whole = Store.open(undisturbed)
    for index in np.flatnonzero(store.status):
        np.testing.assert_array_equal(store.mask(index), whole.mask(index))
        np.testing.assert_array_equal(store.tracks.position[index], whole.tracks.position[index])


def test_a_server_that_is_gone(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from earvid.store import _bucket

    monkeypatch.setattr(_bucket, "RETRIES", _bucket.RETRIES / 100)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for attempt in (Store.open, lambda url: StoreWriter.create(url, SPEC), settle):
        with pytest.raises(StoreError, match=r"a.zarr cannot be reached .*: run the same again"):
            attempt(f"{bucket}/a.zarr")


def test_a_bucket_that_is_not_there(bucket: str) -> None:
    with pytest.raises(StoreError, match=r"no bucket for s3://none/a\.zarr"):
        StoreWriter.create("s3://none/a.zarr", SPEC)


def test_what_is_no_store_is_left_alone(bucket: str, s3_endpoint: str) -> None:
    key = PurePosixPath(bucket.removeprefix("s3://")) / "a.zarr/notes.txt"
    call("PUT", f"{s3_endpoint}/{key}", b"mine")
    for attempt in (Store.open, lambda url: StoreWriter.create(url, SPEC)):
        with pytest.raises(StoreError, match="not an earvid store, and is left alone"):
            attempt(f"{bucket}/a.zarr")
    assert call("GET", f"{s3_endpoint}/{key}") == b"mine"


@pytest.fixture
def old_and_new(bucket: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A complete store in a bucket, and on the disk the one that is to replace it."""
    produce(store_path(f"{bucket}/a.zarr"), make_spec(memory_slots=1))  # type: ignore[arg-type]
    with StoreWriter.create(tmp_path / "new.zarr", NEW) as writer:
        fill(writer)
    yield f"{bucket}/a.zarr", tmp_path / "new.zarr"


def fill(writer: StoreWriter) -> None:
    for index in range(30):
        writer.add(make_record(NEW, index))
    writer.finish({})


@pytest.mark.parametrize("copies", [1, 9, None])
def test_a_corrected_store_takes_the_place_of_the_old_one(
    old_and_new: tuple[str, Path], copies: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at any copy, or not at all."""
    import obstore

    url, new = old_and_new
    real, left = obstore.copy, [copies]

    def copy(*arguments: object) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    with StoreCorrection(url, NEW, read_header(url) or {}) as correction:
        assert correction.writer is not None
        fill(correction.writer)
        monkeypatch.setattr(obstore, "copy", copy)
        if copies is None:
            correction.commit()
        else:
            with pytest.raises(KeyboardInterrupt):
                correction.commit()
    if copies is not None:
        left[0] = None
        assert is_mixed(place_of(url))
        with pytest.raises(StoreError, match="took its place"):
            Store.open(url)
        settle(url)
    assert compare(url, new) == []
    assert not [name for name in names(url.removesuffix("/a.zarr")) if "state/" in name]


def test_a_lease_is_lost_while_a_corrected_store_takes_its_place(
    old_and_new: tuple[str, Path], s3_endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore

    from earvid.store import _lease

    monkeypatch.setattr(_lease, "RENEW", 0.1)
    (url, _), copied, real = old_and_new, [], obstore.copy

    def copy(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        copied.append(arguments)
        if len(copied) == 2:
            lose(lease(bucket, s3_endpoint))

    with StoreCorrection(url, NEW, read_header(url) or {}) as correction:
        assert correction.writer is not None
        fill(correction.writer)
        monkeypatch.setattr(obstore, "copy", copy)
        with pytest.raises(StoreError, match="another process may be writing it"):
            correction.commit()
    assert len(copied) == 2 and is_mixed(place_of(url))
