"""Which clips a batch has, and how they are shared out."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import ear_box, ten_clips, write_manifest
from hypothesis import given
from hypothesis import strategies as st

from earvid.batch import Batch, Entry, TrackJob, gather, read_manifest, shard
from earvid.batch.prompts import given_prompt
from earvid.errors import PromptError, UsageError
from earvid.pipeline import TrackSettings
from earvid.sample import sample_path


def names(entries):
    return [entry.clip.name for entry in entries]


def test_a_manifest_with_paths_from_its_folder(tmp_path, monkeypatch):
    folder = tmp_path / "day 1"
    folder.mkdir()
    rows = [("a.mp4", "p/a.json"), ("b.mp4", "1,2,30,40", 7, "out/b.zarr"), ("c.mp4",)]
    first, second, third = read_manifest(write_manifest(folder / "m.csv", rows))
    assert first.clip == folder / "a.mp4" and first.store == folder / "a.earvid.zarr"
    assert (second.prompt, second.keyframe) == ("1,2,30,40", 7)
    assert second.store == folder / "out/b.zarr" and second.problem is None
    assert (third.prompt, third.keyframe, third.output) == (None, None, None)


def test_columns_in_any_order_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("﻿output,clip\n,a.mp4\n\nb.zarr, c.mp4 \n", encoding="utf-8")
    assert [(e.clip.name, e.store.name) for e in read_manifest(path)] == [
        ("a.mp4", "a.earvid.zarr"),
        ("c.mp4", "b.zarr"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("", "no column clip"),
        ("clip\n", "has no clips"),
        ("video,prompt\na.mp4,\n", "unknown column 'video'"),
        ("prompt\nb.json\n", "no column clip"),
        (b"clip\n\xff\xfe.mp4\n", "cannot be read"),
        ('clip\n"a.mp4\n', "cannot be read"),
        ("clip\na.mp4\na.mp4\n", "would share the store"),
    ],
)
def test_manifests_that_make_no_sense(tmp_path, text, words):
    path = tmp_path / "m.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=words):
        gather([path])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",p.json,,", "line 2 names no clip"),
        ("a.mp4,1,2,30,40", "more cells than there are columns"),
        ('a.mp4,"1,2,30,40",soon,', "keyframe 'soon'"),
        ("a.mp4,,4,", "keyframe but no prompt"),
    ],
)
def test_a_line_that_makes_no_sense_fails_alone(tmp_path, line, words):
    path = tmp_path / "m.csv"
    path.write_text(f"clip,prompt,keyframe,output\n{line}\n{sample_path()},{sample_json()}\n")
    bad, good = Batch(gather([path]), TrackJob(TrackSettings())).look()
    assert bad.state == "failed" and words in bad.error
    assert good.state == "create"


def sample_json():
    return sample_path("ear.prompt.json")


def test_folders_patterns_and_clips(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4", "b.overlay.mp4", "b.labels/1.png",
                 "frames/1.png", "b.earvid.zarr/zarr.json", "deep/c.mp4"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(gather([tmp_path])) == ["a.MOV", "b.mp4", "frames"]
    assert names(gather([tmp_path / "*.mp4"])) == ["b.mp4"]
    assert names(gather([tmp_path / "**/*.mp4"])) == ["b.mp4", "c.mp4"]
    assert names(gather([tmp_path / "b.mp4", tmp_path / "frames"])) == ["b.mp4", "frames"]
    assert names(gather([tmp_path / "gone.mp4"])) == ["gone.mp4"]
    with pytest.raises(UsageError, match="Nothing matches"):
        gather([tmp_path / "*.avi"])
    (tmp_path / "void").mkdir()
    with pytest.raises(UsageError, match="holds no clips"):
        gather([tmp_path / "void"])


def test_pictures_beside_videos_are_no_clip(tmp_path):
    """Such as contact sheets, in the folder, in one below it, and for a pattern."""
    for name in ("b.mp4", "a.mov", "a.png", "candidates.png", "._c.png", "deep/c.mp4", "deep/c.png",
                 "frames/1.png", "frames/all.overlay.mp4"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told = []
    assert names(gather([tmp_path], told=told.append)) == ["a.mov", "b.mp4", "frames"]
    assert told == [f"{tmp_path}: 2 videos; 2 images ignored"]
    deep = tmp_path / "deep" / "*"
    assert names(gather([deep], told=told.append)) == ["c.mp4"]
    assert told[1:] == [f"{deep}: 1 video; 1 image ignored"]
    assert names(gather([tmp_path / "frames", tmp_path / "a.png"], told=told.append)) == [
        "frames",
        "a.png",
    ]
    assert len(told) == 2


def test_prompts_of_every_kind(tmp_path):
    def prompt(text, keyframe=None):
        entry = Entry(tmp_path / "a.mp4", text, keyframe, folder=tmp_path)
        return given_prompt(entry)

    assert prompt(None) is None
    (tmp_path / "a.prompt.json").write_bytes(sample_json().read_bytes())
    assert prompt(None).objects[0].name == prompt("a.prompt.json").objects[0].name == "right"
    frame = prompt("1,2,30,40", 7).objects[0].frames[7]
    assert frame.box == (1, 2, 30, 40)
    assert prompt("15,20").objects[0].frames[0].points.tolist() == [[15, 20]]
    with pytest.raises(PromptError, match="leave the column keyframe empty"):
        prompt("a.prompt.json", 3)
    with pytest.raises(PromptError, match="no prompt file"):
        prompt("left ear")
    for missing in ("none.png", "none.pts", "none.json"):
        with pytest.raises(PromptError, match="none"):
            prompt(missing)


@given(st.integers(1, 40), st.integers(1, 12))
def test_shards_have_every_clip_once(count, jobs):
    entries = [Entry(Path(f"{n}.mp4")) for n in range(count)]
    parts = [shard(entries, f"{job}/{jobs}") for job in range(1, jobs + 1)]
    assert sorted(names(sum(parts, ()))) == sorted(names(entries))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", ""])
def test_shards_that_make_no_sense(text):
    with pytest.raises(UsageError, match="is no shard"):
        shard([Entry(Path("a.mp4"))], text)


def test_a_dry_run_touches_nothing(tmp_path, good):
    manifest, sentences = ten_clips(tmp_path, good)
    before = sorted(tmp_path.rglob("*"))
    results = Batch(gather([manifest]), TrackJob(TrackSettings())).look()
    check_states(results, sentences, "create")
    assert sorted(tmp_path.rglob("*")) == before
    assert ear_box()


def check_states(results, sentences, state):
    for result, sentence in zip(results, sentences, strict=True):
        if sentence is None:
            assert (result.state, result.error) == (state, None)
        else:
            assert result.state == "failed" and sentence in result.error
