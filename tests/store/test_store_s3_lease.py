"""One writer at a time in a bucket: taking, keeping and losing the lease."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zarr
from s3_server import call, lease, lose, names
from store_producer import make_record, make_spec

from earvid.errors import StoreError
from earvid.store import Store, StoreBusyError, StoreWriter, read_header
from earvid.store.place import place_of

SPEC = make_spec()


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are renewed and looked at all the time."""
    from earvid.store import _lease

    monkeypatch.setattr(_lease, "RENEW", 0.1)
    monkeypatch.setattr(_lease, "LOOK", 0.05)


@pytest.mark.usefixtures("brisk")
def test_one_writer_at_a_time(bucket: str) -> None:
    url = f"{bucket}/a.zarr"
    with (
        StoreWriter.create(url, SPEC) as writer,
        pytest.raises(StoreBusyError, match=r"Process \d+ on .* is writing s3://"),
    ):
        StoreWriter.resume(url, SPEC)
    writer.close()
    with StoreWriter.resume(url, SPEC):
        pass


@pytest.mark.usefixtures("brisk")
def test_of_many_that_begin_at_once_one_writes(bucket: str) -> None:
    """Each finds no store; the lease decides, and the others see what was made meanwhile."""
    url, barrier, all_tried = f"{bucket}/a.zarr", threading.Barrier(4), threading.Barrier(4)
    seen = read_header(url)

    def begin(_: int) -> str:
        barrier.wait(100)
        writer, said = None, "writes"
        try:
            writer = StoreWriter.create(url, SPEC, seen=seen)
        except StoreError as error:
            said = str(error)
        finally:
            all_tried.wait(100)  # whoever writes, writes until then
        if writer is not None:
            writer.close()
        return said

    with ThreadPoolExecutor(4) as threads:
        got = list(threads.map(begin, range(4)))
    assert got.count("writes") == 1
    assert all("is writing" in one for one in got if one != "writes")


@pytest.mark.usefixtures("brisk")
def test_the_lease_of_another_machine_expires(
    bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earvid.store import _lease

    monkeypatch.setattr(_lease, "EXPIRES", 1.0)
    url, key = f"{bucket}/a.zarr", lease(bucket, s3_endpoint)
    with StoreWriter.create(url, SPEC):
        held = json.loads(call("GET", key))
    call("PUT", key, json.dumps({**held, "machine": "another", "beat": 1}).encode())
    began = time.monotonic()
    with StoreWriter.resume(url, SPEC):
        assert time.monotonic() - began >= 1.0
        assert json.loads(call("GET", key))["holder"] != held["holder"]


@pytest.mark.usefixtures("brisk")
def test_a_writer_that_lost_its_lease_writes_nothing(bucket: str, s3_endpoint: str) -> None:
    url, key = f"{bucket}/a.zarr", lease(bucket, s3_endpoint)
    with StoreWriter.create(url, SPEC) as writer:
        for index in range(8, 15):
            writer.add(make_record(SPEC, index))
        lose(key)
        with pytest.raises(StoreError, match="another process may be writing it"):
            writer.add(make_record(SPEC, 15))
    assert not Store.open(url).status.any()
    assert call("GET", key) == b'{"holder": "another"}'  # it is not ours to remove


@pytest.mark.usefixtures("brisk")
def test_without_its_lease_a_place_changes_nothing(bucket: str, s3_endpoint: str) -> None:
    """Looked at before every request, whoever makes it."""
    url, key = f"{bucket}/a.zarr", lease(bucket, s3_endpoint)
    with StoreWriter.create(url, SPEC):
        pass
    place = place_of(url)
    lock = place.lock("state/lock")
    place.write("state/bank", [b"ours"])
    root = zarr.open_group(place.zarr(), mode="r+", zarr_format=3)
    lose(key)
    before = names(bucket)
    for change in (
        lambda: place.write("state/bank", [b""]),
        lambda: place.delete("state/bank"),
        lambda: place.clear(""),
        lambda: place.take_over("tracks", "state/replaced", ["labels"]),
        lambda: root.update_attributes({"complete": "by whom?"}),
        lambda: root.create_group("more"),
        lambda: root["tracks/score"].__setitem__(0, 0.0),
    ):
        with pytest.raises(StoreError, match="another process may be writing it"):
            change()
    lock.release()
    assert names(bucket) == before
    assert place.read("state/bank") == b"ours"
    assert "complete" not in zarr.open_group(place.zarr(), mode="r").attrs
    assert not Store.open(url).status.any()


def test_a_lease_that_may_have_expired_is_left_to_expire(
    bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earvid.store import _lease

    lock = place_of(f"{bucket}/a.zarr").lock("state/lock")
    monkeypatch.setattr(_lease, "HOLDS", 0.0)
    lock.release()
    assert json.loads(call("GET", lease(bucket, s3_endpoint)))["host"]


def test_a_request_ends_before_another_may_take_the_lease() -> None:
    """The last attempt begins a pause after the time for retries, at the latest."""
    from earvid.store import _bucket, _lease

    longest = _bucket.RETRIES + _bucket.PAUSE + _bucket.TIMEOUT
    assert _lease.HOLDS + longest.total_seconds() < _lease.EXPIRES
