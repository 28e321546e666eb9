"""Following landmarks on drawn clips whose truth is exact."""

import numpy as np
import pytest

from earvid.landmarks import Cover, LandmarkTrack, dump_state, load_state
from earvid.sample import make_clip, random_ear

SIZE = (240, 180)


def film(seed=3, frames=40, **events):
    return list(make_clip(random_ear(seed), frames, *SIZE, seed=seed, ear_height=0.55, **events))


def start(frame, points=None):
    points = frame.landmarks if points is None else points
    return LandmarkTrack.start(frame.image, points, Cover.of_mask(frame.mask))


def follow(track, frames):
    return [track.step(frame.image, Cover.of_mask(frame.mask)) for frame in frames]


def errors(results, frames):
    """(T, K) errors as shares of the diagonal of the ear's box; NaN where lost."""
    truth = np.stack([frame.landmarks for frame in frames])
    diagonal = np.linalg.norm(np.ptp(truth, axis=1), axis=1)
    found = np.stack([one.points for one in results])
    return np.linalg.norm(found - truth, axis=2) / diagonal[:, None]


@pytest.fixture(scope="module")
def clean():
    return film()


def test_a_moving_ear_is_followed_without_growing_errors(clean):
    wrong = errors(follow(start(clean[0]), clean[1:]), clean[1:])
    assert wrong.mean() < 0.004 and wrong.max() < 0.03
    assert np.median(wrong[-10:]) < 1.3 * np.median(wrong[:10]) + 0.0005


def test_backwards_it_is_the_same(clean):
    turned = clean[::-1]
    assert errors(follow(start(turned[0]), turned[1:]), turned[1:]).mean() < 0.004


@pytest.mark.parametrize("event", ["occlude", "leave"])
def test_points_come_back_to_their_places(event):
    clip = film(frames=60, **{event: (24, 32)})
    results = follow(start(clip[0]), clip[1:])
    shown = np.stack([frame.visible for frame in clip[1:]])
    said = np.stack([one.visible for one in results])
    wrong = errors(results, clip[1:])
    assert not said[24:30].any() and np.isnan(wrong[24:30]).all()  # nothing is guessed
    assert wrong[-8:].max() < 0.03
    found = np.nan_to_num(wrong[shown], nan=np.inf) < 0.05
    assert found.mean() > 0.95
    right = (shown & said).sum()
    assert 2 * right / (shown.sum() + said.sum()) > 0.9


def test_a_partly_covered_ear_keeps_its_shape_and_says_what_is_hidden(clean):
    track, results, frames = start(clean[0]), [], clean[1:12]
    for frame in frames:
        image, mask = frame.image.copy(), frame.mask.copy()
        low = int(np.median(frame.landmarks[:, 1]))
        image[low:], mask[low:] = (90, 120, 80), False
        results.append(track.step(image, Cover.of_mask(mask)))
    last, truth = results[-1], frames[-1].landmarks
    hidden = truth[:, 1] > np.median(truth[:, 1]) + 12
    above = truth[:, 1] < np.median(truth[:, 1]) - 12
    assert last.visible[above].mean() > 0.9 and not last.visible[hidden].any()
    assert last.confidence[hidden].max() <= 0.25 < last.confidence[above].min()
    wrong = errors(results, frames)[-1]
    assert wrong[above].max() < 0.03 and np.nanmax(wrong[hidden]) < 0.12


def test_what_is_not_in_view_is_lost_and_not_guessed(clean):
    track = start(clean[0])
    result = track.step(clean[1].image, Cover.of_mask(np.zeros_like(clean[1].mask)))
    assert np.isnan(result.points).all() and not result.visible.any()
    assert (result.confidence == 0).all()
    again = track.step(clean[2].image, Cover.of_mask(clean[2].mask))
    assert errors([again], clean[2:3]).max() < 0.03


def test_another_picture_under_the_mask_is_not_the_ear(clean):
    track = start(clean[0])
    noise = np.random.default_rng(0).integers(0, 255, clean[0].image.shape).astype(np.uint8)
    for _ in range(4):
        result = track.step(noise, Cover.of_mask(clean[1].mask))
    assert np.isnan(result.points).all() and not result.visible.any()


def test_without_masks_it_follows_by_appearance(clean):
    track = LandmarkTrack.start(clean[0].image, clean[0].landmarks)
    results = [track.step(frame.image) for frame in clean[1:15]]
    assert errors(results, clean[1:15]).mean() < 0.004


def test_light_does_not_matter(clean):
    track, results = start(clean[0]), []
    for t, frame in enumerate(clean[1:15]):
        dimmed = (frame.image * (1 - 0.04 * t) + 2 * t).astype(np.uint8)
        results.append(track.step(dimmed, Cover.of_mask(frame.mask)))
    assert errors(results, clean[1:15]).mean() < 0.005


@pytest.mark.parametrize("chosen", [[36], [0, 17], [5, 20, 40, 52]])
def test_a_few_points_and_missing_ones(clean, chosen):
    points = np.full((6, 2), np.nan)
    points[1 : 1 + len(chosen)] = clean[0].landmarks[chosen]
    results = follow(start(clean[0], points), clean[1:15])
    for one, frame in zip(results, clean[1:15], strict=True):
        assert np.isnan(one.points[0]).all() and not one.visible[0]
        apart = np.linalg.norm(one.points[1 : 1 + len(chosen)] - frame.landmarks[chosen], axis=1)
        assert apart.max() < 2.5


def test_the_size_of_the_mask_does_not_matter(clean):
    track, results = start(clean[0]), []
    for frame in clean[1:10]:
        coarse = frame.mask[::4, ::4].astype(np.uint8) * 255
        results.append(track.step(frame.image, Cover(coarse, 0, 0, *SIZE)))
    assert errors(results, clean[1:10]).mean() < 0.004


@pytest.mark.parametrize("at", [1, 9, 18, 26])
def test_saved_and_restored_it_goes_on_bit_for_bit(at):
    clip = film(seed=5, frames=34, occlude=(14, 20))
    whole = follow(start(clip[0]), clip[1:])
    track = start(clip[0])
    follow(track, clip[1:at])
    restored = LandmarkTrack(load_state(dump_state(track.state)))
    for a, b in zip(whole[at - 1 :], follow(restored, clip[at:]), strict=True):
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.confidence, b.confidence)
        np.testing.assert_array_equal(a.visible, b.visible)


def test_memory_is_bounded(clean):
    track = start(clean[0])
    noisy = np.random.default_rng(1)
    for _ in range(3):
        for frame in clean[1:]:
            image = np.clip(frame.image + noisy.normal(0, 25, frame.image.shape), 0, 255)
            track.step(image.astype(np.uint8), Cover.of_mask(frame.mask))
    assert len(track.state.charts) <= 8 and len(dump_state(track.state)) < 1_500_000
