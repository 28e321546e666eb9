import numpy as np
import pytest

from earvid.detect.detector import Detection
from earvid.detect.linking import link
from earvid.detect.sampling import SPREAD, Sighting, nearby, spread


def sighting(frame, x, y=100.0, height=60.0, side="right", sure=0.95, confidence=0.9):
    box = (x - 0.3 * height, y - height / 2, x + 0.3 * height, y + height / 2)
    return Sighting(frame, frame / 30, Detection(box, confidence, side, sure), 100.0, False)


def head(frame, x, height=60.0, **kwargs):
    """Both ears of a frontal head, the image-left one being the right one."""
    return [
        sighting(frame, x - 1.5 * height, height=height, side="right", **kwargs),
        sighting(frame, x + 1.5 * height, height=height, side="left", **kwargs),
    ]


def places(ear):
    return [s.frame for s in ear.sightings]


def test_the_two_ears_of_a_moving_head_are_two_ears():
    seen = [s for t in range(10) for s in head(10 * t, 300 + 20 * t)]
    ears = link(seen, 10)
    assert {e.name for e in ears} == {"left", "right"}
    assert all(places(e) == list(range(0, 100, 10)) for e in ears)
    assert all(e.confidence == pytest.approx(0.9) for e in ears)


def test_the_order_of_sightings_does_not_matter():
    seen = [s for t in range(8) for s in head(5 * t, 300 + 9 * t) + head(5 * t, 900, height=40)]
    shuffled = [seen[i] for i in np.random.default_rng(3).permutation(len(seen))]
    assert link(seen, 8) == link(shuffled, 8)


def test_two_people_are_numbered_the_more_certain_first():
    seen = [
        s
        for t in range(6)
        for s in head(t, 300, confidence=0.9) + head(t, 1500, height=40, confidence=0.7)
    ]
    assert [e.name for e in link(seen, 6)] == ["right", "left", "right_2", "left_2"] or [
        e.name for e in link(seen, 6)
    ] == ["left", "right", "left_2", "right_2"]


def test_an_ear_that_was_turned_away_is_the_same_when_it_comes_back():
    seen = [sighting(t, 300 + t) for t in (0, 1, 2, 7, 8, 9)]
    seen += [sighting(t, 320, side="left") for t in (4, 5)]  # the other one shows in between
    ears = link(seen, 10)
    assert [(e.name, places(e)) for e in ears] == [
        ("right", [0, 1, 2, 7, 8, 9]),
        ("left", [4, 5]),
    ]
    assert ears[1].confidence < ears[0].confidence  # seen only twice


def test_an_ear_seen_once_is_uncertain_unless_there_was_one_frame_to_look_at():
    assert link([sighting(0, 300)], 24)[0].confidence == pytest.approx(0.3)
    assert link([sighting(0, 300)], 1)[0].confidence == pytest.approx(0.9)


def test_doubtful_sides_of_one_head_are_told_by_their_places():
    seen = []
    for t in range(5):
        right, left = head(t, 300)
        seen += [right, sighting(t, left.center[0], side="right", sure=0.6)]
    names = {e.name: e.sightings[0].center[0] for e in link(seen, 5)}
    assert set(names) == {"left", "right"} and names["right"] < names["left"]


def test_nothing_links_to_nothing():
    assert link([], 24) == ()


@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 587, 100_000])
def test_frames_are_spread_over_the_clip(frames):
    chosen = spread(frames)
    assert len(set(chosen)) == len(chosen) == min(frames, SPREAD)
    assert min(chosen) >= 0 and max(chosen) < frames
    gaps = np.diff([-1, *chosen, frames])
    assert gaps.max() <= frames / len(chosen) + 1


def test_nearby_frames_are_new_and_inside_the_clip():
    for frame in (0, 12, 586):
        more = nearby(frame, 587, spread(587))
        assert more and not set(more) & set(spread(587))
        assert all(0 <= t < 587 and abs(t - frame) <= 587 / SPREAD for t in more)
    assert nearby(3, 10, range(10)) == ()
