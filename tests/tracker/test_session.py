"""Sessions with the crop that follows, on a model with random weights: structure, not accuracy."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from earvid.errors import PromptError, StoreError
from earvid.models import NanoConfig, build_nano, load_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import (
    RoiSettings,
    Session,
    dump_results,
    dump_session,
    label_frame,
    load_results,
    load_session,
)
from earvid.tracker.results import ObjectResult
from earvid.tracker.roi import Roi

WIDTH, HEIGHT, COUNT = 120, 90, 14


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    model = build_nano(NanoConfig(image_size=64))
    with torch.no_grad():  # random weights, but sure that something is there
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3.0)
    return model


def frame(index):
    rng = np.random.default_rng(index)
    small = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return SimpleNamespace(index=index, image=np.kron(small, np.ones((10, 10, 1), np.uint8)))


def two_ears():
    box = FramePrompt(box=(20, 20, 50, 60))
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[30:60, 70:95] = True
    return Prompt(
        (
            ObjectPrompt(id=1, name="left", frames={4: box}),
            ObjectPrompt(id=7, name="right", frames={6: FramePrompt(mask=mask), 10: box}),
        )
    )


def session(model, prompt=None):
    return Session(model, prompt or two_ears(), WIDTH, HEIGHT, COUNT)


def same(a, b):
    assert a.index == b.index and a.objects.keys() == b.objects.keys()
    for key in a.objects:
        left, right = vars(a.objects[key]), vars(b.objects[key])
        for name in left:
            nan = isinstance(left[name], float)  # as of ears that nobody looked for
            assert np.array_equal(left[name], right[name], equal_nan=nan), name


def test_ears_join_at_their_keyframes(model):
    s = session(model)
    seen = {t: set(s.step(frame(t)).objects) for t in range(4, COUNT)}
    assert seen[4] == seen[5] == {1} and seen[6] == seen[13] == {1, 7}
    back = s.backward()
    seen = {t: set(back.step(frame(t)).objects) for t in range(5, -1, -1)}
    assert seen[5] == seen[4] == {7} and seen[3] == seen[0] == {1, 7}


@pytest.mark.parametrize("stop", [4, 5, 6, 9, 11])
def test_a_restored_session_goes_on_bit_for_bit(model, stop):
    whole = session(model)
    expected = [whole.step(frame(t)) for t in range(4, COUNT)]
    back = whole.backward()
    expected_back = [back.step(frame(t)) for t in range(5, -1, -1)]

    first = session(model)
    got = [first.step(frame(t)) for t in range(4, stop)]
    second = session(model)
    load_session(second, dump_session(first))
    got += [second.step(frame(t)) for t in range(stop, COUNT)]
    for a, b in zip(got, expected, strict=True):
        same(a, b)
    third = session(model).backward()
    load_session(third, dump_session(second.backward()))
    for a, b in zip([third.step(frame(t)) for t in range(5, -1, -1)], expected_back, strict=True):
        same(a, b)


def test_results_survive_as_bytes(model):
    s = session(model)
    results = [s.step(frame(t)) for t in range(4, 8)]
    back = load_results(dump_results(results))
    for result in results:
        same(back[result.index], result)


def test_state_of_another_prompt_is_refused(model):
    other = Prompt((ObjectPrompt(id=2, name="x", frames={0: FramePrompt(box=(1, 1, 20, 20))}),))
    with pytest.raises(StoreError, match="another prompt"):
        load_session(session(model, other), dump_session(session(model)))
    with pytest.raises(StoreError, match="damaged"):
        load_session(session(model), b"no safetensors")


def test_memory_does_not_grow(model):
    box = Prompt((ObjectPrompt(id=1, name="a", frames={0: FramePrompt(box=(20, 20, 50, 60))}),))
    s = Session(model, box, WIDTH, HEIGHT, 1000)
    sizes = []
    for t in range(60):
        s.step(frame(t))
        sizes.append(len(dump_session(s)))
    assert max(sizes[30:]) - min(sizes[30:]) < 200  # digits of numbers in the text part


def with_absence(*ranges):
    left, right = two_ears().objects
    return Prompt((replace(left, absent=ranges), right))


def test_where_an_ear_is_said_to_be_absent_nobody_looks_and_nothing_is_learned(model):
    s, looked = session(model, with_absence((0, 2), (7, 10))), []
    track = s.engine.track
    s.engine.track = lambda index, *more: (looked.append(index), track(index, *more))[1]
    for t in range(4, 7):
        s.step(frame(t))
    entries, side, state = dict(s.tracks[1].bank.recent), s.tracks[1].roi.side, s.tracks[1].roi
    for t in range(7, 10):
        looked.clear()
        result = s.step(frame(t)).objects
        gone, other = result[1], result[7]
        assert looked == [t] and other.memory  # for the other ear
        assert (gone.present, gone.presence, gone.memory) == (False, 0.0, ())
        assert np.isnan(gone.score) and (gone.logits < 0).all() and not gone.keyframe
    assert s.tracks[1].bank.recent == entries
    assert (s.tracks[1].roi.absent, state.absent) == (3, 0) and s.tracks[1].roi.side >= side
    later = s.step(frame(10)).objects[1]
    assert not np.isin(later.memory, [7, 8, 9]).any() and later.memory
    back = s.backward()
    said = {t: back.step(frame(t)).objects[1].presence for t in range(3, -1, -1)}
    assert said[1] == said[0] == 0.0 < said[2]


def test_without_any_ear_there_is_no_inference_and_a_damaged_frame_is_no_news(model):
    out = ObjectPrompt(id=3, name="out", frames={}, absent=((0, COUNT),))
    s = session(model, Prompt((*with_absence((5, 6)).objects[:1], out)))
    for t in range(5):
        assert s.step(frame(t)).objects[3].presence == 0.0
    s.engine.encode = s.engine.track = None
    result = s.step(frame(5))
    assert set(result.objects) == {1, 3} and not any(one.present for one in result.objects.values())
    t = session(model, Prompt(s.prompt.objects))
    for index in range(5):
        t.step(frame(index))
    same(t.skip(5), result)
    assert np.isnan(t.skip(6).objects[1].presence)
    blank = session(model, Prompt((out,)))
    assert [set(blank.step(frame(index)).objects) for index in range(3)] == [{3}] * 3


@pytest.mark.parametrize("stop", [7, 8, 10])
def test_a_session_restored_amid_an_absence_goes_on_bit_for_bit(model, stop):
    prompt = with_absence((7, 10))
    whole, first = session(model, prompt), session(model, prompt)
    expected = [whole.step(frame(t)) for t in range(4, COUNT)]
    got = [first.step(frame(t)) for t in range(4, stop)]
    second = session(model, prompt)
    load_session(second, dump_session(first))
    got += [second.step(frame(t)) for t in range(stop, COUNT)]
    for a, b in zip(got, expected, strict=True):
        same(a, b)


def test_a_damaged_frame_is_absent_and_leaves_no_trace(model):
    s, t = session(model), session(model)
    for index in range(4, 8):
        s.step(frame(index))
        t.step(frame(index))
    before = dump_session(s)
    skipped = s.skip(8)
    assert not any(r.present for r in skipped.objects.values())
    assert dump_session(s) == before
    with pytest.raises(PromptError, match="keyframe 10 of right"):
        s.skip(10)


def test_points_alone_find_the_size_of_the_crop(model):
    click = FramePrompt(points=np.array([[60.0, 45.0]], np.float32))
    prompt = Prompt((ObjectPrompt(id=1, name="a", frames={0: click}),))
    result = session(model, prompt).step(frame(0)).objects[1]
    assert result.keyframe and result.roi.width == result.roi.height


def test_a_few_landmarks_alone_are_a_prompt(model):
    few = FramePrompt(landmarks={"tragus": (58.0, 44.0), "lobule": (60.0, 60.0)})
    prompt = Prompt((ObjectPrompt(id=1, name="a", frames={0: few}),))
    assert session(model, prompt).step(frame(0)).objects[1].keyframe


def drawn(object_id, x0, x1, level, keyframe=False):
    """An ear whose mask is a rectangle, with logits of one level."""
    logits = np.full((HEIGHT, WIDTH), -9, np.float32)
    logits[20:60, x0:x1] = level
    roi = Roi(0, 0, WIDTH, HEIGHT)
    return ObjectResult(object_id, 5, logits, roi, 0.8, 0.9, True, (0,), keyframe)


def test_where_the_outlines_of_two_ears_overlap_the_higher_logit_wins():
    labels = label_frame([drawn(1, 10, 40, 3), drawn(7, 34, 70, 5)], WIDTH, HEIGHT).labels
    assert (labels[30, 10:34] == 1).all() and (labels[30, 34:70] == 7).all()


def test_two_masks_of_one_ear_are_not_dealt_out():
    """Whoever made them: a run without a crop, or the two directions of one."""
    ears = [drawn(7, 20, 60, 5), drawn(1, 10, 50, 3), drawn(3, 80, 100, 2)]
    frame = label_frame(ears, WIDTH, HEIGHT)
    assert frame.duplicates == {7: 1}
    assert frame.areas == {1: 40 * 40, 3: 40 * 20} and set(np.unique(frame.labels)) == {0, 1, 3}
    prompted = label_frame([drawn(1, 10, 50, 3), drawn(7, 20, 60, 5, True)], WIDTH, HEIGHT)
    assert prompted.duplicates == {1: 7} and set(np.unique(prompted.labels)) == {0, 7}
    inside = label_frame([drawn(1, 10, 70, 3), drawn(2, 20, 30, 5)], WIDTH, HEIGHT)
    assert inside.duplicates == {2: 1} and (inside.labels[30, 10:70] == 1).all()


class Plain:
    """Takes every ear for the same one, and finds none elsewhere."""

    same = 0.5

    def find(self, image, extent):
        return []

    def describe(self, image, box):
        return np.array([1.0, 0.0], np.float32)


@pytest.mark.parametrize("roi", [RoiSettings(), None])
@pytest.mark.parametrize("ears", [1, 2])
@pytest.mark.parametrize("policy", ["fifo", "self-sorting"])
def test_side_by_side_gives_the_same_bit_for_bit(model, roi, ears, policy):
    beside_and_alone(model, roi, ears, policy)


@pytest.mark.parametrize("how", [{}, {"dtype": "bfloat16"}, {"quantize": "int8"}], ids=str)
@pytest.mark.parametrize("alternatives", [False, True])
def test_and_so_it_does_with_layers_that_are_laid_out(how, alternatives):
    torch.set_num_threads(1)
    loaded = load_model(**how)
    beside_and_alone(loaded.model, RoiSettings(), 2, "self-sorting", alternatives=alternatives)


def test_a_memory_that_cannot_be_made_is_told(model, monkeypatch):
    s = Session(model, Prompt(two_ears().objects[:1]), WIDTH, HEIGHT, COUNT, beside=2)
    s.step(frame(4))
    monkeypatch.setattr(model.memory_encoder, "forward", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        for t in range(5, COUNT):
            s.step(frame(t))


def beside_and_alone(model, roi, ears, policy, **more):
    prompt = Prompt(two_ears().objects[:ears])

    def run(beside):
        settings = {"roi": roi, "policy": policy, "scout": Plain(), "beside": beside, **more}
        one = Session(model, prompt, WIDTH, HEIGHT, COUNT, **settings)
        results = [one.step(frame(t)) for t in range(4, COUNT)]
        state = dump_session(one)
        back = one.backward()
        return [*results, *(back.step(frame(t)) for t in range(3, -1, -1))], state

    alone, together = run(1), run(3)
    for a, b in zip(alone[0], together[0], strict=True):
        same(a, b)
    assert alone[1] == together[1]
