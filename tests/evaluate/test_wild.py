"""Clips without a prompt against what a person says of them."""

import json
import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from earvid.cli.app import app
from earvid.errors import EarvidError
from earvid.evaluate.wild import WildClip, WildReport, WildScore, read_notes, score_store
from earvid.sample import load_truth, sample_path
from earvid.store import FrameRecord, Store, StoreSpec, StoreWriter
from earvid.video import VideoWriter

SIZE = 60


def store_of(path, frames, names, winners=lambda t: 0):
    """A store of square masks: by frame and ear a list of ``(x, y, side)``."""
    ids = tuple(range(1, len(names) + 1))
    spec = StoreSpec(
        "clip.mp4", len(frames), SIZE, SIZE, 25.0, np.arange(len(frames)) / 25, ids, names, (), 0,
        "0" * 64,
    )  # fmt: skip
    with StoreWriter.create(path, spec) as writer:
        for t, ears in enumerate(frames):
            mask = np.zeros((SIZE, SIZE), np.uint8)
            for n, squares in zip(ids, ears, strict=True):
                for x, y, side in squares:
                    mask[y : y + side, x : x + side] = n
            boxes, areas = np.full((4, len(ids)), np.nan, np.float32), []
            for n in ids:
                ys, xs = np.nonzero(mask == n)
                areas.append(len(xs))
                if len(xs):
                    boxes[:, n - 1] = xs.min(), ys.min(), xs.max(), ys.max()
            one = np.ones(len(ids), np.float32)
            writer.add(
                FrameRecord(
                    index=t, mask=mask, proxy=np.zeros((15, 15), np.uint8), box=boxes, score=one,
                    presence=one, area=np.array(areas, np.float32),
                    memory=np.zeros((len(ids), 0), np.int32),
                    duplicate_of=np.array([0] * (len(ids) - 1) + [winners(t)], np.uint8),
                    position=np.zeros((2, 0, len(ids)), np.float32),
                    confidence=np.zeros((0, len(ids)), np.float32),
                    visible=np.zeros((0, len(ids)), np.uint8),
                )
            )  # fmt: skip
        writer.finish({})
    return Store.open(path)


def test_two_ears_that_are_two_are_fine(tmp_path):
    store = store_of(tmp_path / "a.zarr", [[[(5, 5, 10)], [(40, 5, 10)]]] * 6, ("left", "right"))
    clip = WildClip(ears=(2, 2), boxes={"3": [(5, 5, 14, 14), (40, 5, 49, 14)]})
    score = score_store(store, "clip.mp4", clip)
    assert score.is_fine and score.ears == ("left", "right") and score.shreds == 0


@pytest.mark.parametrize("yields", [False, True], ids=["in shreds", "yielding"])
def test_an_ear_that_is_two(tmp_path, yields):
    both = [[(5, 5, 10)], [] if yields else [(7, 7, 6)]]
    winner = (lambda t: 1) if yields else (lambda t: 0)
    store = store_of(tmp_path / "a.zarr", [both] * 6, ("right", "right_2"), winner)
    score = score_store(store, "clip.mp4", WildClip(ears=(1, 1)))
    assert score.two == (("right", "right_2"),) and score.too_many and not score.is_fine
    assert score.shreds == 1


def test_what_is_no_ear_and_an_ear_that_is_missed(tmp_path):
    store = store_of(tmp_path / "a.zarr", [[[(5, 5, 10)], [(40, 40, 10)]]] * 6, ("left", "right"))
    clip = WildClip(ears=(2, 2), boxes={"2": [(5, 5, 14, 14), (40, 5, 49, 14)]})
    score = score_store(store, "clip.mp4", clip)
    assert score.none == ("right",) and score.missed == 1 and not score.is_fine


def test_a_mask_in_crumbs_is_in_shreds(tmp_path):
    crumbs = [(x, y, 4) for x in (5, 15, 25) for y in (5, 15)]
    store = store_of(tmp_path / "a.zarr", [[[(5, 5, 10)]]] * 3 + [[crumbs]], ("left",))
    assert score_store(store, "clip.mp4", WildClip(ears=(1, 1))).shreds == pytest.approx(0.25)


def test_the_sums_of_a_report():
    scores = (
        WildScore("a.mp4", 100, (1, 1), ("left",)),
        WildScore("b.mp4", 100, (1, 2), (), refused="no ear"),
        WildScore("c.mp4", 200, (0, 1), ("left", "left_2"), (("left", "left_2"),), shreds=0.5),
    )
    report = WildReport(scores)
    sums = report.to_dict()
    assert (sums["fine"], sums["with_an_ear_that_is_two"]) == (1, 1)
    assert (sums["too_many"], sums["too_few"], sums["shreds"]) == (1, 1, 0.25)
    told = "\n".join(report.lines())
    assert "1 of 3 clips are fine" in told and "left and left_2 are one; too many" in told


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"clips": {}}', '{"clips": {"a.mp4": {"ears": [1]}}}',
             '{"clips": {"a.mp4": {"ears": [-1, 2]}}}',
             '{"clips": {"a.mp4": {"ears": [1, 2], "boxs": {}}}}'],
)  # fmt: skip
def test_notes_that_make_no_sense_are_told_of_in_a_sentence(tmp_path, text):
    path = tmp_path / "ears.json"
    path.write_text(text)
    with pytest.raises(EarvidError, match=r"ears\.json .*\."):
        read_notes(path)


def test_clips_are_tracked_without_their_prompts_and_told_of(tmp_path):
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    shutil.copy(sample_path(), clips / "ear.mp4")
    (clips / "ear.prompt.json").write_text("this is no prompt, and nobody may ask for it")
    with VideoWriter(clips / "none.mp4", 64, 48) as writer:
        for _ in range(3):
            writer.write(np.full((48, 64, 3), 90, np.uint8))
    masks = load_truth().masks
    frame = 40
    x, y, w, h = cv2.boundingRect(masks[frame].astype(np.uint8))
    boxes = {str(frame): [[x, y, x + w - 1, y + h - 1]]}
    notes = {"clips": {"ear.mp4": {"ears": [1, 1], "boxes": boxes}, "none.mp4": {"ears": [0, 0]}}}
    (clips / "ears.json").write_text(json.dumps(notes))
    arguments = ["evaluate", "wild", str(clips), "--output", str(out), "--json"]
    done = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert done.exception is None, done.output
    report = json.loads((out / "report.json").read_text())
    assert report["fine"] == 2 and (out / "ear.png").is_file()
    assert json.loads(done.stdout) == report
