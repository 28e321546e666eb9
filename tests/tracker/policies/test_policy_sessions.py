"""Whole sessions with every policy: the sample clip, resuming, and policies of one's own."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch

from earvid.errors import StoreError, UsageError
from earvid.evaluate.metrics import iou
from earvid.models import NanoConfig, build_nano, load_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.tracker import (
    POLICIES,
    Fifo,
    MemoryPolicy,
    Selection,
    Session,
    dump_session,
    label_frame,
    load_session,
    policy,
)
from earvid.video import Clip

WIDTH, HEIGHT, COUNT, KEYFRAME = 120, 90, 24, 10
EAGER = {  # so that anchors, trades and re-ranking happen within a few frames
    "fifo": {},
    "gated": {"threshold": 0.3},
    "self-sorting": {"size": 4},
    "motion": {"steady": 2, "steady_score": 0.0, "weight": 1.0},
    "distractor": {"min_score": 0.0, "gap": 1, "steadiness": 1.0, "overlap": 1.0, "stride": 2},
}
every_policy = pytest.mark.parametrize("name", POLICIES)


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


def prompt():
    box = FramePrompt(box=(20, 20, 60, 70))
    return Prompt(
        (
            ObjectPrompt(id=1, name="left", frames={KEYFRAME: box, KEYFRAME + 7: box}),
            ObjectPrompt(id=7, name="right", frames={KEYFRAME: FramePrompt(box=(60, 5, 99, 60))}),
        )
    )


def session(model, how):
    made = policy(how, **EAGER[how]) if isinstance(how, str) else how
    return Session(model, prompt(), WIDTH, HEIGHT, COUNT, policy=made, alternatives=True)


def same(a, b):
    assert a.index == b.index and a.objects.keys() == b.objects.keys()
    for key in a.objects:
        left, right = vars(a.objects[key]), vars(b.objects[key])
        for name in left:
            assert np.array_equal(left[name], right[name]), name


def same_entries(a, b):
    for key, track in a.tracks.items():
        for part in ("keyframes", "recent", "anchors"):
            left, right = getattr(track.bank, part), getattr(b.tracks[key].bank, part)
            assert list(left) == list(right)
            for index in left:
                for name, value in vars(left[index]).items():
                    other = getattr(right[index], name)
                    tensors = isinstance(value, torch.Tensor)
                    assert torch.equal(value, other) if tensors else value == other, name


def stepped(one, order, stop, fresh):
    """Run a session, replaced after ``stop`` frames by a new one that its bytes are loaded into."""
    results = []
    for n, t in enumerate(order):
        if n == stop:
            before, data = one, dump_session(one)
            one = fresh()
            load_session(one, data)
            assert dump_session(one) == data
            same_entries(before, one)
        results.append(one.step(frame(t)))
    return one, results


@every_policy
def test_a_restored_session_goes_on_bit_for_bit_both_ways(model, name):
    stop = 6
    ahead, behind = range(KEYFRAME, COUNT), range(KEYFRAME - 1, -1, -1)

    def backward():
        return session(model, name).backward()

    whole, expected = stepped(session(model, name), ahead, None, None)
    whole_back, expected_back = stepped(whole.backward(), behind, None, None)
    cut, got = stepped(session(model, name), ahead, stop, lambda: session(model, name))
    cut_back, got_back = stepped(cut.backward(), behind, stop, backward)
    for a, b in zip([*expected, *expected_back], [*got, *got_back], strict=True):
        same(a, b)
    assert dump_session(cut_back) == dump_session(whole_back)
    bank = whole.tracks[1].bank
    assert bank.numbers or name not in ("motion", "distractor")  # the test is void otherwise
    assert bank.anchors or name != "distractor"


def test_the_state_of_another_policy_is_refused(model):
    data = dump_session(session(model, "gated"))
    with pytest.raises(StoreError, match="policy gated"):
        load_session(session(model, "fifo"), data)


@pytest.mark.parametrize("name", POLICIES[1:])
def test_the_way_back_is_the_way_forward_of_the_clip_turned_around(model, name):
    box = FramePrompt(box=(20, 20, 60, 70))

    def begun(keyframe):
        given = Prompt((ObjectPrompt(id=1, name="a", frames={keyframe: box}),))
        made = policy(name, **EAGER[name])
        return Session(model, given, WIDTH, HEIGHT, 21, policy=made, alternatives=True)

    def mirrored(t):
        return SimpleNamespace(index=t, image=frame(20 - t).image)

    there, turned = begun(20), begun(0)
    there.step(frame(20))
    turned.step(mirrored(0))
    back = there.backward()
    for t in range(1, 21):
        a, b = back.step(frame(20 - t)).objects[1], turned.step(mirrored(t)).objects[1]
        assert a.roi == b.roi and a.score == b.score
        assert [20 - m for m in a.memory] == list(b.memory)
        assert np.array_equal(a.logits, b.logits)


@pytest.fixture(scope="module")
def sample():
    given = Prompt.load(sample_path("ear.prompt.json"))
    keyframe = given.objects[0].first_keyframe
    with Clip.open(sample_path("ear.mp4")) as clip:
        images = list(clip.frames(keyframe - 8, keyframe + 9))
        info = clip.info
    return load_model().model, given, images, info, load_truth()


@every_policy
def test_the_sample_clip_from_the_middle_both_ways(sample, name):
    model, given, images, info, truth = sample
    by_index = {f.index: f for f in images}
    keyframe = given.objects[0].first_keyframe
    one = Session(model, given, info.width, info.height, info.frame_count, policy=name)
    results = [one.step(by_index[t]) for t in range(keyframe, keyframe + 9)]
    back = one.backward()
    results += [back.step(by_index[t]) for t in range(keyframe - 1, keyframe - 9, -1)]
    for r in results:
        painted = label_frame(r.objects.values(), info.width, info.height).labels > 0
        assert iou(painted, truth.masks[r.index]) > 0.85
        memory = r.objects[1].memory
        assert keyframe in memory and len(set(memory)) == len(memory)
        assert len(memory) <= one.policy.slots(1)
    far = results[8].objects[1].memory
    assert len(far) == 7 or name == "distractor"


# --- of one's own ----------------------------------------------------------------------------


@dataclass(frozen=True)
class EveryFourth(MemoryPolicy):
    """Remembers every fourth frame."""

    maps: int = 7
    pointers: int = 16
    name: ClassVar[str] = "every-fourth"

    def admit(self, bank, entry):
        return (entry.index - bank.start) % 4 == 0

    def evict(self, bank):
        for entry in bank.newest_first()[self.maps - 1 :]:
            del bank.recent[entry.index]

    def select(self, bank, moment):
        ranked = dict(enumerate(bank.newest_first(), start=1))
        return Selection(ranked, ranked)


@pytest.mark.parametrize(
    "given", [EveryFourth, EveryFourth(), lambda maps, pointers: EveryFourth(maps, pointers)]
)
def test_a_policy_of_ones_own(model, given):
    one = session(model, given)
    memory = [one.step(frame(t)).objects[7].memory for t in range(KEYFRAME, COUNT)]
    assert memory[10] == (KEYFRAME, KEYFRAME + 8, KEYFRAME + 4)
    back = one.backward()
    memory = [back.step(frame(t)).objects[7].memory for t in range(KEYFRAME - 1, -1, -1)]
    assert memory[9] == (KEYFRAME, KEYFRAME - 8, KEYFRAME - 4)
    again = session(model, given)
    load_session(again, dump_session(one))
    assert list(again.tracks[7].bank.recent) == list(one.tracks[7].bank.recent)


class Astray(EveryFourth):
    """Puts an entry where SAM 2 never looks."""

    def select(self, bank, moment):
        return Selection({9: bank.keyframes[bank.start]}, {})


class Forgetful(EveryFourth):
    """Chooses maps that it has let go."""

    def select(self, bank, moment):
        return Selection({1: bank.keyframes[bank.start].without_map()}, {})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("lifo", "no policy 'lifo'"),
        (lambda maps, pointers: "fifo", "no memory policy"),
        (Fifo(maps=9), "asks for 9 maps, but this model attends to 7"),
        (Fifo(pointers=17), "asks for 17 pointers"),
        (Astray(), "map in place 9; this model looks up places 1 to 6"),
        (Forgetful(), f"map of frame {KEYFRAME}, which it had let go"),
    ],
)
def test_a_wrong_policy_is_one_sentence(model, given, sentence):
    with pytest.raises(UsageError, match=sentence):
        one = Session(model, prompt(), WIDTH, HEIGHT, COUNT, policy=given)
        one.step(frame(KEYFRAME))
        one.step(frame(KEYFRAME + 1))
