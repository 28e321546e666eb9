"""Measures of memory policies, on sequences of masks whose scores are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from earvid.errors import UsageError
from earvid.evaluate.memory import MemoryPlan, judge_clip
from earvid.evaluate.memory_clips import ClipFrame
from earvid.evaluate.memory_plot import plot_memory
from earvid.evaluate.memory_report import ClipResult, FurtherEar, MemoryReport
from earvid.evaluate.memory_scores import Judge, clip_quality, in_time
from earvid.evaluate.memory_scripts import make_clip
from earvid.tracker import FrameResult, MemoryBank, MemoryEntry, ObjectResult, Roi
from earvid.train import Still

SIZE = (60, 80)
EMPTY = np.zeros(SIZE, bool)
LEFT, RIGHT = EMPTY.copy(), EMPTY.copy()
LEFT[20:40, 5:25] = RIGHT[20:40, 50:70] = True


def truth(t, first, second=EMPTY, others=()):
    ears = {1: first, 2: second}
    return ClipFrame(
        t,
        np.zeros((*SIZE, 3), np.uint8),
        ears,
        {i: float(m.any()) for i, m in ears.items()},
        others,
    )


def judged(frames, masks):
    """Scores of masks ``(first, second)`` against frames."""
    judge = Judge((1, 2))
    for frame, (first, second) in zip(frames, masks, strict=True):
        judge.add(frame, np.where(first, 1, np.where(second, 2, 0)).astype(np.uint8))
    return judge.scores()


def crossing(length=12):
    """Two ears that change places in the middle."""
    places = [(LEFT, RIGHT) if t < length // 2 else (RIGHT, LEFT) for t in range(length)]
    return [truth(t, *pair) for t, pair in enumerate(places)], places


def away(before=4, gone=8, back=30):
    """An ear that goes and returns elsewhere."""
    places = [LEFT] * before + [EMPTY] * gone + [RIGHT] * back
    return [truth(t, place) for t, place in enumerate(places)], places


def test_a_perfect_tracker():
    frames, places = crossing()
    scores = judged(frames, places)
    assert clip_quality(scores) == 1 and np.isnan(clip_quality(scores, after=True))
    assert [s.swaps for s in scores.values()] == [0, 0]
    frames, places = away()
    scores = judged(frames, [(place, EMPTY) for place in places])
    assert scores[1].found == [0] and not scores[1].painted_absent.any()
    assert len(scores[1].painted_absent) == 8 and clip_quality(scores, after=True) == 1
    assert scores[2].found == [] and np.isnan(clip_quality({2: scores[2]}))


def test_a_tracker_that_swaps_two_ears():
    frames, places = crossing()
    scores = judged(frames, [places[0]] * len(frames))
    assert [s.swaps for s in scores.values()] == [1, 1]
    assert clip_quality(scores) == 0.5
    flicker = [places[0 if t == 8 else t] for t in range(12)]
    assert judged(frames, flicker)[1].swaps == 0 and judged(frames, flicker)[1].taken.sum() == 1


def test_a_tracker_that_takes_another_ear_for_the_absent_one():
    frames = [truth(t, EMPTY if t else LEFT, others=(RIGHT,)) for t in range(6)]
    scores = judged(frames, [(LEFT if t == 0 else RIGHT, EMPTY) for t in range(6)])
    assert scores[1].swaps == 1 and scores[1].painted_absent.all()
    # A mask that only touches another's ear is no swap.
    touching = np.roll(RIGHT, 15, axis=0)
    assert judged(frames, [(touching, EMPTY)] * 6)[1].swaps == 0


def test_a_tracker_that_always_paints():
    frames, _ = away()
    scores = judged(frames, [(LEFT, EMPTY)] * len(frames))
    assert scores[1].painted_absent.all() and scores[1].found == [None]
    assert clip_quality(scores, after=True) == 0 and clip_quality(scores) == pytest.approx(4 / 34)


@pytest.mark.parametrize(("late", "hits"), [(0, 1), (10, 1), (11, 0)])
def test_a_tracker_that_finds_late(late, hits):
    frames, places = away()
    masks = [(EMPTY if 12 <= t < 12 + late else place, EMPTY) for t, place in enumerate(places)]
    found = judged(frames, masks)[1].found
    assert found == [late] and in_time(found) == hits


def test_short_gaps_are_no_returns():
    frames, places = away(gone=4)
    assert judged(frames, [(place, EMPTY) for place in places])[1].found == []


class Oracle:
    """A session that knows the truth of the frames it is given, and paints what it is told to."""

    def __init__(self, prompt, paints, grows=False):
        self._ids, self._paints, self._grows = [ear.id for ear in prompt.objects], paints, grows
        self.tracks = {i: SimpleNamespace(bank=MemoryBank(1)) for i in self._ids}

    def step(self, frame):
        for track in self.tracks.values():
            if self._grows or frame.index < 3:
                entry = MemoryEntry(frame.index, None, torch.zeros(1, 8), 1.0, 1.0, 1.0)
                track.bank.recent[frame.index] = entry
        return FrameResult(frame.index, {i: self._result(frame, i) for i in self._ids})

    def _result(self, frame, object_id):
        mask = self._paints(frame, object_id)
        roi = Roi.whole(mask.shape[1], mask.shape[0])
        logits = np.where(mask, 5, -5).astype(np.float32)
        return ObjectResult(
            object_id, frame.index, logits, roi, 1.0, 1.0, bool(mask.any()), (), False
        )


def true_mask(frame, object_id):
    return frame.ears[object_id]


def after_crossing_the_other(frame, object_id):
    return frame.ears[object_id if frame.index < 60 else 3 - object_id]


def everything(frame, object_id):
    return np.ones(frame.image.shape[:2], bool)


@pytest.fixture(scope="module")
def material():
    from earvid.evaluate.memory_material import PhotoMaterial

    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    ear = np.zeros((200, 200), np.uint8)
    ear[60:150, 70:130] = 255
    return PhotoMaterial([Still(f"own/p{n}_a", image, (ear,)) for n in range(3)])


def tracked(material, kind, paints, **settings):
    def session(model, prompt, width, height, frame_count, policy):
        return Oracle(prompt, paints, **settings)

    clip = make_clip(kind, 0, material)
    results = judge_clip(torch.nn.Linear(1, 1), clip, ["fifo"], session)
    return MemoryReport(tuple(results), {"fifo": FurtherEar(1, 1)}, FurtherEar(1, 0.5))


def test_a_whole_clip_of_a_perfect_tracker(material):
    row = tracked(material, "occlusion", true_mask).row("fifo", "occlusion")
    assert row.j_and_f == row.j_and_f_after_return == 1
    assert row.returns == row.found_within_10 == 2 and row.swapped_clips == 0
    assert row.false_presence == 0 and row.absent_frames > 20
    assert row.bank_bytes == 3 * 32 and row.bank_full_at == 2


def test_a_whole_clip_of_a_tracker_that_always_paints(material):
    row = tracked(material, "occlusion", everything, grows=True).row("fifo")
    assert row.false_presence == 1 and row.found_within_10 == 0 and row.j_and_f < 0.3
    assert row.bank_full_at > 100  # it grew to the end, and that can be seen


def test_a_whole_clip_of_a_tracker_that_swaps(material):
    report = tracked(material, "crossing", after_crossing_the_other)
    assert report.row("fifo").swapped_clips == 1
    assert report.to_dict()["clips"][0]["swaps"] == 2


def result(policy, kind, masks):
    frames, _ = away()
    scores = judged(frames, [(mask, EMPTY) for mask in masks])
    return ClipResult(policy, kind, f"{kind} 1", 42, {1: scores[1]}, 30.0, 2048, 20)


@pytest.fixture
def report():
    _, places = away()
    results = [
        result(policy, kind, masks)
        for kind in ("reentry", "long")
        for policy, masks in (("fifo", [LEFT] * 42), ("gated", places))
    ]
    further = {"fifo": FurtherEar(30, 28.04), "gated": FurtherEar(30, 27)}
    return MemoryReport(tuple(results), further, FurtherEar(30, 9))


def test_the_table_for_people_and_for_programs(report):
    text = report.to_text()
    head, fifo, gated = text.splitlines()[:3]
    assert head.split()[:3] == ["clips", "policy", "J&F"]
    assert fifo.split() == "2 all fifo 0.118 0.000 0/2 100.0 % 0 30.0 2 20 28.0".split()
    assert gated.split() == "2 all gated 1.000 1.000 2/2 0.0 % 0 30.0 2 20 27.0".split()
    assert "takes 9.0 ms beside 30.0 ms" in text
    lines = report.to_csv().splitlines()
    assert len(lines) == 1 + 3 * 2 and lines[0].startswith("policy,kind,clips,j_and_f,")
    assert lines[2].startswith("gated,all,2,1.0,1.0,2,2,16,0.0,0,30.0,2048,20")
    document = report.to_dict()
    assert [row["kind"] for row in document["table"]] == ["all"] * 2 + ["reentry"] * 2 + [
        "long"
    ] * 2
    assert document["clips"][0]["frames_until_found"] == [None]
    assert document["ms_of_a_further_ear"]["same_crop"] == {"first": 30, "further": 9}


def test_the_plot_is_a_picture(report, tmp_path):
    pytest.importorskip("matplotlib")
    plot_memory(report, tmp_path / "m.png")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_plans_refuse_what_is_not_there(material):
    with pytest.raises(UsageError, match="policy 'lifo'"):
        MemoryPlan(policies=("lifo",))
    with pytest.raises(UsageError, match="kind of clip 'rain'"):
        MemoryPlan(kinds=("rain",))
    plan = MemoryPlan(kinds=("clean", "long"), clips=3)
    assert [clip.name for clip in plan.make(material)] == [
        "clean 1",
        "clean 2",
        "clean 3",
        "long 1",
    ]
