"""Writers that are killed, for good, at random moments."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from store_killed import run_and_kill, run_until
from store_producer import make_spec, produce

from earvid.store import Decision, Store, StoreWriter, compare, decide

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("undisturbed") / "clip.earvid.zarr"
    produce(path, make_spec())
    return path


def assert_done_frames_are_right(path: Path, undisturbed: Path) -> None:
    store, whole = Store.open(path), Store.open(undisturbed)
    for index in np.flatnonzero(store.status):
        np.testing.assert_array_equal(store.mask(index), whole.mask(index))
        np.testing.assert_array_equal(store.proxy[index], whole.proxy[index])
        np.testing.assert_array_equal(store.tracks.position[index], whole.tracks.position[index])


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_resumed_it_is_as_if_nothing_had_happened(
    tmp_path: Path, undisturbed: Path, seed: int
) -> None:
    path, chance = tmp_path / "clip.earvid.zarr", random.Random(seed)
    for _ in range(4):
        # A step takes about as long as a shard does; so the kill lands in all parts of one.
        if run_and_kill(path, chance.randint(5, 14), chance.uniform(0, 0.01)):
            break
        assert_done_frames_are_right(path, undisturbed)
    produce(path, make_spec())
    assert compare(path, undisturbed) == []
    assert not list(path.rglob("*.partial")) and not (path / "state").exists()


def test_killed_while_it_begins(tmp_path: Path, undisturbed: Path) -> None:
    path, chance = tmp_path / "clip.earvid.zarr", random.Random(7)
    for _ in range(4):
        if run_and_kill(path, 1, chance.uniform(0, 0.08)):
            break
        assert decide(path, make_spec().fingerprint) in (Decision.CREATE, Decision.RESUME)
    produce(path, make_spec())
    assert compare(path, undisturbed) == []


def create(path: Path) -> None:
    StoreWriter.create(path, make_spec())


def write(path: Path) -> None:
    produce(path, make_spec())


@pytest.mark.parametrize(
    ("name", "turn"),
    [
        ("zarr.json", 1),  # before anything was changed
        ("tracks", 1),  # while the old arrays go
        ("labels/ear/zarr.json", 1),  # while the new ones come
        ("zarr.json", 2),  # before they are declared whole
    ],
)
def test_nothing_of_a_replaced_store_survives(
    tmp_path: Path, undisturbed: Path, name: str, turn: int
) -> None:
    path = tmp_path / "clip.earvid.zarr"
    produce(path, make_spec(1))
    run_until(path, name, turn, create)
    if (name, turn) == ("zarr.json", 1):
        assert decide(path, make_spec(1).fingerprint) is Decision.SKIP
        with StoreWriter.create(path, make_spec()):
            pass
    assert decide(path, make_spec().fingerprint) is Decision.RESUME
    with StoreWriter.resume(path, make_spec()) as writer:
        assert writer.pending == 30
    produce(path, make_spec())
    assert compare(path, undisturbed) == []


def test_killed_while_it_finishes(tmp_path: Path, undisturbed: Path) -> None:
    """The state is gone and the store is not declared complete: nothing is tracked again."""
    path = tmp_path / "clip.earvid.zarr"
    run_until(path, "zarr.json", 3, write)
    assert not Store.open(path).complete
    steps: list[None] = []
    produce(path, make_spec(), lambda: steps.append(None))
    assert not steps
    assert compare(path, undisturbed) == []


@pytest.mark.parametrize("name", ["labels/ear/mask/c/2/0/0", "tracks/status/c/0", "state/bank"])
def test_killed_while_a_file_is_written(tmp_path: Path, undisturbed: Path, name: str) -> None:
    path = tmp_path / "clip.earvid.zarr"
    run_until(path, name, 1, write)
    assert_done_frames_are_right(path, undisturbed)
    produce(path, make_spec())
    assert compare(path, undisturbed) == []
