"""The shipped first guess on drawn ears, its symmetries, and what it refuses."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from earvid.errors import ModelError, UsageError
from earvid.evaluate.landmark_guess import box_of, judge_guess, score_guesses
from earvid.landmarks.guess import guess_landmarks, load_landmark_model
from earvid.landmarks.guess.contours import (
    CONTOURS,
    contour_distances,
    diagonal,
    faces_right,
    split_errors,
)
from earvid.landmarks.guess.crops import box_crop, shape_crop, similarity, take, to_crop, to_source
from earvid.landmarks.guess.network import LandmarkConfig
from earvid.landmarks.guess.shape import fit_shape
from earvid.sample import make_clip, random_ear


@pytest.fixture(scope="module")
def model():
    return load_landmark_model()


@pytest.fixture(scope="module")
def drawn():
    """Four drawn ears: image and true points."""
    frames = [
        next(make_clip(random_ear(seed), 1, 320, 240, seed=seed, ear_height=0.6))
        for seed in range(40, 44)
    ]
    return [(frame.image, np.asarray(frame.landmarks, float)) for frame in frames]


def test_drawn_ears_are_guessed(model, drawn):
    scores = score_guesses(model, drawn)
    assert scores.nme < 0.08 and scores.contour < 0.04 and scores.sides == 1.0, scores


def test_a_guess_has_the_promised_form(model, drawn):
    image, truth = drawn[0]
    guess = guess_landmarks(image, box_of(truth))
    assert guess.points.shape == (55, 2) and guess.points.dtype == np.float32
    assert guess.confidence.shape == (55,) and guess.confidence.dtype == np.float32
    assert ((guess.confidence >= 0) & (guess.confidence <= 1)).all() and 0 <= guess.sure <= 1
    again = model.guess(image, box_of(truth))
    assert np.array_equal(guess.points, again.points) and len(model.sha256) == 64


def test_a_mirrored_photo_gives_mirrored_points(model, drawn):
    for image, truth in drawn[:2]:
        width = image.shape[1]
        x0, y0, x1, y1 = box_of(truth)
        here = model.guess(image, (x0, y0, x1, y1))
        there = model.guess(image[:, ::-1].copy(), (width - 1 - x1, y0, width - 1 - x0, y1))
        back = there.points * [-1, 1] + [width - 1, 0]
        assert {here.side, there.side} == {"left", "right"}
        assert np.abs(back - here.points).max() < 1e-3
        assert np.allclose(here.confidence, there.confidence, atol=1e-4)


def test_a_known_side_decides_which_way_round_the_points_run(model, drawn):
    image, truth = drawn[0]
    for side in ("left", "right"):
        guess = model.guess(image, box_of(truth), side=side)
        assert guess.side == side and faces_right(guess.points.astype(float)) == (side == "right")


def test_points_follow_the_image(model, drawn):
    image, truth = drawn[0]
    plain = model.guess(image, box_of(truth), side="right")
    shifted = np.roll(image, (7, 12), (0, 1))
    moved = model.guess(shifted, box_of(truth + np.array([12, 7])), side="right")
    assert np.abs(moved.points - plain.points - [12, 7]).mean() < 0.01 * diagonal(truth)


def test_a_foreshortened_ear_is_guessed_within_its_sliver(model, drawn):
    slim = [
        (cv2.resize(image, None, fx=0.6, fy=1, interpolation=cv2.INTER_AREA),
         (truth + 0.5) * [0.6, 1] - 0.5)
        for image, truth in drawn[:2]
    ]  # fmt: skip
    scores = score_guesses(model, slim)
    assert scores.nme < 0.07 and scores.contour < 0.03, scores


def test_noise_is_not_taken_for_an_ear(model, drawn):
    image, truth = drawn[0]
    noise = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    sure = [model.guess(picture, box_of(truth)).sure for picture in (image, noise)]
    assert sure[1] < 0.5 * sure[0], sure
    flat = model.guess(np.full_like(image, 90), (100.0, 60.0, 160.0, 150.0))
    assert np.isfinite(flat.points).all() and flat.sure < 0.5 * sure[0]


def test_a_mask_elsewhere_takes_the_trust_away(model, drawn):
    image, truth = drawn[0]
    box, elsewhere = box_of(truth), np.zeros(image.shape[:2], bool)
    elsewhere[:12, :12] = True
    everywhere = np.ones(image.shape[:2], bool)
    plain = model.guess(image, box)
    assert np.array_equal(model.guess(image, box, mask=everywhere).confidence, plain.confidence)
    assert model.guess(image, box, mask=elsewhere).sure < 0.1 * plain.sure


def test_nonsense_is_refused(model):
    image = np.zeros((60, 80, 3), np.uint8)
    for bad in ((10, 10, 10, 10), (30, 30, 10, 10), (np.nan, 0, 20, 30), (100, 5, 120, 30)):
        with pytest.raises(UsageError, match="box"):
            model.guess(image, bad)
    with pytest.raises(UsageError, match="uint8"):
        model.guess(image.astype(float), (10, 10, 40, 50))
    with pytest.raises(UsageError, match="left or right"):
        model.guess(image, (10, 10, 40, 50), side="top")
    with pytest.raises(UsageError, match="mask"):
        model.guess(image, (10, 10, 40, 50), mask=np.zeros((60, 80), bool))


def test_bad_weights_are_refused(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        load_landmark_model(tmp_path / "none.safetensors")
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\x08\x00\x00\x00")
    with pytest.raises(ModelError, match="damaged"):
        load_landmark_model(torn)
    other = tmp_path / "other.safetensors"
    save_file({}, other)
    with pytest.raises(ModelError, match="no configuration"):
        load_landmark_model(other)
    save_file({}, other, {"earvid.config": json.dumps({"side": 128})})
    with pytest.raises(ModelError, match="missing"):
        load_landmark_model(other)
    for wrong in ({"side": 100}, {"width": 7}, {"modes": 0}, {"point": [1]}, {"depth": 3}):
        with pytest.raises(ModelError):
            LandmarkConfig.from_dict(wrong)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_crops_show_points_where_they_say(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(20, 60, 2)
    high = low + rng.uniform(30, 80, 2)
    matrix = box_crop((*low, *high), 96, turn=rng.normal(0, 0.3), zoom=float(rng.uniform(0.7, 1.3)))
    points = rng.uniform(low, high, (55, 2))
    assert np.allclose(to_source(to_crop(points, matrix), matrix), points)
    image = np.zeros((160, 200, 3), np.uint8)
    x, y = (int(v) for v in points[0])
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = take(image, matrix, 96)[..., 0].astype(float)
    rows, columns = np.mgrid[:96, :96]
    pad = crop.copy()
    pad[pad < 130] = 0  # what lies beyond the image is gray
    middle = np.array([(columns * pad).sum(), (rows * pad).sum()]) / pad.sum()
    assert np.abs(middle - to_crop(np.array([x, y], float), matrix)).max() < 1.5


def test_an_upright_crop_is_the_same_however_the_ear_is_turned(drawn):
    truth = drawn[0][1]
    mean = truth - truth.mean(0)
    cos, sin = np.cos(0.5), np.sin(0.5)
    turned = 1.7 * truth @ np.array([[cos, sin], [-sin, cos]]) + [30, 4]
    straight = to_crop(truth, shape_crop(truth, mean, 128))
    assert np.allclose(to_crop(turned, shape_crop(turned, mean, 128)), straight, atol=1e-6)
    linear, shift = similarity(truth, turned)
    assert np.allclose(truth @ linear.T + shift, turned)


def test_a_shape_fills_in_what_is_uncertain():
    rng = np.random.default_rng(1)
    base = rng.normal(0, 1, (55, 2))
    way = rng.normal(0, 0.05, (55, 2))
    prior = fit_shape([base + a * way for a in rng.normal(0, 1, 30)], 4)
    truth = 100 * (base + 0.8 * way) + [300, 200]
    seen = truth.copy()
    seen[:5] += 40
    noise = np.tile(np.eye(2), (55, 1, 1))
    noise[:5] *= 1e4
    assert np.abs(seen - truth).max() > 30 > 10 * np.abs(prior.refine(seen, noise) - truth).max()


def test_errors_along_and_across():
    off = np.array([3, 4])
    truth = np.zeros((55, 2))
    for start, stop in CONTOURS.values():
        truth[start:stop, 0] = np.arange(stop - start) * 10
        truth[start:stop, 1] = start
    along, across = split_errors(truth + off, truth)
    assert np.allclose(along, 3) and np.allclose(across, 4)
    assert np.allclose(contour_distances(truth + off, truth)[:19], 4)
    assert np.allclose(contour_distances(truth, truth), 0)


def test_a_perfect_guess_has_no_error(model, drawn):
    image, truth = drawn[0]
    guess = model.guess(image, box_of(truth))
    judged = judge_guess(guess, guess.points.astype(float))
    assert judged.error.max() == 0 and judged.contour.max() < 1e-9
