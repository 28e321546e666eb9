"""What is measured of a store, what is doubted, and what is flagged."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_masks import AWAY, BACK, FRAMES, JUMP, RETURN, ellipse

from earvid.qc import doubt_of, measure, review
from earvid.qc.shapes import overlap, shape_of


def test_measures_are_those_of_the_masks(make_store, doubtful_masks):
    store = make_store(doubtful_masks)
    (ear,) = measure(store)
    assert ear.area.tolist() == [mask.sum() for mask in doubtful_masks]
    np.testing.assert_array_equal(ear.seen, ear.area > 0)
    np.testing.assert_array_equal(ear.area, store.tracks.area[:, 0])
    assert ear.speed[JUMP] == pytest.approx(ear.leap[JUMP] * 25)
    assert np.isnan(ear.overlap[[0, AWAY, RETURN]]).all()
    assert ear.overlap[JUMP] < 0.4 < 0.9 < ear.overlap[JUMP - 1]


def test_long_clips_are_read_in_blocks_and_frames_to_come_left_out(make_store, doubtful_masks):
    said = []
    store = make_store(doubtful_masks, done=50)  # 48 of them are in whole shards
    (ear,) = measure(store, lambda done, total: said.append((done, total)))
    assert said[-1] == (100, 100) and ear.done.sum() == 48 and not ear.seen[48:].any()
    assert np.isnan(ear.score[48:]).all() and doubt_of(ear).total[48:].max() == 0


def test_a_jump_and_an_absence_are_flagged_where_they_are(make_store, doubtful_masks):
    spans = review(make_store(doubtful_masks)).spans
    assert {(one.start, one.stop) for one in spans} == {(JUMP, BACK + 1), (AWAY, RETURN + 1)}
    jump = next(one for one in spans if one.start == JUMP)
    assert spans[0] == jump or spans[1] == jump
    assert any("leaps by" in reason for reason in jump.reasons)
    assert f"from frame {JUMP - 1} to {JUMP}" in " ".join(jump.reasons)
    away = next(one for one in spans if one.start == AWAY)
    assert any("not seen for 0.6 s: frames 70–84" in reason for reason in away.reasons)
    assert any("vanishes in the middle" in reason for reason in away.reasons)
    assert away.is_absence and not jump.is_absence


def test_a_steady_ear_is_not_flagged(make_store):
    store = make_store([ellipse(30 + t, 60) for t in range(100)])
    found = review(store)
    assert found.spans == () and found.doubt == 0 and found.seen == 1
    assert found.score == pytest.approx(0.95) and found.course.max() < 0.05


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"score": lambda t: 0.4 if 20 <= t < 30 else 0.9},
            "less here: 0.40, usually 0.90.",
        ),
        (
            {"presence": lambda t, seen: 0.52 if 20 <= t < 30 else 0.99},
            "(presence 0.52): taken to be in view.",
        ),
        ({"keypoints": ("a", "b"), "visible": lambda t: int(t < 20)}, "Landmarks are lost"),
    ],
)
def test_each_sign_is_told_in_words(make_store, options, words):
    spans = review(make_store([ellipse(60, 60)] * 60, **options)).spans
    assert len(spans) == 1 and spans[0].start == 20 and words in spans[0].reasons[0]


def test_pieces_and_a_change_of_area_are_told(make_store):
    apart = ellipse(60, 60) | ellipse(130, 30, 20, 20)
    masks = [apart if 20 <= t < 30 else ellipse(60, 60) for t in range(60)]
    (span,) = review(make_store(masks)).spans
    said = " ".join(span.reasons)
    assert "lie apart from the rest" in said and "area grows 1.4-fold from frame 19 to 20" in said


def test_an_ear_that_is_never_seen_is_one_span(make_store):
    (span,) = review(make_store([np.zeros((120, 160), np.uint8)] * 30)).spans
    assert (span.start, span.stop) == (0, 30) and "The ear is never seen." in span.reasons
    assert span.level == "high"


def test_of_a_steady_absence_only_the_edges_are_flagged(make_store):
    """Two thirds of the clip without the ear; half of these with a find that is not believed."""
    masks = [ellipse(60, 60)] * 50 + [np.zeros((120, 160), np.uint8)] * 150 + [ellipse(60, 60)] * 50
    presence = lambda t, seen: 0.99 if seen else 0.5 if t < 120 else 0.02  # noqa: E731
    found = review(make_store(masks, presence=presence))
    assert sorted((one.start, one.stop) for one in found.spans) == [(50, 62), (188, 201)]
    said = next(text for text in found.spans[0].reasons if "not seen" in text)
    assert "not believed, so it counts as out of view" in said
    (ear,) = (ear for ear, _ in found.ears)
    assert found.share(ear) == pytest.approx(25 / 250)


def test_a_long_span_is_split_where_there_is_least_doubt(make_store):
    calm = 130
    score = lambda t: 0.55 if abs(t - calm) < 3 else 0.4 if t >= 50 else 0.9  # noqa: E731
    spans = sorted((one.start, one.stop) for one in
                   review(make_store([ellipse(60, 60)] * 240, score=score)).spans)  # fmt: skip
    assert spans[0][0] == 50 and spans[-1][1] == 240
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all(stop - start <= 75 for start, stop in spans)  # 3 s
    assert any(abs(start - calm) < 3 for start, _ in spans)


def test_changes_are_told_plainly(make_store):
    masks = [ellipse(60, 60, 24, 40 if t < 30 else 40 - 2.5 * (t - 29)) for t in range(40)]
    said = " ".join(reason for span in review(make_store(masks)).spans for reason in span.reasons)
    assert re.search(r"Half as large on frame \d+ as within half a second around it\.", said), said
    low = review(make_store(masks[:30], "b.zarr", score=lambda t: 0.4)).spans[0].reasons[0]
    assert low == "The model trusts its mask little, here as elsewhere: 0.40."


def test_keyframes_given_by_hand_are_not_doubted(make_store, doubtful_masks):
    prompt = {"version": 1, "objects": [{"id": 1, "name": "ear", "frames": {str(JUMP): {}}}]}
    (ear,) = measure(make_store(doubtful_masks, provenance={"prompt": prompt}))
    assert ear.prompted[JUMP] and doubt_of(ear).total[JUMP] == 0
    found = {"prompt": prompt, "found": {}}  # by the detector, which may have been wrong
    (ear,) = measure(make_store(doubtful_masks, "b.zarr", provenance=found))
    assert ear.prompted[JUMP] and doubt_of(ear).total[JUMP] > 0.5


def test_no_span_reaches_across_a_keyframe_given_by_hand(make_store):
    prompt = {"version": 1, "objects": [{"id": 1, "name": "ear", "frames": {"20": {}}}]}
    store = make_store([ellipse(60, 60)] * 40, score=lambda t: 0.3, provenance={"prompt": prompt})
    assert sorted((one.start, one.stop) for one in review(store).spans) == [(0, 20), (21, 40)]


def test_the_worst_clip_has_the_most_doubt(make_store, doubtful_masks):
    steady = review(make_store([ellipse(60, 60)] * FRAMES, "a.zarr"))
    doubtful = review(make_store(doubtful_masks, "b.zarr"))
    lost = review(make_store([np.zeros((120, 160), np.uint8)] * FRAMES, "c.zarr"))
    assert steady.doubt < doubtful.doubt < lost.doubt <= 1


boxes = st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12))


@given(boxes, st.integers(-8, 8), st.integers(-8, 8))
def test_a_mask_that_only_moves_overlaps_wholly(box, dx, dy):
    x, y, width, height = box
    before, after = np.zeros((2, 64, 64), np.uint8)
    before[y + 8 : y + 8 + height, x + 8 : x + 8 + width] = 3
    after[y + dy + 8 : y + dy + 8 + height, x + dx + 8 : x + dx + 8 + width] = 3
    one, other = shape_of(before, 3), shape_of(after, 3)
    assert one is not None and other is not None and shape_of(before, 1) is None
    assert overlap(one, other) == 1 and one.area == width * height and one.apart == 0


@given(boxes, boxes)
def test_the_overlap_is_that_of_the_moved_masks(first, second):
    shapes = []
    for x, y, width, height in (first, second):
        mask = np.zeros((64, 64), np.uint8)
        mask[y : y + height, x : x + width] = 1
        shapes.append(shape_of(mask, 1))
    one, other = shapes
    dx, dy = (round(b - a) for a, b in zip(one.center, other.center, strict=True))
    moved = np.zeros((128, 128), bool)
    fixed = np.zeros((128, 128), bool)
    for canvas, shape, x, y in ((moved, one, dx, dy), (fixed, other, 0, 0)):
        height, width = shape.crop.shape
        top, left = shape.top + y + 32, shape.left + x + 32
        canvas[top : top + height, left : left + width] = True
    assert overlap(one, other) == pytest.approx((moved & fixed).sum() / (moved | fixed).sum())
