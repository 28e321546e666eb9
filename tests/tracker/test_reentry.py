"""Losing an ear and finding it again, with the embedded model, drawn ears and a simple scout."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from earvid.models import load_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear
from earvid.tracker import Session, dump_session, label_frame, load_session
from earvid.tracker.looking import View
from earvid.tracker.looks import Looks, ReentrySettings, glimpse, overlap
from earvid.tracker.looks_state import put_looks, take_looks
from earvid.tracker.recall import believable
from earvid.tracker.reentry import Guard

WIDTH, HEIGHT = 400, 300
BLUE = np.array([-70, -20, 60])


class ColorScout:
    """Knows where ears were put, and tells them apart by their color."""

    same = 0.9

    def __init__(self):
        self.boxes, self.searches = [], 0

    def find(self, image, extent):
        self.searches += 1
        return self.boxes

    def describe(self, image, box):
        x0, y0, x1, y1 = (round(v) for v in box)
        inner = image[
            (3 * y0 + y1) // 4 : (y0 + 3 * y1) // 4, (3 * x0 + x1) // 4 : (x0 + 3 * x1) // 4
        ]
        color = inner.reshape(-1, 3).mean(0) - inner.mean()
        return (color / max(np.linalg.norm(color), 1e-6)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return load_model().model


@pytest.fixture(scope="module")
def ear():
    """One picture of an ear, and its mask."""
    shown = next(iter(make_clip(random_ear(4), 1, WIDTH, HEIGHT, seed=2, ear_height=0.3)))
    return shown.image, shown.mask


def placed(ear, x=0, y=0, scale=1.0, tint=None):
    """The ear with its surroundings, moved and scaled about its center, before a plain wall."""
    image, mask = ear
    left, top, w, h = cv2.boundingRect(mask.astype(np.uint8))
    cx, cy = left + w / 2, top + h / 2
    m = np.array([[scale, 0, cx + x - scale * cx], [0, scale, cy + y - scale * cy]])
    near = cv2.dilate(mask.astype(np.float32), np.ones((25, 25)))
    near = cv2.GaussianBlur(near, (0, 0), 4)
    picture = image if tint is None else np.clip(image + tint, 0, 255).astype(np.uint8)
    moved = cv2.warpAffine(picture, m, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.warpAffine(near, m, (WIDTH, HEIGHT))[..., None]
    truth = cv2.warpAffine(mask.astype(np.uint8), m, (WIDTH, HEIGHT)) > 0
    return (moved * weight + wall() * (1 - weight)).astype(np.uint8), truth


def wall():
    rng = np.random.default_rng(1)
    coarse = rng.integers(90, 130, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def box_of(mask):
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return float(x), float(y), float(x + w - 1), float(y + h - 1)


def prompted(*masks):
    return Prompt(
        tuple(
            ObjectPrompt(id=i, name=f"ear {i}", frames={0: FramePrompt(box=box_of(mask))})
            for i, mask in enumerate(masks, start=1)
        )
    )


def run(model, prompt, scout, script):
    """Track a list of ``(image, boxes)``; returns the results."""
    session = Session(model, prompt, WIDTH, HEIGHT, len(script), scout=scout)
    results = []
    for index, (image, boxes) in enumerate(script):
        scout.boxes = boxes
        results.append(session.step(SimpleNamespace(index=index, image=image)))
    return results


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


def painted(result, object_id=1):
    return label_frame(result.objects.values(), WIDTH, HEIGHT).labels == object_id


@pytest.mark.parametrize(("x", "y", "scale"), [(-110, 60, 0.65), (100, -20, 1.5)])
def test_an_ear_is_found_again_elsewhere_at_another_size(model, ear, x, y, scale):
    here, mask = placed(ear)
    there, truth = placed(ear, x, y, scale)
    script = [(here, [box_of(mask)])] * 4 + [(wall(), [])] * 12 + [(there, [box_of(truth)])] * 10
    results = run(model, prompted(mask), ColorScout(), script)
    assert not any(painted(r).any() for r in results[4:16])
    assert iou(painted(results[-1]), truth) > 0.7


def test_a_stranger_is_not_taken_for_the_lost_ear(model, ear):
    here, mask = placed(ear)
    stranger, _ = placed(ear, tint=BLUE)
    elsewhere, other = placed(ear, 90, 20, tint=BLUE)
    script = [(here, [box_of(mask)])] * 4 + [(wall(), [])] * 3
    script += [(stranger, [box_of(mask)])] * 6 + [(elsewhere, [box_of(other)])] * 6
    script += [(here, [box_of(mask)])] * 6
    results = run(model, prompted(mask), ColorScout(), script)
    assert not any(r.objects[1].present for r in results[7:19])
    assert all(r.objects[1].presence <= 0.5 for r in results[7:19])
    assert iou(painted(results[-1]), mask) > 0.8


def test_a_cut_to_a_stranger_in_the_same_place_is_noticed(model, ear):
    here, mask = placed(ear)
    stranger, _ = placed(ear, tint=BLUE)
    stranger = stranger.copy()
    stranger[~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))).astype(bool)] = (
        255 - wall()[~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))).astype(bool)]
    )
    results = run(model, prompted(mask), ColorScout(), [(here, [])] * 4 + [(stranger, [])] * 3)
    assert not any(r.objects[1].present for r in results[4:])


def test_the_frame_is_searched_while_the_ear_is_away_and_else_surveyed_now_and_then(model, ear):
    here, mask = placed(ear)
    scout = ColorScout()
    run(model, prompted(mask), scout, [(here, [])] * 27)
    assert scout.searches == 2  # once in 24 frames, and the first time at once
    scout = ColorScout()
    run(model, prompted(mask), scout, [(here, [])] * 2 + [(wall(), [])] * 12)
    assert 3 <= scout.searches <= 5


def test_two_ears_never_share_a_place(model, ear):
    """One ear is drawn over the other, and comes out again."""
    _, mask = placed(ear, -70)
    _, second = placed(ear, 70, tint=BLUE)

    def both(x):
        image, truth = placed(ear, -70 + x)
        blue, behind = placed(ear, 70, tint=BLUE)
        return np.where(behind[..., None] & ~truth[..., None], blue, image), truth, behind & ~truth

    script, truths = [], []
    for x in [0, 0, 25, 50, 75, 100, 125, 140, 140, 125, 100, 75, 50, 25, 0, 0, 0, 0]:
        image, front, behind = both(x)
        script.append((image, [box_of(mask) for mask in (front, behind) if mask.any()]))
        truths.append((front, behind))
    results = run(model, prompted(mask, second), ColorScout(), script)
    for result, (front, _) in zip(results[:-3], truths, strict=False):
        seen = [r for r in result.objects.values() if r.present]
        assert len(seen) < 2 or iou(painted(result, 2), front) < 0.5
    assert iou(painted(results[-1], 1), truths[-1][0]) > 0.7
    assert iou(painted(results[-1], 2), truths[-1][1]) > 0.7


def test_an_ear_that_was_prompted_twice_is_one_and_the_same_of_the_two(model, ear):
    script, truths = [], []
    for x in range(0, 60, 5):
        image, mask = placed(ear, x)
        script.append((image, [box_of(mask)]))
        truths.append(mask)
    inner = cv2.erode(truths[0].astype(np.uint8), np.ones((7, 7))) > 0
    results = run(model, prompted(truths[0], inner), ColorScout(), script)
    for result, truth in zip(results, truths, strict=True):
        first, second = result.objects[1], result.objects[2]
        assert iou(painted(result, 1), truth) > 0.6 and not painted(result, 2).any()
        assert not second.present and second.presence <= 0.5 and second.duplicate_of == 1
        assert first.present and first.duplicate_of == 0


def test_two_ears_that_touch_are_two(model, ear):
    left, first = placed(ear, -60)
    right, second = placed(ear, 60, tint=BLUE)
    half = np.arange(WIDTH)[None, :, None] < WIDTH // 2
    image = np.where(half, left, right)
    boxes = [box_of(first), box_of(second)]
    results = run(model, prompted(first, second), ColorScout(), [(image, boxes)] * 4)
    assert all(r.present and not r.duplicate_of for r in results[-1].objects.values())


def test_a_mask_in_pieces_has_a_lower_score_and_a_shred_is_no_ear(model, ear):
    image, mask = placed(ear)
    session = Session(model, prompted(mask), WIDTH, HEIGHT, 3, scout=ColorScout())
    session.step(SimpleNamespace(index=0, image=image))
    view = View(SimpleNamespace(index=1, image=image), session.engine, session.roi_settings)
    seen = session._recall.look(view, session.tracks[1], session.tracks[1].roi.roi())
    assert seen.present and seen.whole == 1
    halves = seen.prediction.logits.copy()
    middle = int(np.flatnonzero((halves > 0).any(1)).mean())
    halves[middle - 1 : middle + 2] = -9
    torn = replace(seen.prediction, logits=halves)
    box, whole = view.shape_of(torn, seen.roi)
    assert box is not None and 0.3 < whole < 0.8
    told = replace(seen, prediction=torn, whole=whole).result(1, 1, ())
    assert told.score < 0.95 * seen.result(1, 1, ()).score
    state, settings = session.tracks[1].roi, session.roi_settings
    assert believable(seen.prediction, state, settings)
    shred = replace(seen.prediction.entry, area=seen.prediction.entry.area / 30)
    assert not believable(replace(seen.prediction, entry=shred), state, settings)


def test_a_session_saved_while_the_ear_is_away_goes_on_exactly(model, ear):
    here, mask = placed(ear)
    there, truth = placed(ear, -100, 30, 0.8)
    images = [here] * 14 + [wall()] * 5 + [there] * 8
    scout = ColorScout()
    scout.boxes = [box_of(truth)]

    def session():
        return Session(model, prompted(mask), WIDTH, HEIGHT, 99, scout=scout)

    whole, first, second = session(), session(), session()
    for index, image in enumerate(images):
        frame = SimpleNamespace(index=index, image=image)
        expected = whole.step(frame).objects[1]
        if index < 17:
            first.step(frame)
            continue
        if index == 17:
            load_session(second, dump_session(first))
        got = second.step(frame).objects[1]
        assert np.array_equal(got.logits, expected.logits) and got.roi == expected.roi
    assert expected.present and dump_session(whole) == dump_session(second)


def test_views_are_gathered_only_when_they_are_surely_of_the_ear_and_new():
    looks, settings = Looks({0: np.array([1, 0], np.float32)}), ReentrySettings(views=2)
    for angle in (0.1, 0.6, 2.0, 0.8, 1.2, 1.7):
        looks.gather(np.array([np.cos(angle), np.sin(angle)], np.float32), settings)
    # 0.1 and 0.8 show nothing new, 2.0 is another ear, and the rest extends what is known.
    assert [round(float(np.arccos(v[0])), 1) for v in looks.views] == [1.2, 1.7]


def test_glimpses_ignore_light_and_notice_cuts():
    image, other = wall(), 255 - wall()
    assert np.dot(glimpse(image), glimpse((image * 0.5).astype(np.uint8))) > 0.95
    assert np.dot(glimpse(image), glimpse(other)) < 0


def test_without_a_crop_there_is_no_guard(model, ear):
    _, mask = placed(ear)
    session = Session(model, prompted(mask), WIDTH, HEIGHT, 9, roi=None, scout=ColorScout())
    assert session.lookout is None


def test_a_candidate_belongs_to_the_ear_that_it_is_most_like():
    red, blue = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    scout = SimpleNamespace(
        same=0.3, find=lambda image, extent: [(0, 0, 9, 9), (20, 0, 29, 9), (40, 0, 49, 9)],
        describe=lambda image, box: {0: red, 20: blue}.get(box[0], (red + 2 * blue) / 5**0.5),
    )  # fmt: skip
    guard = Guard(scout)
    mine, other = Looks({0: blue}), Looks({0: red}, box=(0.0, 0.0, 9.0, 9.0))
    found = guard.candidates(wall(), 10, mine, [other])
    assert found == [(20, 0, 29, 9), (40, 0, 49, 9)]
    assert guard.candidates(wall(), 10, other, [Looks({0: blue})]) == [(0, 0, 9, 9)]


def test_of_two_ears_in_one_place_the_one_that_is_not_like_it_yields_and_else_always_the_same():
    red, blue = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    both = (red + blue) / np.float32(2**0.5)
    guard = Guard(ColorScout())
    assert guard.yields([blue], {1: Looks({0: red}), 2: Looks({0: blue})}) == 1
    assert guard.yields([red], {1: Looks({0: red}), 2: Looks({0: blue})}) == 2
    # One ear that was prompted twice,
    assert guard.yields([both], {1: Looks({0: both}), 2: Looks({0: both})}) == 2
    assert guard.yields([both], {1: Looks({0: both}, duplicate_of=2), 2: Looks({0: both})}) == 1
    # and two, one of which kept the place of the other.
    assert guard.yields([red], {1: Looks({0: red}, duplicate_of=2), 2: Looks({0: blue})}) == 2


def test_an_ear_that_was_seen_beside_another_is_not_taken_for_it():
    """Two ears that a description hardly tells apart, as those of twins."""
    mine, twin = (np.array([np.cos(a), np.sin(a)], np.float32) for a in (0.0, 0.4))
    places = {0: mine, 20: twin}
    scout = SimpleNamespace(
        same=0.5, find=lambda image, extent: [(0, 0, 9, 9), (20, 0, 29, 9)],
        describe=lambda image, box: places[round(box[0])],
    )  # fmt: skip
    guard = Guard(scout)
    looks = Looks({0: mine}, box=(0.0, 0.0, 9.0, 9.0), steady=1)
    assert guard.candidates(wall(), 10, Looks({0: mine}), []) == [(0, 0, 9, 9), (20, 0, 29, 9)]
    assert guard.surveys(looks)
    guard.survey(looks, wall(), 10, [])
    assert len(looks.strangers) == 1 and np.array_equal(looks.strangers[0], twin)
    looks.box, looks.glimpse, looks.last = None, None, None  # it has left
    places.pop(0)
    scout.find = lambda image, extent: [(20, 0, 29, 9)]
    assert guard.candidates(wall(), 10, looks, []) == []
    assert guard.refuses(looks, twin, glimpse(wall()), (20.0, 0.0, 29.0, 9.0), [])


def test_what_is_more_like_the_ear_than_what_is_tracked_is_no_stranger():
    mine, other = (np.array([np.cos(a), np.sin(a)], np.float32) for a in (0.0, 0.6))
    scout = SimpleNamespace(
        same=0.5, find=lambda image, extent: [(20, 0, 29, 9)], describe=lambda image, box: mine
    )
    looks = Looks({0: mine}, box=(0.0, 0.0, 9.0, 9.0), steady=1)
    looks.accept(other, float(mine @ other), contested=False)  # the mask has slid to another ear
    Guard(scout).survey(looks, wall(), 10, [])
    assert looks.strangers == []


def test_the_more_constant_an_ear_looked_the_more_like_that_it_must_be():
    constant, lively = Looks(), Looks()
    for k in range(80):
        constant.accept(np.zeros(2, np.float32), 0.97, contested=False)
        lively.accept(np.zeros(2, np.float32), 0.97 - 0.2 * (k % 2), contested=False)
    guard = Guard(SimpleNamespace(same=0.5))
    assert guard.needed(constant) == pytest.approx(0.87, abs=0.02)
    assert 0.5 <= guard.needed(lively) < 0.65


def test_a_view_is_not_gathered_while_another_ear_may_be_seen():
    looks, settings = Looks({0: np.array([1, 0], np.float32)}, steady=12), ReentrySettings()
    assert looks.gathers(0.9, settings)
    looks.contested = True
    assert not looks.gathers(0.9, settings)


def test_a_prompt_on_an_ear_that_was_taken_for_a_stranger_puts_that_right(ear):
    image, mask = placed(ear)
    guard, looks = Guard(ColorScout()), Looks(doubtful=9, contested=True)
    looks.avoid(guard.scout.describe(image, box_of(mask)), guard.settings)
    assert looks.strangers
    guard.meet(looks, 3, image, box_of(mask))
    assert looks.strangers == [] and not looks.contested and looks.doubtful == 0


def test_all_that_is_known_of_looks_is_saved():
    full = Looks(
        {0: np.ones(3, np.float32), 7: np.zeros(3, np.float32)},
        [np.full(3, 2, np.float32)],
        np.full(4, 3, np.float32),
        (1.0, 2.0, 3.0, 4.0),
        np.full(3, 5, np.float32),
        6, 0.7, 0.8, 0.09, 10,
        [np.full(3, 11, np.float32)],
        True,
        12,
    )  # fmt: skip
    tensors: dict = {}
    plain = json.loads(json.dumps(put_looks(tensors, "a", full)))
    back = take_looks(tensors, "a", plain)
    blank = Looks()
    for field in fields(Looks):
        value = getattr(full, field.name)
        assert repr(value) != repr(getattr(blank, field.name)), f"{field.name} is not tested"
        assert repr(getattr(back, field.name)) == repr(value), field.name


def test_overlap_counts_pixels():
    assert overlap((0, 0, 9, 9), (0, 0, 9, 9)) == 1 and overlap((0, 0, 9, 9), (10, 0, 19, 9)) == 0
    assert overlap((0, 0, 9, 9), (5, 0, 14, 9)) == pytest.approx(1 / 3)
