"""What can go wrong with an export, and that nothing is left behind then."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_store import FRAMES, make

from earvid.errors import EarvidError, StoreError, UsageError
from earvid.export import FORMATS, Selection, export, parse_frames

FILES = [name for name, one in FORMATS.items() if not one.clip]


def name_for(to):
    return "a" + (FORMATS[to].suffix if to != "png" else "")


@pytest.mark.parametrize("to", FORMATS)
def test_what_is_there_is_replaced_only_if_asked(made, tmp_path, to):
    target = tmp_path / name_for(to)

    def write(**options):
        return export(made.store, to, target, picture="matte", **options)

    write()
    before = contents(target)
    with pytest.raises(UsageError, match="is there already"):
        write(selection=Selection(frames=(1,)))
    assert contents(target) == before
    write(selection=Selection(frames=(1,)), overwrite=True)
    assert contents(target).keys() <= before.keys() and contents(target) != before
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def contents(path):
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {file.relative_to(path.parent): file.read_bytes() for file in files}


@pytest.mark.parametrize("to", ["png", "ome-zarr"])
def test_a_folder_that_no_export_made_is_left_alone(made, tmp_path, to):
    target = tmp_path / name_for(to)
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="no export made"):
        export(made.store, to, target, overwrite=True)
    assert contents(target)
    own = make(tmp_path / "own", frames=2)
    if to == "ome-zarr":
        with pytest.raises(UsageError, match="no export made"):
            export(made.store, to, own.path, overwrite=True)


@pytest.mark.parametrize(
    ("to", "name", "words"),
    [
        ("coco", "a.txt", "does not end in .json"),
        ("nii.gz", "a.nii", "does not end in .nii.gz"),
        ("coco", "none/a.json", "does not exist"),
        ("coco", "folder.json", "is a folder"),
        ("png", "file", "is a file"),
        ("tiff", "a.tiff", "choose from coco, csv"),
    ],
)
def test_outputs_that_make_no_sense(made, tmp_path, to, name, words):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=words):
        export(made.store, to, tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("to", FORMATS)
def test_a_full_disk(made, disk, to):
    with pytest.raises(EarvidError, match=r"[Ff]ull|No space"):
        export(made.store, to, disk / name_for(to), picture="matte")
    assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, with no room left."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("small disks are made with Linux's tmpfs")
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    (place / "ballast").write_bytes(bytes(64 * 1024))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("to", ["coco", "sleap", "png", "seg.nrrd", "ome-zarr", "npz"])
def test_memory_does_not_grow_with_the_clip(long, tmp_path, to):
    def write(frames):
        part = Selection(frames=(slice(0, frames),))
        target = tmp_path / name_for(to)
        tracemalloc.start()
        export(long.store, to, target, selection=part, overwrite=True)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    write(2)  # what libraries keep from their first call on
    assert write(110) - write(70) < 0.5 * long.masks[70:110].nbytes  # shards are filled by then


@pytest.mark.parametrize("to", ["coco", "sleap", "nii.gz"])
def test_a_missing_package_is_named_with_its_extra(made, tmp_path, monkeypatch, to):
    monkeypatch.setattr("earvid.export.formats.find_spec", lambda name: None)
    with pytest.raises(EarvidError, match=r"pip install 'earvid\[export\]'"):
        export(made.store, to, tmp_path / name_for(to))
    assert importlib.util.find_spec("earvid") and not list(tmp_path.iterdir())


def test_a_store_that_is_not_complete(tmp_path):
    made = make(tmp_path / "half", ready=6)  # of which the first shard, 4 frames, is on disk
    with pytest.raises(StoreError, match=r"Frame 4 and 5 more .* not been tracked yet"):
        export(made.store, "csv", tmp_path / "a.csv")
    part = Selection(frames=(slice(0, 4),))
    with np.load(export(made.store, "npz", tmp_path / "a.npz", selection=part)) as data:
        assert np.array_equal(data["masks"], made.masks[:4])


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"frames": (FRAMES,)}, "has the frames 0 to 9; frame 10 is not"),
        ({"frames": (slice(4, 12),)}, "the range 4:12 is not among them"),
        ({"frames": (slice(8, 4),)}, "range 8:4"),
        ({"frames": (slice(4, 4),)}, "no frames"),
        ({"frames": ()}, "no frames"),
        ({"ears": ("middle",)}, r"no ear 'middle'; it has left \(3\), right \(7\)"),
        ({"ears": ()}, "no ears"),
        ({"min_score": 0.95}, "No ear of the selection is visible"),
        ({"frames": (4,), "ears": ("left",)}, "No ear of the selection is visible"),
    ],
)
def test_selections_of_nothing(made, tmp_path, selection, words):
    with pytest.raises(UsageError, match=words):
        export(made.store, "npz", tmp_path / "a.npz", selection=Selection(**selection))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["min_score", "min_presence", "min_confidence"])
def test_thresholds_out_of_range(name):
    with pytest.raises(UsageError, match="not between 0 and 1"):
        Selection(**{name: 1.5})


PART = st.one_of(
    st.integers(0, 30),
    st.builds(slice, *[st.none() | st.integers(0, 30)] * 2, st.none() | st.integers(1, 9)),
)


@given(st.lists(PART, min_size=1, max_size=4))
def test_frames_as_people_type_them(parts):
    def text(part):
        if isinstance(part, int):
            return str(part)
        step = "" if part.step is None else f":{part.step}"
        first, last = ("" if end is None else str(end) for end in (part.start, part.stop))
        return f"{first}:{last}{step}"

    assert parse_frames(", ".join(map(text, parts))) == tuple(parts)


@pytest.mark.parametrize("text", ["", "a", "1-3", "-1", "1:2:0", "1,,2", "1:2:3:4", "٣"])
def test_frames_that_make_no_sense(text):
    with pytest.raises(UsageError, match="does not name frames"):
        parse_frames(text)
