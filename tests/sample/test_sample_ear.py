"""Every ear that can be drawn is a possible ear."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.sample import EarParams, random_ear, render_ear
from earvid.sample.curves import distance, through
from earvid.sample.raster import coverage, inside_any, visible_mask
from earvid.sample.shape import ear_shape

SEEDS = st.integers(0, 2**32 - 1)


def crossings(contour: np.ndarray) -> int:
    """How many pairs of sides of a closed polygon cross."""
    start, end = contour, np.roll(contour, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    return int(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).sum())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_outline_and_bowl_never_cross_themselves(seed):
    shape = ear_shape(random_ear(seed))
    assert crossings(shape.outline) == 0
    assert crossings(shape.concha) == 0


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_folds_lie_within_the_outline(seed):
    shape = ear_shape(random_ear(seed))
    assert inside_any([shape.outline], shape.landmarks[20:]).all()
    assert np.ptp(shape.outline[:, 1]) == pytest.approx(1, abs=1e-6)
    assert 0.45 < np.ptp(shape.outline[:, 0]) < 0.8


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_an_ear_is_one_piece_without_holes(seed):
    shape = ear_shape(random_ear(seed))
    mask = visible_mask(shape.outline * 200 + 150, [], 300, 300).astype(np.uint8)
    assert cv2.connectedComponents(mask)[0] == 2
    assert cv2.connectedComponents(1 - mask, connectivity=4)[0] == 2


def test_a_seed_is_an_ear():
    assert random_ear(7) == random_ear(7)
    assert random_ear(7) != random_ear(8)


def test_drawing_is_repeatable_and_follows_the_seed():
    first, again, other = (render_ear(EarParams(seed=seed), 48) for seed in (1, 1, 2))
    assert np.array_equal(first.person, again.person)
    assert np.array_equal(first.room, again.room)
    assert not np.array_equal(first.person, other.person)


def test_curve_passes_its_points_and_distance_is_exact():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    curve = through(points)
    assert np.allclose(curve[::8], points)
    x, y = np.meshgrid(np.linspace(0, 2, 5, dtype=np.float32), np.float32([0.5, 1.0]))
    gap, along = distance(x, y, curve)
    assert np.allclose(gap, y, atol=1e-6)
    assert np.allclose(along, x / 2, atol=1e-6)


def test_pixels_are_centered_on_integers():
    square = np.array([[1.5, 2.5], [4.5, 2.5], [4.5, 5.5], [1.5, 5.5]])
    mask = visible_mask(square, [], 8, 8)
    expected = np.zeros((8, 8), bool)
    expected[3:6, 2:5] = True
    assert np.array_equal(mask, expected)
    shares = coverage([square + np.array([0.25, 0.0])], 8, 8)[4]
    assert shares[1:6] == pytest.approx([0, 0.75, 1, 1, 0.25], abs=0.15)


def test_what_is_in_front_is_not_in_the_mask():
    square = np.array([[0.5, 0.5], [6.5, 0.5], [6.5, 6.5], [0.5, 6.5]])
    mask = visible_mask(square, [square - np.array([3.0, 0.0])], 8, 8)
    assert mask[1:7, 4:7].all()
    assert mask.sum() == 18
