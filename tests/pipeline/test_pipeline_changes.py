"""What a changed prompt changes, and what is no correction."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earvid.errors import StoreError
from earvid.pipeline.absences import all_fills
from earvid.pipeline.changes import find_changes, plan_fills
from earvid.pipeline.origin import Origin
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt

HERE, THERE = (FramePrompt(box=(x, 1.0, x + 8, 9.0)) for x in (1.0, 20.0))


def ear(object_id: int, frames: dict[int, FramePrompt]) -> ObjectPrompt:
    return ObjectPrompt(id=object_id, name=f"ear-{object_id}", frames=frames)


def changes(before: Prompt, after: Prompt, *earlier: str):
    lineage = Origin({}, before).lineage(earlier)
    return find_changes(Path("s.zarr"), lineage, after)


@given(
    kept=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    new=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    count=st.integers(60, 70),
)
def test_every_frame_between_the_neighbors_of_a_new_keyframe_is_tracked_once(kept, new, count):
    new = new - kept or {next(t for t in range(60) if t not in kept)}
    before = Prompt((ear(1, dict.fromkeys(kept, HERE)),))
    after = Prompt((ear(1, dict.fromkeys(kept | new, HERE)),))
    tracked = [t for fill in plan_fills(after, changes(before, after), count) for t in fill.frames]
    expected = set()
    for k in new:
        left = max((t for t in kept if t < k), default=-1)
        right = min((t for t in kept if t > k), default=count)
        expected |= set(range(left + 1, right))
    assert sorted(tracked) == sorted(expected)


def test_one_ear_of_two_another_prompt_and_a_new_ear():
    left, right = ear(1, {5: HERE, 20: HERE}), ear(2, {8: HERE})
    moved = ear(1, {5: HERE, 20: THERE})
    found = changes(Prompt((left, right)), Prompt((moved, right)))
    assert found.keyframes == {1: (20,)} and found.corrected == {20} and found.added == {1: ()}
    fills = plan_fills(Prompt((moved, right)), found, 30)
    assert [f.frames for f in fills] == [range(20, 30), range(19, 5, -1)]
    third = ear(3, {4: HERE, 9: THERE})
    found = changes(Prompt((left, right)), Prompt((left, right, third)))
    assert found.keyframes == {3: (4, 9)} and found.corrected == {9}
    fills = plan_fills(Prompt((left, right, third)), found, 30)
    assert [f.frames for f in fills] == [range(4, 9), range(3, -1, -1), range(9, 30)]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ((ear(1, {5: HERE, 20: HERE}),), "object 2 is missing"),
        ((ear(1, {5: HERE, 21: HERE}), ear(2, {8: HERE})), "frame 20 of ear-1 is missing"),
        ((ear(1, {5: HERE, 20: HERE}), ear(2, {8: THERE})), "those of ear-2 differ"),
    ],
)
def test_another_prompt_is_no_correction(after, words):
    before = Prompt((ear(1, {5: HERE, 20: HERE}), ear(2, {8: HERE})))
    with pytest.raises(StoreError, match=f"s.zarr was made from another prompt.*{words}.*overwr"):
        changes(before, Prompt(after))


def test_a_prompt_from_before_a_correction_does_not_undo_it():
    first = Prompt((ear(1, {5: HERE}),))
    second = Prompt((ear(1, {5: HERE, 9: HERE}),))
    third = Prompt((ear(1, {5: HERE, 9: THERE}),))
    with pytest.raises(StoreError, match="was corrected since it had this prompt"):
        changes(third, second, first.digest(), second.digest())


RANGE = st.tuples(st.integers(0, 38), st.integers(1, 9)).map(
    lambda one: (one[0], min(40, sum(one)))
)


@dataclass
class Made:
    """What is asked of a store: where an ear was seen, and what its masks were conditioned on."""

    keyframes: set[int]
    seen: set[int]
    backwards: bool
    object_ids = (1,)

    def __len__(self) -> int:
        return 40

    @property
    def tracks(self):
        area = np.array([[float(t in self.seen)] for t in range(40)])
        memory = np.full((40, 1, 3), -1)
        for t in range(40):
            first, last = min(self.keyframes), max(self.keyframes)
            back = t < first or (self.backwards and t < last)
            memory[t, 0] = [first, t + 1 if back else t - 1, t + 2 if back else t - 2]
        return SimpleNamespace(area=area, memory=memory, duplicate_of=np.zeros_like(area, np.uint8))


def frames_of(ranges):
    return {t for start, stop in ranges for t in range(start, stop)}


def test_a_keyframe_that_was_taken_back_says_nothing_of_the_direction():
    """Masks that were made while it was there still name it among their memories."""

    class Corrected(Made):
        @property
        def tracks(self):
            tracks = super().tracks
            tracks.memory[:, 0, 2] = 20  # which was a keyframe then
            return tracks

    store = Corrected({5, 15}, set(range(40)), False)
    before = Prompt((replace(ear(1, {5: HERE, 15: HERE}), absent=((18, 24),)),))
    after = Prompt((replace(before.objects[0], absent=((9, 11), (18, 24))),))
    fills = all_fills(store, after, changes(before, after))
    assert [(fill.keyframe, list(fill.kept)) for fill in fills] == [(5, list(range(9, 15)))]


@given(
    keyframes=st.sets(st.integers(0, 39), min_size=1, max_size=3),
    then=st.lists(RANGE, max_size=2),
    now=st.lists(RANGE, max_size=2),
    seen=st.sets(st.integers(0, 39)),
    backwards=st.booleans(),
)
def test_what_follows_from_an_absence_is_tracked_once_and_nothing_before_it(
    keyframes, then, now, seen, backwards
):
    old, new = frames_of(then) - keyframes, frames_of(now) - keyframes
    absent = [tuple((t, t + 1) for t in sorted(frames)) for frames in (old, new)]
    before, after = (
        Prompt((replace(ear(1, dict.fromkeys(keyframes, HERE)), absent=one),)) for one in absent
    )
    store = Made(keyframes, seen - old, backwards)
    found = changes(before, after)
    assert found.gone.get(1, set()) == new - old and found.back.get(1, set()) == old - new
    fills = all_fills(store, after, found)
    tracked = [t for fill in fills for t in fill.kept]
    assert len(tracked) == len(set(tracked)) and set(tracked) >= (new - old) | (old - new)
    borders = sorted({-1, 40, *keyframes})
    for left, right in pairwise(borders):
        back = left < 0 or (backwards and right < 40)
        order = range(left + 1, right)[:: -1 if back else 1]
        cause = [t for t in order if t in old - new or (t in new - old and t in store.seen)]
        follows = [t for t in order if cause and order.index(t) >= order.index(cause[0])]
        if all(t in new for t in follows):
            follows = []
        expected = set(follows) | ((new - old) & set(order))
        assert expected == set(tracked) & set(order)
    for fill in fills:
        assert (fill.keyframe is None) == (set(fill.kept) <= new)
        if fill.keyframe is not None:
            assert fill.frames[0] in (fill.keyframe, fill.keyframe - 1)
            assert not set(fill.frames[1:]) & keyframes
