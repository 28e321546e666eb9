import numpy as np
import pytest
import torch

from earvid.detect.candidates import Candidate, FoundEar
from earvid.detect.choose import judge_ears, refusal
from earvid.detect.detector import Detection, distinct
from earvid.detect.linking import link
from earvid.detect.sampling import SPREAD, Sighting, between, nearby, spread
from earvid.detect.verify import Check


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


def names(ears):
    return [f"{e.side}_{e.person + 1}" if e.person else e.side for e in ears if not e.rejected]


def test_the_two_ears_of_a_moving_head_are_two_ears():
    seen = [s for t in range(10) for s in head(10 * t, 300 + 20 * t)]
    ears = link(seen, 10)
    assert set(names(ears)) == {"left", "right"}
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
    told = names(link(seen, 6))
    assert set(told[:2]) == {"left", "right"} and set(told[2:]) == {"left_2", "right_2"}


def test_an_ear_that_was_turned_away_is_the_same_when_it_comes_back():
    seen = [sighting(t, 300 + t) for t in (0, 1, 2, 7, 8, 9)]
    seen += [sighting(t, 320, side="left") for t in (4, 5)]  # the other one shows in between
    ears = link(seen, 10)
    assert [(e.side, e.person, places(e)) for e in ears] == [
        ("right", 0, [0, 1, 2, 7, 8, 9]),
        ("left", 0, [4, 5]),
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
    where = {e.side: e.sightings[0].center[0] for e in link(seen, 5)}
    assert set(where) == {"left", "right"} and where["right"] < where["left"]


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


def test_a_head_has_one_ear_of_a_kind():
    """A hand beside the face, a bottle before it, glasses: the ear is what is seen best."""
    seen = [s for t in range(12) for s in head(t, 300)]
    seen += [sighting(t, 330, y=150, side="right", confidence=0.8) for t in range(6)]
    ears = link(seen, 12)
    assert sorted(names(ears)) == ["left", "right"]
    (other,) = (e for e in ears if e.rejected)
    assert "has a right ear that is better to be seen" in other.rejected


def test_the_ears_of_a_head_are_of_one_size_and_on_either_side_of_it():
    for x, y, height in ((330, 100, 120), (250, 200, 60)):
        seen = [s for t in range(9) for s in head(t, 300)[:1]]
        seen += [sighting(t, x, y=y, height=height, side="left", confidence=0.7) for t in range(9)]
        ears = link(seen, 9)
        assert names(ears) == ["right"], (y, height)
        assert "is not where the left ear of that head can be" in ears[1].rejected


def test_people_apart_are_people_even_if_each_shows_the_same_side():
    seen = [sighting(t, x, side="right") for t in range(9) for x in (100, 500, 900)]
    assert sorted(names(link(seen, 9))) == ["right", "right_2", "right_3"]


def test_chains_that_meet_on_few_frames_are_one_ear():
    seen = [sighting(t, 300) for t in (*range(8), *range(9, 22))]
    seen += [sighting(t, 460, confidence=0.12) for t in (8, 9, 10)]  # where the chain slips to
    ears = link(seen, 24)
    assert names(ears) == ["right"] and len(places(ears[0])) >= 20


def test_a_side_that_is_told_wrongly_now_and_then_makes_no_second_ear():
    seen = [sighting(t, 300 + 2 * t, side="left" if t % 3 else "right", sure=0.9)
            for t in range(18)]  # fmt: skip
    assert names(link(seen, 18)) == ["left"]


def test_a_head_that_moves_by_its_own_width_keeps_its_ears():
    seen = [s for t in range(10) for s in head(t, 300 + 3 * 60 * (t % 2))]
    ears = link(seen, 10)
    assert sorted(names(ears)) == ["left", "right"] and not any(e.rejected for e in ears)
    assert all(len(places(e)) == 10 for e in ears)


BOXES = {  # of one ear: thin ones, as they were found on frontal heads, and moving ones
    "slipped up": [(326, 135, 337, 158, 0.65, 0.0), (320, 124, 333, 152, 0.31, 0.0)],
    "slipped aside": [(406, 258, 434, 345, 0.59, 0.0), (419, 239, 443, 313, 0.34, 0.0)],
    "a part": [(397, 229, 436, 332, 0.94, 0.0), (399, 280, 417, 330, 0.2, 0.05)],
    "its earring": [(409, 229, 429, 292, 0.74, 0.0), (399, 299, 417, 356, 0.15, 0.0)],
    "of a doubtful side": [(100, 100, 130, 160, 0.8, 0.9), (112, 80, 140, 138, 0.7, 0.4)],
}


@pytest.mark.parametrize("boxes", BOXES.values(), ids=BOXES)
def test_one_ear_gives_one_box(boxes):
    kept = distinct(torch.tensor(boxes))
    assert len(kept) == 1 and kept[0, 4] == pytest.approx(max(b[4] for b in boxes))


def test_two_ears_give_two_boxes():
    pair = [(100, 100, 130, 160, 0.9, 1.0), (160, 102, 184, 160, 0.6, 0.0)]  # nearly edge-on
    apart = [(100, 100, 130, 160, 0.9, 1.0), (220, 100, 250, 160, 0.8, 1.0)]  # of two people
    assert len(distinct(torch.tensor(pair))) == len(distinct(torch.tensor(apart))) == 2


def test_more_frames_are_looked_at_where_an_ear_comes_goes_or_moves():
    looked = list(range(0, 240, 10))
    still = link([sighting(t, 300) for t in looked], 24)
    assert between(still, looked) == ()
    comes = link([sighting(t, 300) for t in looked[10:]], 24)
    assert between(comes, looked) == (95,)
    runs = link([sighting(t, 300 + 7 * t) for t in looked], 24)
    assert between(runs, looked) == tuple(range(5, 235, 10))


def found(side, person, confidence=0.9, **more):
    candidate = Candidate(3, 0.1, "?", (1.0, 2.0, 9.0, 22.0), confidence, 0.5)
    return FoundEar(side, person, confidence, 5, (candidate,), **more).named(person)


SEEN, UNSEEN = Check(0.8, 0.8, 0.8), Check(0.8, 0.1, 0.0)


def decide(ears, check=lambda clip, candidate: SEEN):
    return judge_ears(range(30), ears, verifier=check)


def test_people_who_are_tracked_are_numbered_without_a_gap():
    ears = [
        found("right", 0, 0.2),  # too faint
        found("left", 3), found("right", 2), found("left", 2), found("left", 5, 0.1),
    ]  # fmt: skip
    judged = decide(ears)
    taken = {one.ear.name for one in judged if one.keyframe is not None}
    assert taken == {"right", "left", "left_2"}
    assert all(one.keyframe.name == one.ear.name for one in judged if one.keyframe is not None)


def test_a_refusal_offers_a_command_only_for_what_may_be_an_ear(tmp_path):
    clip = tmp_path / "clip.mp4"
    face = decide([found("left", 0)], lambda clip, candidate: UNSEEN)
    assert "earvid track" not in refusal(clip, face)
    assert "the tracking model sees no ear there" in refusal(clip, face)
    hand = decide([found("left", 0, rejected="its head has a left ear that is better to be seen")])
    assert "earvid track" not in refusal(clip, hand) and "better to be seen" in refusal(clip, hand)
    faint = decide([found("left", 0, 0.3)], lambda clip, candidate: Check(0.7, 0.7, 0.4))
    assert "earvid track" in refusal(clip, faint) and "below 0.5" in refusal(clip, faint)


def test_what_the_models_make_of_a_keyframe_counts():
    detected = 0.5
    sure = SEEN.confidence(detected)
    assert sure > Check(0.8, 0.8, 0.1).confidence(detected) > UNSEEN.confidence(detected)
    assert sure > SEEN.confidence(0.3) and 0 < UNSEEN.confidence(0.05) < sure < 1
