"""A complete store that another one, which grows beside it, replaces."""

from pathlib import Path

import numpy as np
import pytest
import xarray
from store_producer import make_record, make_spec, produce

from earvid.errors import StoreError
from earvid.store import Store, StoreCorrection, StoreWriter, compare, read_header, settle, swap
from earvid.store.place import place_of

OLD = make_spec(memory_slots=1)
NEW = make_spec(1, object_ids=(1, 2, 3), object_names=("left", "right", "third"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    produce(tmp_path / "clip.zarr", OLD)
    produce(tmp_path / "same.zarr", OLD)
    with StoreWriter.create(tmp_path / "new.zarr", NEW) as writer:
        fill(writer, 30)
    return tmp_path / "clip.zarr"


def fill(writer: StoreWriter, count: int) -> None:
    for index in range(30 - writer.pending, count):
        writer.add(make_record(NEW, index))
    if count == 30:
        writer.finish({})


def test_the_old_one_is_whole_until_the_new_one_takes_its_place(path: Path) -> None:
    with StoreCorrection(path, NEW, read_header(path) or {}) as correction:
        assert correction.writer is not None
        fill(correction.writer, 20)
        assert compare(path, path.with_name("same.zarr")) == []
        assert xarray.open_zarr(path, group="tracks", chunks=None).sizes["individual"] == 2
        with pytest.raises(StoreError, match="is not complete"):
            correction.commit()
        with pytest.raises(StoreError, match="is writing"):
            StoreWriter.create(path, NEW)
    with StoreCorrection(path, NEW, read_header(path) or {}) as correction:
        assert correction.writer is not None
        assert correction.writer.pending == 14  # it goes on after its last whole shard
        fill(correction.writer, 30)
        assert compare(path, path.with_name("same.zarr")) == []
        correction.commit()
    assert compare(path, path.with_name("new.zarr")) == []
    assert xarray.open_zarr(path, group="tracks", chunks=None).sizes["individual"] == 3
    assert {entry.name for entry in path.iterdir()} == {"zarr.json", "labels", "proxy", "tracks"}


def test_another_correction_begins_anew(path: Path) -> None:
    other = make_spec(2)
    with StoreCorrection(path, other, read_header(path) or {}) as correction:
        assert correction.writer is not None
        correction.writer.add(make_record(other, 0))
    (path / "state" / "correction" / "zarr.json").write_text("{")  # whatever became of it
    with StoreCorrection(path, NEW, read_header(path) or {}) as correction:
        assert correction.writer is not None and correction.writer.pending == 30


def test_a_store_that_changed_since_is_not_corrected(path: Path) -> None:
    seen = read_header(path) or {}
    with StoreWriter.create(path, make_spec(2)):
        pass
    with pytest.raises(StoreError, match="in the meantime"), StoreCorrection(path, NEW, seen):
        pass
    assert not (path / "state").exists()


@pytest.mark.parametrize("moves", range(1, 9))
def test_stopped_at_any_step_of_the_move_it_is_brought_to_its_end(
    path: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreCorrection(path, NEW, read_header(path) or {}) as correction:
        assert correction.writer is not None
        fill(correction.writer, 30)
    with monkeypatch.context() as patch:
        stop_after(patch, moves)
        with (
            pytest.raises(KeyboardInterrupt),
            StoreCorrection(path, NEW, read_header(path) or {}) as correction,
        ):
            assert correction.writer is None
            correction.commit()
    if swap.is_mixed(place_of(path)):
        with pytest.raises(StoreError, match="took its place"):
            Store.open(path)
    else:
        assert moves == 8 and len(Store.open(path).object_ids) == 3
    settle(path)
    settle(path)
    assert compare(path, path.with_name("new.zarr")) == []
    assert not (path / "state").exists()
    np.testing.assert_array_equal(Store.open(path).mask(3), make_record(NEW, 3).mask)


def stop_after(patch: pytest.MonkeyPatch, moves: int) -> None:
    """Stop before the n-th move of a part, of which there are seven, or after the last."""
    left = [moves]

    def counted(name: str) -> None:
        real = getattr(Path, name)

        def move(self: Path, target: Path) -> Path:
            if self.name in (*swap.PARTS, "zarr.json"):
                left[0] -= 1
                if not left[0]:
                    raise KeyboardInterrupt
            return real(self, target)

        patch.setattr(Path, name, move)

    counted("rename")
    counted("replace")
    real_clear = swap.StateFolder.clear

    def clear(self: swap.StateFolder) -> None:
        if left[0] == 1:
            raise KeyboardInterrupt
        real_clear(self)

    patch.setattr(swap.StateFolder, "clear", clear)
