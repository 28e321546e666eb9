"""Frames of a drawn clip, and the truth about them."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import UsageError
from earvid.sample import EarParams, make_clip, random_ear

WIDTH, HEIGHT = 160, 120


def film(params=EarParams(), frames=6, seed=0, **options):  # noqa: B008
    size = {"width": WIDTH, "height": HEIGHT} | options
    return list(make_clip(params, frames, fps=10, seed=seed, **size))


def distance_to_edge(mask):
    """Pixels from every pixel to the edge of a mask."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.maximum(inside, outside) - 0.5


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_truth_of_any_seed_fits_together(seed):
    for frame in film(random_ear(seed), frames=3, seed=seed):
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert frame.image.dtype == np.uint8
        assert 0.02 < frame.mask.mean() < 0.3
        assert frame.visible.all()
        assert (frame.landmarks > 0).all()
        assert (frame.landmarks < (WIDTH - 1, HEIGHT - 1)).all()
        near = np.round(frame.landmarks).astype(int)
        edge = distance_to_edge(frame.mask)
        assert edge[near[:20, 1], near[:20, 0]].max() < 2
        assert frame.mask[near[20:, 1], near[20:, 0]].all()


def test_the_picture_changes_where_the_mask_ends():
    frame = film(
        EarParams(skin=(0.9, 0.72, 0.6), hair=(0.1, 0.08, 0.07)), 1, width=640, height=480
    )[0]
    gray = cv2.GaussianBlur(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), (0, 0), 1).astype(float)
    center = frame.landmarks.mean(axis=0)
    off = []
    for x, y in frame.landmarks[3:9]:  # where the helix stands before hair
        out = (np.array([x, y]) - center) / np.hypot(x - center[0], y - center[1])
        steps = np.arange(-7, 8)
        line = np.round([x, y] + steps[:, None] * out).astype(int)
        off.append(steps[np.argmin(np.gradient(gray[line[:, 1], line[:, 0]]))])
    assert abs(np.median(off)) <= 2


def test_the_same_seed_films_the_same_clip():
    first, again, other = film(seed=1), film(seed=1), film(seed=2)
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.mask, b.mask)
        assert np.array_equal(a.landmarks, b.landmarks)
    assert not np.array_equal(first[0].landmarks, other[0].landmarks)


def test_the_ear_moves_smoothly_and_at_times_fast():
    centers = np.array([frame.landmarks.mean(axis=0) for frame in film(frames=30)])
    speed = np.linalg.norm(np.diff(centers, axis=0), axis=1) / HEIGHT
    assert 0.01 < speed.max() < 0.15
    assert np.abs(np.diff(centers, 2, axis=0)).max() / HEIGHT < 0.1


def test_a_mirrored_ear_is_the_mirror_image_in_the_same_order():
    plain, mirrored = film(EarParams())[0], film(EarParams(mirrored=True))[0]
    assert plain.landmarks[35, 0] > plain.landmarks[45, 0]
    assert mirrored.landmarks[35, 0] < mirrored.landmarks[45, 0]


def test_a_hand_covers_the_ear_during_its_span():
    frames = film(frames=30, occlude=(10, 20))
    assert not any(frame.mask.any() or frame.visible.any() for frame in frames[10:20])
    assert frames[0].mask.any()
    assert frames[0].visible.all()
    assert frames[-1].visible.all()
    partly = [frame for frame in frames if 0 < frame.visible.sum() < 55]
    free = film(frames=30)
    assert partly
    assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(frames, free, strict=True))
    assert all((b.mask | ~a.mask).all() for a, b in zip(frames, free, strict=True))
    assert np.abs(frames[15].image.astype(int) - free[15].image).mean() > 5


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_ear_is_out_of_the_frame_during_its_span(mirrored):
    frames = film(EarParams(mirrored=mirrored), frames=30, leave=(10, 20))
    away = [not frame.mask.any() and not frame.visible.any() for frame in frames]
    assert all(away[10:20])
    assert not away[0]
    assert not away[-1]
    assert any(0 < frame.visible.sum() < 55 for frame in frames)


@pytest.mark.parametrize("span", [(3, 3), (-1, 2), (4, 7)])
def test_a_span_outside_the_clip_is_refused(span):
    with pytest.raises(UsageError, match="does not fit a clip of 6 frames"):
        film(occlude=span)
    with pytest.raises(UsageError, match="leave"):
        film(leave=span)
