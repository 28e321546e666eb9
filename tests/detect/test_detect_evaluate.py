import numpy as np
import pytest

from earvid.detect.calibration import fit_confidence
from earvid.detect.detector import MIN_CONFIDENCE, Detection, EarDetector
from earvid.detect.evaluate import Judged, judge, score_detector, summarize
from earvid.detect.network import DetectorConfig, EarNetwork


def found(box, confidence):
    return Detection(box, confidence, "left", 0.9)


def test_an_ear_is_found_once_and_by_a_box_that_fits():
    truth = [(10, 10, 50, 90)]
    judged = judge(
        [found((11, 9, 50, 92), 0.9), found((10, 10, 50, 90), 0.8), found((60, 10, 90, 50), 0.7)],
        truth,
    )
    assert [j.iou > 0 for j in judged] == [True, False, False]
    assert judge([found((0, 0, 9, 9), 0.5)], []) == [Judged(0.5, 0.0)]
    assert judge([], truth) == []


def test_scores_of_a_case_counted_by_hand():
    judged = [Judged(0.9, 0.8), Judged(0.8, 0.0), Judged(0.6, 0.6), Judged(0.3, 0.7)]
    scores = summarize(judged, ears=4, confidence=0.5)
    assert scores.recall == 2 / 4 and scores.precision == pytest.approx(2 / 3)
    assert scores.box_iou == pytest.approx(0.7)
    # Precision 1 up to the first ear, then 3/4 (the envelope) up to the third; one is missed.
    assert scores.average_precision == pytest.approx((1 + 0.75 + 0.75) / 4)
    assert scores.calibration_error == pytest.approx((0.1 + 0.8 + 0.4 + 0.7) / 4)


def test_scores_of_nothing():
    scores = summarize([], ears=0, confidence=0.5)
    assert (scores.recall, scores.average_precision, scores.calibration_error) == (0, 0, 0)


def untrained(**config):
    return EarDetector(EarNetwork(DetectorConfig(width=32, sizes=(64,), **config)))


def test_a_confidence_that_cannot_be_fitted_is_none():
    blank = np.zeros((64, 64, 3), np.uint8)
    assert fit_confidence(untrained(slope=2.0, offset=0.3), [(blank, [])]) is None
    assert fit_confidence(untrained(), []) is None


def test_recall_below_the_least_confidence_counts_what_detect_leaves_out():
    faint = untrained(offset=-6.0)  # an untrained network then believes in nothing
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found = faint.detect(image, min_confidence=0.0)
    assert found and found[0].confidence < MIN_CONFIDENCE and not faint.detect(image)
    photos = [(image, [found[0].box])]
    assert score_detector(faint, photos, confidence=0.5).average_precision == 0
    assert score_detector(faint, photos, confidence=0.0).recall == 1
