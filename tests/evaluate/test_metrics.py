import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

from earvid.evaluate.metrics import (
    boundary_f,
    dice,
    iou,
    j_and_f,
    nme,
    pck,
    sequence_scores,
)

SHAPES = st.tuples(st.integers(2, 20), st.integers(2, 20))


def blob(x, y, size=20, shape=(60, 80)):
    mask = np.zeros(shape, bool)
    mask[y : y + size, x : x + size] = True
    return mask


EMPTY = np.zeros((60, 80), bool)


@st.composite
def mask_pairs(draw):
    shape = draw(SHAPES)
    return draw(npst.arrays(bool, shape)), draw(npst.arrays(bool, shape))


@pytest.mark.parametrize("metric", [iou, dice, boundary_f, j_and_f])
def test_empty_masks_agree_and_an_empty_one_never_matches_a_painted_one(metric):
    ear = blob(10, 10)
    full = np.ones_like(EMPTY)
    assert metric(EMPTY, EMPTY) == metric(ear, ear) == metric(full, full) == 1.0
    assert metric(EMPTY, ear) == metric(ear, EMPTY) == 0.0
    assert metric(EMPTY, full) == metric(full, EMPTY) == 0.0


def test_overlap_by_hand():
    a, b = blob(10, 10), blob(20, 10)  # 400 pixels each, 200 shared
    assert iou(a, b) == pytest.approx(200 / 600)
    assert dice(a, b) == pytest.approx(400 / 800)
    assert iou(a.astype(np.uint8) * 255, b) == iou(a, b)


@given(pair=mask_pairs())
def test_overlap_is_symmetric_bounded_and_consistent(pair):
    a, b = pair
    assert iou(a, b) == iou(b, a)
    assert dice(a, b) == dice(b, a)
    assert 0 <= iou(a, b) <= dice(a, b) <= 1
    assert dice(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))


def reference_contour(mask):
    """Contour pixel by pixel, from the definition."""
    height, width = mask.shape
    contour = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            around = mask[y : y + 2, x : x + 2]
            contour[y, x] = around.any() and not around.all()
    return contour


def reference_f(pred, truth, radius):
    a, b = reference_contour(pred), reference_contour(truth)
    if not a.any() or not b.any():
        return float(a.any() == b.any() and pred.any() == truth.any())
    precision = (ndimage.distance_transform_edt(~b)[a] <= radius).mean()
    recall = (ndimage.distance_transform_edt(~a)[b] <= radius).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(deadline=None)
@given(pair=mask_pairs(), tolerance=st.sampled_from([0.008, 0.05, 0.1, 0.2]))
def test_boundary_f_follows_its_definition(pair, tolerance):
    a, b = pair
    radius = math.ceil(tolerance * math.hypot(*a.shape))
    assert boundary_f(a, b, tolerance) == pytest.approx(reference_f(a, b, radius))
    assert boundary_f(a, b, tolerance) == pytest.approx(boundary_f(b, a, tolerance))


def test_boundary_f_on_ear_sized_masks_follows_its_definition():
    rows, columns = np.mgrid[:240, :320]
    truth = ((columns - 150) / 40) ** 2 + ((rows - 110) / 60) ** 2 < 1
    for shift in (1, 3, 5, 9):
        pred = ((columns - 150 - shift) / 38) ** 2 + ((rows - 110) / 63) ** 2 < 1
        assert boundary_f(pred, truth) == pytest.approx(reference_f(pred, truth, 4))
    assert 0 < boundary_f(pred, truth) < 1


def test_a_shift_within_the_tolerance_keeps_f_and_one_beyond_loses_it():
    shape = (300, 400)  # diagonal 500, tolerance 4 pixels
    truth = blob(100, 100, 100, shape)
    assert boundary_f(blob(104, 100, 100, shape), truth) == 1.0
    assert boundary_f(blob(105, 100, 100, shape), truth) < 1.0
    assert boundary_f(blob(250, 100, 100, shape), truth) == 0.0


def test_ignored_pixels_count_for_nothing():
    truth = blob(10, 10)
    pred = truth.copy()
    pred[5:10, 10:30] = True  # wrong on top of the ear
    band = np.zeros_like(truth)
    band[4:11] = True
    assert iou(pred, truth) < 1 and dice(pred, truth) < 1 and boundary_f(pred, truth) < 1
    assert iou(pred, truth, band) == dice(pred, truth, band) == 1.0
    assert boundary_f(pred, truth, ignore=band) == j_and_f(pred, truth, band) == 1.0


def test_what_lies_in_the_ignored_band_alone_is_no_ear_at_all():
    inside, band = blob(12, 12, 5), blob(12, 12, 5)
    assert iou(inside, EMPTY, band) == boundary_f(inside, EMPTY, ignore=band) == 1.0
    assert iou(inside, blob(40, 12), band) == boundary_f(inside, blob(40, 12), ignore=band) == 0.0


@settings(deadline=None)
@given(pair=mask_pairs(), data=st.data())
def test_the_overlap_outside_the_band_is_that_of_the_other_pixels(pair, data):
    a, b = pair
    band = data.draw(npst.arrays(bool, a.shape))
    rest_a, rest_b = a[~band][None], b[~band][None]
    if rest_a.size:
        assert iou(a, b, band) == iou(rest_a, rest_b)
        assert dice(a, b, band) == dice(rest_a, rest_b)
    assert iou(a, b, np.zeros_like(a)) == iou(a, b)
    assert boundary_f(a, b, ignore=np.zeros_like(a)) == boundary_f(a, b)
    assert iou(a, b, np.ones_like(a)) == boundary_f(a, b, ignore=np.ones_like(a)) == 1.0


@pytest.mark.parametrize("metric", [iou, dice, boundary_f, j_and_f])
def test_masks_of_different_sizes_are_refused(metric):
    with pytest.raises(ValueError, match="one size"):
        metric(EMPTY, EMPTY[1:])
    with pytest.raises(ValueError, match="ignore"):
        metric(EMPTY, EMPTY, ignore=EMPTY[1:])


def test_a_sequence_is_scored_frame_by_frame():
    ear = blob(10, 10)
    preds = [ear, EMPTY, blob(20, 10), ear, EMPTY]
    truths = [ear, ear, ear, None, EMPTY]
    scores = sequence_scores(iter(preds), iter(truths))
    np.testing.assert_allclose(scores.j, [1, 0, 1 / 3, np.nan, 1])
    np.testing.assert_allclose(scores.dice, [1, 0, 1 / 2, np.nan, 1])
    expected_f = [boundary_f(p, t) for p, t in zip(preds, truths, strict=True) if t is not None]
    np.testing.assert_allclose(scores.f[[0, 1, 2, 4]], expected_f)
    assert scores.j_mean == pytest.approx((1 + 0 + 1 / 3 + 1) / 4)
    assert scores.j_and_f == pytest.approx((scores.j_mean + np.mean(expected_f)) / 2)
    assert scores.j_recall == 0.5


def test_a_sequence_takes_bands_and_refuses_other_lengths():
    ear, band = blob(10, 10), blob(10, 10)
    scores = sequence_scores([EMPTY, EMPTY], [ear, ear], [band, None])
    np.testing.assert_array_equal(scores.j, [1, 0])
    with pytest.raises(ValueError, match="zip"):
        sequence_scores([ear, ear], [ear])
    with pytest.raises(ValueError, match="zip"):
        sequence_scores([ear, ear], [ear, ear], [band])
    nothing = sequence_scores([], [])
    assert len(nothing.j) == 0 and math.isnan(nothing.j_and_f) and math.isnan(nothing.j_recall)


TRUTH = np.array([[0, 0], [30, 0], [30, 40], [0, 40]], float)  # its box has a diagonal of 50


def test_landmark_errors_by_hand():
    pred = np.add(TRUTH, [[3, 4], [0, 0], [0, 5], [0, 10]])  # off by 5, 0, 5 and 10 pixels
    assert nme(pred, TRUTH) == pytest.approx(20 / 4 / 50)
    assert nme(pred, TRUTH, norm=100) == pytest.approx(20 / 4 / 100)
    assert nme(pred, TRUTH, visible=[1, 1, 0, 0], norm=10) == pytest.approx(5 / 2 / 10)
    assert pck(pred, TRUTH, norm=100) == 3 / 4
    assert pck(pred, TRUTH, norm=100, alpha=0.1) == 1
    assert pck(pred, TRUTH, visible=[0, 0, 0, 1], norm=100) == 0


def test_hidden_landmarks_do_not_stretch_the_length():
    assert nme(np.add(TRUTH, [1, 0]), TRUTH, visible=[1, 1, 0, 0]) == pytest.approx(1 / 30)


def test_missing_predictions_are_misses_and_missing_truth_is_not_judged():
    pred, truth = TRUTH.copy(), TRUTH.copy()
    pred[0], truth[3] = np.nan, np.nan
    assert pck(pred, truth, norm=50) == pytest.approx(2 / 3)
    assert nme(pred, truth, norm=50) == 0
    assert math.isnan(nme(pred, np.full_like(truth, np.nan)))
    assert math.isnan(pck(pred, truth, visible=np.zeros(4)))


@given(
    truth=npst.arrays(float, (3, 4, 2), elements=st.floats(-100, 100)),
    offset=npst.arrays(float, (3, 4, 2), elements=st.floats(-10, 10)),
    scale=st.floats(0.5, 4),
)
def test_landmark_errors_do_not_depend_on_scale_or_place(truth, offset, scale):
    norms = np.array([10.0, 20.0, 40.0])
    error = nme(truth + offset, truth, norm=norms)
    moved = nme(scale * (truth + offset) + 7, scale * truth + 7, norm=scale * norms)
    assert moved == pytest.approx(error, abs=1e-9)
    expected = np.linalg.norm(offset, axis=-1) / norms[:, None]
    assert error == pytest.approx(expected.mean(), abs=1e-9)


def test_landmarks_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="needed"):
        nme(TRUTH[:3], TRUTH)
    with pytest.raises(ValueError, match="needed"):
        nme(TRUTH.T, TRUTH.T)
    with pytest.raises(ValueError, match="positive"):
        nme(TRUTH, TRUTH, norm=0)
    with pytest.raises(ValueError, match="positive"):
        pck(TRUTH, TRUTH, visible=[1, 0, 0, 0])
