"""Each policy's own rules, on entries made by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_entries import REGION, entry, remember

from earvid.tracker import Candidates, MemoryBank, Moment, policy
from earvid.tracker.candidates import box_iou, extent
from earvid.tracker.policies.base import nearest_keyframes
from earvid.tracker.policies.kalman import BoxMotion


def begun(direction=1, *keyframes):
    return MemoryBank(direction, {k: entry(k) for k in keyframes or (0,)})


def frames(chosen):
    return [e.index for _, e in sorted(chosen.items())]


def masks(*boxes):
    drawn = np.zeros((len(boxes), 32, 32), bool)
    for mask, (x0, y0, x1, y1) in zip(drawn, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return drawn


# --- keyframes -------------------------------------------------------------------------------


def test_the_nearest_keyframe_on_either_side_comes_before_nearer_ones_behind():
    bank = begun(1, 10, 20, 28, 90)
    assert list(nearest_keyframes(bank, 30, 2)) == [28, 90]
    assert list(nearest_keyframes(bank, 30, 3)) == [20, 28, 90]
    assert list(nearest_keyframes(bank, 5, 1)) == [10]
    back = begun(-1, 10, 20, 28, 90)
    assert list(nearest_keyframes(back, 30, 1)) == [90]


# --- gated -----------------------------------------------------------------------------------


@given(presence=st.floats(-20, 20), score=st.floats(0, 1))
def test_a_frame_is_worth_presence_times_iou(presence, score):
    sigmoid = 1 / (1 + math.exp(-presence))
    expected = (2 * sigmoid - 1) * score if presence > 0 else 0
    worth = policy("gated").worth(entry(1, presence=presence, score=score))
    assert worth == pytest.approx(expected, abs=1e-12)


def test_gated_passes_over_worthless_frames_but_not_the_one_just_before():
    bank, gated = begun(), policy("gated")
    shown = [remember(gated, bank, entry(t, presence=8)) for t in range(1, 9)]
    remember(gated, bank, *(entry(t, presence=-8) for t in range(9, 13)))
    assert all(shown)
    chosen = gated.select(bank, Moment(13))
    assert frames(chosen.maps) == [12, 8, 7, 6, 5, 4]
    assert frames(chosen.pointers) == [12, 8, 7, 6, 5, 4, 3, 2, 1]
    later = gated.select(bank, Moment(14))  # 13 could not be decoded: 12 is not just before
    assert frames(later.maps) == [8, 7, 6, 5, 4, 3]


def test_gated_remembers_through_any_absence():
    bank, gated = begun(), policy("gated")
    remember(gated, bank, *(entry(t) for t in range(1, 31)))
    remember(gated, bank, *(entry(t, presence=-3) for t in range(31, 500)))
    chosen = gated.select(bank, Moment(500))
    assert frames(chosen.maps) == [499, 30, 29, 28, 27, 26]
    assert frames(chosen.pointers) == [499, *range(30, 16, -1)]


# --- self-sorting ----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 6))
def test_a_full_bank_trades_by_variety_and_iou(seed, size):
    rng = np.random.default_rng(seed)
    sorting, bank = policy("self-sorting", size=size), begun()
    members = [
        entry(t, vector=tuple(rng.normal(size=3)), score=float(rng.random()))
        for t in range(1, size + 1)
    ]
    new = entry(99, vector=tuple(rng.normal(size=3)), score=float(rng.random()))
    assert remember(sorting, bank, *members) == list(range(1, size + 1))

    unit = [e.features.float().flatten().numpy() for e in (*members, new)]
    unit = [v / np.linalg.norm(v) for v in unit]
    cos = np.array([[a @ b for b in unit] for a in unit])
    i = int(np.argmin(cos[-1, :-1]))
    j = max((k for k in range(size) if k != i), key=lambda k: cos[i, k])
    trades = cos[-1, i] < cos[i, j] and new.score > members[j].score - 0.1
    remember(sorting, bank, new)
    left = set(range(1, size + 1))
    assert set(bank.recent) == (left - {j + 1} | {99} if trades else left)


def test_the_members_most_like_the_image_are_read_in_order_of_time():
    sorting, bank = policy("self-sorting", maps=3, size=4), begun()
    signatures = {1: (1.0, 0.0), 2: (0.0, 1.0), 3: (0.9, 0.1), 4: (-1.0, 0.0)}
    for t, vector in signatures.items():
        remember(sorting, bank, entry(t, signature=torch.tensor(vector)))
    chosen = sorting.select(bank, Moment(9, torch.tensor([1.0, 0.0])))
    assert frames(chosen.maps) == [3, 1]
    assert frames(chosen.pointers) == [4, 3, 2, 1]
    chosen = sorting.select(bank, Moment(9, torch.tensor([-1.0, 0.2])))
    assert frames(chosen.maps) == [4, 2]


def test_frames_without_the_object_never_enter_the_sorted_bank():
    bank = begun()
    assert remember(policy("self-sorting"), bank, entry(1, presence=-1)) == []


# --- motion ----------------------------------------------------------------------------------


def moving(t, speed=3.0):
    return 10 + speed * t, 20.0, 30 + speed * t, 60.0


def test_the_filter_learns_a_constant_velocity():
    motion = BoxMotion.start(moving(0))
    for t in range(1, 40):
        motion = motion.predict().update(moving(t))
    assert motion.predict().box() == pytest.approx(moving(40), abs=0.2)
    assert np.all(np.linalg.eigvalsh(motion.covariance) > 0)


def test_the_filter_agrees_with_its_textbook_form():
    rng = np.random.default_rng(0)
    height = 40.0
    measure = np.eye(4, 8)
    step = np.eye(8)
    step[:4, 4:] = np.eye(4)
    place, speed = height / 20, height / 160
    mean = np.array([20, 40, 0.5, height, 0, 0, 0, 0])
    first = np.array([2, 2, 0, 2, 0, 0, 0, 0]) * place + np.array([0, 0, 0, 0, 1, 1, 0, 1]) * (
        10 * speed
    )
    cov = np.diag((first + np.array([0, 0, 1e-2, 0, 0, 0, 1e-5, 0])) ** 2)
    motion = BoxMotion.start((10.0, 20.0, 30.0, 60.0))
    np.testing.assert_allclose(motion.covariance, cov)
    for _ in range(5):
        p, v = mean[3] / 20, mean[3] / 160
        cov = step @ cov @ step.T + np.diag([p, p, 1e-2, p, v, v, 1e-5, v]) ** 2
        mean = step @ mean
        seen = np.array([20, 40, 0.5, height]) + rng.normal(size=4) * (1, 1, 0.01, 1)
        p = mean[3] / 20
        innovation = measure @ cov @ measure.T + np.diag([p, p, 1e-1, p]) ** 2
        gain = cov @ measure.T @ np.linalg.inv(innovation)
        mean = mean + gain @ (seen - measure @ mean)
        cov = cov - gain @ innovation @ gain.T
        x, y, a, h = seen
        motion = motion.predict().update((x - a * h / 2, y - h / 2, x + a * h / 2, y + h / 2))
        np.testing.assert_allclose(motion.mean, mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(motion.covariance, cov, rtol=1e-9, atol=1e-12)


def offered(index, scores, *boxes, preferred=0):
    return Candidates(index, masks(*boxes), np.array(scores), preferred, REGION)


def walked(motion, count, **more):
    """A bank after ``count`` frames of an object that stands still at cells 4..12."""
    bank = begun(1, 0)
    bank.keyframes[0] = entry(0, box=None)
    still = extent(masks((4, 4, 12, 12))[0], REGION)
    remember(motion, bank, *(entry(t, box=still, **more) for t in range(1, count + 1)))
    return bank


def test_motion_outweighs_a_slightly_surer_mask_elsewhere_once_it_is_steady():
    motion = policy("motion")
    here, there = (4, 4, 12, 12), (20, 20, 28, 28)
    offer = offered(16, [0.8, 0.7], there, here)
    assert motion.choose(walked(motion, 14), offered(15, [0.8, 0.7], there, here)).index == 0
    choice = motion.choose(walked(motion, 15), offer)
    assert choice.index == 1  # 0.25 * 1 + 0.75 * 0.7 > 0.75 * 0.8
    assert choice.marks["motion"] == pytest.approx(1.0, abs=0.02)
    much_surer = motion.choose(walked(motion, 15), offered(16, [0.99, 0.6], there, here))
    assert much_surer.index == 0 and much_surer.marks["motion"] == 0.0


@pytest.mark.parametrize("broken", ["unsure", "absent", "missing"])
def test_a_break_makes_the_filter_begin_anew(broken):
    motion = policy("motion")
    bank = walked(motion, 20)
    if broken == "unsure":
        remember(motion, bank, entry(21, score=0.3, box=(0.0, 0.0, 9.0, 9.0)))
    elif broken == "absent":
        remember(motion, bank, entry(21, presence=-1))
    elsewhere = offered(22, [0.5, 0.49], (20, 20, 28, 28), (4, 4, 12, 12))
    assert motion.choose(bank, elsewhere).index == 0 and not motion.choose(bank, elsewhere).marks
    whole = walked(motion, 21)
    assert motion.choose(whole, elsewhere).index == 1


def test_motion_remembers_sure_frames_that_moved_as_expected():
    motion, bank = policy("motion"), begun()
    for t in range(1, 40):
        bad = {0: {"score": 0.5}, 1: {"presence": -1.0}, 2: {"marks": {"motion": 0.0}}}.get(t % 5)
        remember(motion, bank, entry(t, **(bad or {})))
    chosen = motion.select(bank, Moment(40))
    assert frames(chosen.maps) == [39, 38, 34, 33, 29, 28]
    assert sorted(chosen.pointers) == list(range(1, 16))
    assert frames(chosen.pointers) == list(range(39, 24, -1))
    remember(motion, bank, entry(40, score=0.1))
    assert frames(motion.select(bank, Moment(41)).maps) == [40, 39, 38, 34, 33, 29]


def test_box_iou_and_extent_are_exact():
    assert box_iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert box_iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0
    assert extent(masks((4, 8, 6, 16))[0], REGION) == (15.5, 31.5, 23.5, 63.5)
    assert extent(masks((0, 0, 0, 0))[0], REGION) is None


# --- distractor ------------------------------------------------------------------------------


def test_a_lookalike_is_measured_by_how_far_it_would_stretch_the_box():
    distractor, bank = policy("distractor"), begun()
    ear, other = (4, 4, 12, 12), (20, 4, 28, 12)
    alone = distractor.choose(bank, offered(1, [0.9, 0.8], ear, other))
    assert alone.index == 0 and alone.marks == {"alone": 64 / (8 * 24)}
    part = distractor.choose(bank, offered(1, [0.9, 0.8], ear, (4, 4, 8, 8)))
    assert part.marks == {}  # adds nothing
    specks = masks(ear, (20, 4, 28, 12))
    specks[1, 31, 31] = True  # only the largest part counts
    offer = Candidates(1, specks, np.array([0.9, 0.8]), 0, REGION)
    assert distractor.choose(bank, offer).marks == alone.marks


def told_apart(t, **more):
    return entry(t, **{"score": 0.9, "marks": {"alone": 0.5}, "area": 100.0, **more})


def test_an_anchor_is_sure_steady_rare_and_beside_a_lookalike():
    distractor = policy("distractor")

    def anchored(**more):
        bank = begun()
        remember(distractor, bank, *(entry(t) for t in range(1, 12)), told_apart(12, **more))
        return list(bank.anchors) == [12]

    assert anchored()
    assert anchored(area=120.0) and anchored(area=80.0)
    assert not anchored(area=121.0) and not anchored(area=79.0)
    assert not anchored(score=0.8)
    assert anchored(marks={"alone": 0.7}) and not anchored(marks={"alone": 0.71})
    assert not anchored(marks={})
    assert not anchored(presence=-1.0)


def test_anchors_keep_their_distance_and_the_newest_stay():
    distractor, bank = policy("distractor"), begun()
    remember(distractor, bank, entry(1), *(told_apart(t) for t in range(2, 40)))
    assert list(bank.anchors) == [26, 32, 38]  # every sixth from 2 on
    chosen = distractor.select(bank, Moment(40))
    assert list(chosen.anchors) == [0, 26, 32, 38]
    assert frames(chosen.maps) == [39, 35, 30]
    assert frames(chosen.pointers) == list(range(39, 24, -1))


def test_an_anchor_just_before_counts_as_recent():
    distractor, bank = policy("distractor"), begun()
    remember(distractor, bank, entry(1), *(told_apart(t) for t in range(2, 39)))
    chosen = distractor.select(bank, Moment(39))
    assert list(chosen.anchors) == [0, 26, 32]
    assert frames(chosen.maps) == [38, 35, 30, 25]


def test_strides_are_counted_from_the_first_keyframe_over_visible_frames():
    for direction in (1, -1):
        distractor, bank = policy("distractor"), begun(direction, 1002)
        for step in range(1, 60):
            gone = step in (30, 58, 59)
            remember(distractor, bank, entry(1002 + direction * step, presence=-1 if gone else 5))
        chosen = distractor.select(bank, Moment(1002 + direction * 60))
        offsets = [(t - 1002) * direction for t in frames(chosen.maps)]
        assert offsets == [57, 55, 50, 45, 40, 35]
        assert sorted(chosen.pointers) == list(range(3, 16))


def test_the_first_keyframe_stays_among_many():
    distractor, bank = policy("distractor"), begun(1, 0, 50, 60, 70, 80, 90)
    assert list(distractor.select(bank, Moment(75)).anchors) == [0, 60, 70, 80]
