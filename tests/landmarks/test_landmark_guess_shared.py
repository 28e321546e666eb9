"""The shipped first guess on people whom it has not seen; see EAR_LANDMARKS_CARD.md."""

import cv2
import numpy as np
import pytest

from earvid.detect import load_detector
from earvid.evaluate.landmark_guess import box_of, judge_guess, score_guesses
from earvid.landmarks.guess import load_landmark_model
from earvid.landmarks.guess.contours import diagonal
from earvid.train.landmark_photos import find_landmark_photos, read_truth, split_refs

HELD_OUT = ["closeup/bs00[18]*", "closeup/bs017*", "closeup/bs027*", "closeup/bs036*"]


@pytest.fixture(scope="module")
def model():
    return load_landmark_model()


@pytest.fixture(scope="module")
def photos(shared_data):
    refs = find_landmark_photos([shared_data / "closeup"])
    return [read_truth(ref) for ref in split_refs(refs, HELD_OUT)[1]]


def test_close_ups_of_unseen_people(model, photos):
    scores = score_guesses(model, photos)
    assert scores.photos == 15 and scores.sides == 1.0
    assert scores.nme <= 0.045 and scores.contour <= 0.020, scores


def test_the_box_of_the_detector_does_as_well(model, photos):
    detector = load_detector()
    errors = [
        judge_guess(model.guess(image, detector.detect(image)[0].box), truth).error.mean()
        for image, truth in photos[::3]
    ]
    assert np.mean(errors) <= 0.045, errors


def test_small_ears_with_loose_boxes(model, photos):
    rng = np.random.default_rng(0)
    errors = []
    for image, truth in photos:
        factor = 46 / diagonal(truth)  # about 40 pixels high
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        points = (truth + 0.5) * factor - 0.5
        x0, y0, x1, y1 = box_of(points)
        jitter = rng.normal(0, 0.05, 4) * np.tile([x1 - x0, y1 - y0], 2)
        box = tuple(float(v) for v in np.array([x0, y0, x1, y1]) + jitter)
        errors.append(judge_guess(model.guess(small, box), points).error.mean())
    assert np.mean(errors) <= 0.06, errors
