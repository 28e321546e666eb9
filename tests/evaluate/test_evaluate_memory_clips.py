"""Scripted clips are what they are called, and their truth is what their frames show."""

import cv2
import numpy as np
import pytest

from earvid.errors import EarvidError, UsageError
from earvid.evaluate.memory_clips import absences
from earvid.evaluate.memory_figures import Figure, Pose
from earvid.evaluate.memory_material import DrawnMaterial, PhotoMaterial
from earvid.evaluate.memory_scripts import AWAY, KINDS, make_clip
from earvid.train import Still

DRAWN = DrawnMaterial()
RED, GREEN = (200, 30, 30), (60, 150, 70)


def red_ear(name, size=90):
    """A plain red ellipse on green: an ear whose pixels can be told by their color."""
    image = np.full((300, 260, 3), GREEN, np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    for drawn, value in ((image, RED), (mask, 255)):
        cv2.ellipse(drawn, (130, 140), (size // 3, size // 2), 10, 0, 360, value, -1)
    return Still(name, image, (mask,))


def is_red(image):
    return (image[..., 0].astype(int) - image[..., 1]) > 85


@pytest.fixture(scope="module")
def photos():
    return PhotoMaterial([red_ear(f"own/p{n}_a", 90 + 20 * n) for n in range(3)])


def shares(clip, frames=None):
    """(N, E) of the tracked ears in view, on all frames or some."""
    some = (clip.frame(t) for t in frames or range(clip.length))
    return np.array([[f.visible[i] for i in clip.object_ids] for f in some])


def middle_and_size(mask):
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return np.array([x + w / 2, y + h / 2]), max(w, h)


@pytest.mark.parametrize("material", ["drawn", "photos"])
@pytest.mark.parametrize("number", range(2))
def test_a_clean_clip_shows_its_ear_on_every_frame(photos, material, number):
    clip = make_clip("clean", number, DRAWN if material == "drawn" else photos)
    assert shares(clip).min() > 0.95


def test_an_occlusion_hides_the_whole_ear_twice(photos):
    for number in range(2):
        clip = make_clip("occlusion", number, photos)
        seen = shares(clip)[:, 0]
        spans = absences(seen)
        assert len(spans) == 2 and all(stop - start >= 8 for start, stop in spans)
        assert seen[0] > 0.95 and seen[spans[0][1] : spans[1][0]].max() > 0.95 and seen[-1] > 0.95


def test_a_returning_ear_was_away_for_150_frames(photos):
    for number in range(2):
        clip = make_clip("reentry", number, photos)
        ((start, stop),) = absences(shares(clip)[:, 0])
        assert stop - start == pytest.approx(AWAY, abs=1) and start >= 30
        while_away = clip.frame((start + stop) // 2)
        assert not is_red(while_away.image).any() and not while_away.ears[1].any()


def test_a_returning_ear_is_elsewhere_and_of_another_size(photos):
    ratios = []
    for number in range(10):
        clip = make_clip("reentry", number, photos)
        first, last = (middle_and_size(clip.frame(t).ears[1]) for t in (0, clip.length - 1))
        assert np.linalg.norm(first[0] - last[0]) > 80
        ratios.append(last[1] / first[1])
    assert 0.5 < min(ratios) < 0.9 and 1.1 < max(ratios) < 1.8


def test_a_distractor_is_in_view_while_the_ear_is_away_and_when_it_is_back(photos):
    for number in range(2):
        clip = make_clip("distractor", number, photos)
        ((start, stop),) = absences(shares(clip)[:, 0])
        assert stop - start > 20
        away, back = clip.frame((start + stop) // 2), clip.frame(clip.length - 1)
        assert len(away.others) == len(back.others) == 1
        assert away.visible[1] == 0 and back.visible[1] > 0.5


def test_crossing_ears_change_sides():
    for number in range(2):
        clip = make_clip("crossing", number, DRAWN)
        assert clip.object_ids == (1, 2)
        sides = []
        for t in (0, clip.length - 1):
            frame = clip.frame(t)
            assert min(frame.visible.values()) > 0.9
            sides.append(
                middle_and_size(frame.ears[1])[0][0] < middle_and_size(frame.ears[2])[0][0]
            )
        assert sides[0] != sides[1]
        assert shares(clip, range(40, 60)).min() < 0.05  # one passes before the other


def test_a_long_clip_is_made_frame_by_frame():
    clip = make_clip("long", 0, DRAWN)
    assert clip.length == 2000
    last = clip.frame(1999)
    assert last.visible[1] > 0.9 and clip.frame(500).visible[1] == 0
    assert len(clip.frame(1060).others) == 1
    np.testing.assert_array_equal(clip.frame(1999).image, last.image)
    with pytest.raises(IndexError, match="0 to 1999"):
        clip.frame(2000)


def test_the_truth_is_what_is_seen(photos):
    clip = make_clip("occlusion", 0, photos)
    for t in (0, 20, 33, 60):
        frame = clip.frame(t)
        wrong = is_red(frame.image) ^ frame.ears[1]
        # Only pixels of the outline, which show both colors, can be told either way.
        outline = cv2.morphologyEx(
            frame.ears[1].astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
        )
        assert not (wrong & (outline == 0)).any()


def test_the_prompt_is_the_exact_box(photos):
    clip = make_clip("crossing", 1, photos)
    for ear in clip.prompt().objects:
        rows, columns = np.nonzero(clip.frame(0).ears[ear.id])
        expected = columns.min(), rows.min(), columns.max(), rows.max()
        assert ear.frames[0].box == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_every_pixel(photos, kind):
    one, same, other = (make_clip(kind, 1, photos, seed) for seed in (3, 3, 4))
    assert one.length == same.length
    for t in (50, 7):
        np.testing.assert_array_equal(one.frame(t).image, same.frame(t).image)
        np.testing.assert_array_equal(one.frame(t).ears[1], same.frame(t).ears[1])
    assert (one.frame(7).image != other.frame(7).image).any()


def test_figures_keep_their_place_and_size_when_they_are_drawn_small(photos):
    (person,) = photos.people(np.random.default_rng(0), 1)
    for size in (110, 50, 24):
        drawn = person.draw(Pose(200, 150, size, roll=0.3), 400, 300)
        mask = np.zeros((300, 400), bool)
        mask[drawn.window] = drawn.ear
        middle, longer = middle_and_size(mask)
        assert np.abs(middle - (200.5, 150.5)).max() < 1.5
        assert longer == pytest.approx(size, rel=0.12)
        assert mask.sum() == pytest.approx(person.whole(Pose(200, 150, size)), rel=0.06)
    assert person.draw(Pose(-900, 150, 60), 400, 300) is None


def test_a_figure_without_ear_has_no_area():
    thing = DRAWN.thing(np.random.default_rng(1))
    assert isinstance(thing, Figure) and thing.area == 0
    assert thing.draw(Pose(60, 60, 40), 120, 120).ear is None


def test_absences_by_hand():
    seen = np.array([0, 1, 0, 0, 0.2, 0])
    assert absences(seen) == [(0, 1), (2, 4), (5, 6)]
    assert absences(seen, 2) == [(2, 4)]


def test_too_few_people_and_unknown_kinds_are_told():
    with pytest.raises(EarvidError, match="three people"):
        PhotoMaterial([red_ear("own/a_1"), red_ear("own/a_2"), red_ear("own/b_1")])
    with pytest.raises(UsageError, match="clean, occlusion"):
        make_clip("rain", 0, DRAWN)
