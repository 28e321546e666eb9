"""Full disks, read-only folders, second writers, damaged bytes."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import store_producer
from store_producer import make_record, make_spec, produce

from earvid.errors import StoreError
from earvid.store import Store, StoreWriter, compare

SPEC = make_spec()


@pytest.fixture
def undisturbed(tmp_path: Path) -> Path:
    produce(tmp_path / "undisturbed.zarr", SPEC)
    return tmp_path / "undisturbed.zarr"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 512 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("small disks are made with Linux's tmpfs")
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


@pytest.mark.parametrize("ballast", [0, 210_000, 350_000, 490_000])
def test_a_disk_that_fills_up(disk: Path, undisturbed: Path, ballast: int) -> None:
    """Wherever the room ends, more of it lets the run go on."""
    (disk / "ballast").write_bytes(bytes(ballast))
    with pytest.raises(StoreError, match=r"The disk of .* is full: make room"):
        produce(disk / "a.zarr", SPEC)
    remount(disk, "size=4m")
    produce(disk / "a.zarr", SPEC)
    assert compare(disk / "a.zarr", undisturbed) == []


def test_a_disk_that_becomes_read_only(disk: Path, undisturbed: Path) -> None:
    remount(disk, "size=4m")
    with StoreWriter.create(disk / "a.zarr", SPEC) as writer:
        for index in range(9):
            writer.add(make_record(SPEC, index))
    remount(disk, "ro")
    for path, attempt in (("a.zarr", StoreWriter.resume), ("b.zarr", StoreWriter.create)):
        with pytest.raises(StoreError, match=f"{path} may not be written to"):
            attempt(disk / path, SPEC)
    assert Store.open(disk / "a.zarr").progress == 8 / 30
    remount(disk, "rw")
    produce(disk / "a.zarr", SPEC)
    assert compare(disk / "a.zarr", undisturbed) == []


def test_a_file_that_may_not_grow(tmp_path: Path, undisturbed: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            produce(tmp_path / "a.zarr", SPEC)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    produce(tmp_path / "a.zarr", SPEC)
    assert compare(tmp_path / "a.zarr", undisturbed) == []


def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(StoreError, match="may not be written to"):
        StoreWriter.create(folder / "a.zarr", SPEC)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match=r"cannot be written .*Not a directory"):
        StoreWriter.create(tmp_path / "file" / "a.zarr", SPEC)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    with (
        StoreWriter.create(path, SPEC) as writer,
        pytest.raises(StoreError, match=f"Process {os.getpid()} is writing"),
    ):
        StoreWriter.resume(path, SPEC)
    writer.close()
    with StoreWriter.resume(path, SPEC):
        pass


def test_the_lock_of_another_process_holds_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    folder = str(Path(store_producer.__file__).parent)
    program = f"""
import sys
sys.path.insert(0, {folder!r})
from store_producer import make_spec
from earvid.store import StoreWriter
with StoreWriter.create({str(path)!r}, make_spec()):
    print("open", flush=True)
    input()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        for attempt in (StoreWriter.resume, StoreWriter.create):
            with pytest.raises(StoreError, match=f"Process {other.pid} is writing .*a.zarr: wait"):
                attempt(path, SPEC)
        other.send_signal(signal.SIGKILL)
    assert (path / "state/lock").read_text().strip() == str(other.pid)
    produce(path, SPEC)
    assert Store.open(path).complete


def write_half(path: Path) -> None:
    """Shard 3 and, staged, some of shard 1; then the bank."""
    with StoreWriter.create(path, SPEC) as writer:
        writer.stage(1, {"results": b"old"})
        writer.stage(1, {"results": b"new"})
        writer.save_state({"bank": b"one", "more": bytes(1000), "": b""})
        writer.save_state({"bank": b"two"})


def test_state_is_what_was_saved_last(tmp_path: Path) -> None:
    write_half(tmp_path / "a.zarr")
    with StoreWriter.resume(tmp_path / "a.zarr", SPEC) as writer:
        assert writer.load_state() == {"bank": b"two"}
        assert writer.load_stage(1) == {"results": b"new"}
        assert writer.load_stage(2) is None
        writer.drop_stage(1)
        writer.drop_stage(2)
        assert writer.load_stage(1) is None
        assert writer.load_state() == {"bank": b"two"}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_state_counts_for_nothing(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_half(tmp_path / "a.zarr")
    file = tmp_path / "a.zarr/state/bank"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes({"flip": bytes(data), "cut": bytes(data[:-1]), "empty": b""}[damage])
    with StoreWriter.resume(tmp_path / "a.zarr", SPEC) as writer:
        with caplog.at_level(logging.WARNING):
            assert writer.load_state() is None
        assert "damaged" in caplog.text
        assert writer.load_stage(1) == {"results": b"new"}
        writer.save_state({"bank": b"three"})
        assert writer.load_state() == {"bank": b"three"}


def test_a_torn_draft_leaves_the_state_before(tmp_path: Path) -> None:
    write_half(tmp_path / "a.zarr")
    (tmp_path / "a.zarr/state/bank.partial").write_bytes(b"earvid sta")
    with StoreWriter.resume(tmp_path / "a.zarr", SPEC) as writer:
        assert writer.load_state() == {"bank": b"two"}
    assert not list((tmp_path / "a.zarr").rglob("*.partial"))


@pytest.mark.parametrize("name", ["labels/ear/mask/c/1/0/0", "tracks/score/c/1/0"])
def test_a_damaged_shard_is_named_and_can_be_written_again(
    tmp_path: Path, undisturbed: Path, name: str
) -> None:
    path = tmp_path / "a.zarr"
    with StoreWriter.create(path, SPEC) as writer:
        for index in range(24):
            writer.add(make_record(SPEC, index))
    (path / name).write_bytes(b"")
    store = Store.open(path)
    with pytest.raises(StoreError, match="cannot be read, so the store is damaged"):
        (store.mask(8), store.tracks)
    produce(path, SPEC)
    assert compare(path, undisturbed) == []


def test_a_missing_array_is_named(undisturbed: Path) -> None:
    shutil.rmtree(undisturbed / "tracks")
    (undisturbed / "zarr.json").write_text(
        (undisturbed / "zarr.json").read_text().replace('"tracks/score"', '"tracks/scores"')
    )
    with pytest.raises(StoreError, match="no tracks/score, so it is damaged"):
        Store.open(undisturbed)
