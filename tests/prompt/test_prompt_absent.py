"""Frames on which an ear is said to be absent: ranges, their sentences, and the way to a file."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earvid.errors import PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt, parse_range

BOX = FramePrompt(box=(1, 1, 9, 9))
RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda one: (one[0], sum(one)))
)


def ear(*absent, frames=None):
    return ObjectPrompt(1, "left", {99: BOX} if frames is None else frames, None, absent)


@given(ranges=RANGES)
def test_ranges_are_in_order_apart_and_hold_the_same_frames(ranges):
    said = ear(*ranges)
    frames = {t for start, stop in ranges for t in range(start, stop)}
    assert frames == {t for t in range(100) if said.is_absent(t)}
    assert frames == {t for start, stop in said.absent for t in range(start, stop)}
    assert all(a[1] < b[0] for a, b in zip(said.absent, said.absent[1:], strict=False))
    assert ear(*said.absent).absent == said.absent


@given(ranges=RANGES)
def test_a_saved_prompt_loads_as_it_was(tmp_path_factory, ranges):
    path = tmp_path_factory.mktemp("saved") / "clip.json"
    prompt = Prompt((ear(*ranges),))
    prompt.save(path)
    again = Prompt.load(path)
    assert again.objects[0].absent == prompt.objects[0].absent
    assert again.digest() == prompt.digest()
    assert ("absent" in json.loads(path.read_text())["objects"][0]) == bool(ranges)


def test_the_digest_of_a_prompt_without_is_what_it_was():
    mask = np.zeros((16, 24), bool)
    mask[2:6, 2:7] = True
    marked = FramePrompt(points=[[3, 4]], landmarks={"a": (1, 2)})
    left = ObjectPrompt(1, "left", {3: BOX, 30: marked})
    right = ObjectPrompt(2, "right", {5: FramePrompt(mask=mask)}, "mine")
    before = "7a92f226c9fa30c8f99bcf1780b0b31eac0b2329b3e5b0609abf1210d19456c3"
    assert Prompt((left, right)).digest() == before
    away = dataclasses.replace(left, absent=((10, 20),))
    longer = dataclasses.replace(left, absent=((10, 21),))
    assert len({before, Prompt((away, right)).digest(), Prompt((longer, right)).digest()}) == 3


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        ([[3, 3]], "3:3 is empty"),
        ([[5, 2]], "5:2 is reversed"),
        ([[-1, 4]], "-1:4 is negative"),
        ([[20, 31]], "absent on the frames 20:31, and prompted on frame 30 among them"),
        ([[1, 2, 3]], r"'absent' must be a list of ranges \[start, stop\]"),
        ([["a", 3]], r"'absent' must be a list of ranges \[start, stop\]"),
        ([[1.5, 3]], r"'absent' must be a list of ranges \[start, stop\]"),
        (5, r"'absent' must be a list of ranges \[start, stop\]"),
    ],
)
def test_a_wrong_range_is_one_sentence_that_names_the_ear(tmp_path, absent, words):
    ears = [{"id": 1, "name": "left", "frames": {"30": {"box": [1, 1, 9, 9]}}, "absent": absent}]
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"version": 1, "objects": ears}))
    with pytest.raises(PromptError, match=rf"p.json: object 1 \(left\): .*{words}") as said:
        Prompt.load(path)
    assert "\n" not in str(said.value)
    with pytest.raises(PromptError):
        ear(*absent if isinstance(absent, list) else [absent], frames={30: BOX})


def test_ranges_end_with_the_clip_and_only_an_ear_that_is_out_has_no_keyframes():
    Prompt((ear((40, 50)),)).validate(20, 20, 100)
    with pytest.raises(PromptError, match=r"frames 90:97, and the clip has 95, 0:95"):
        Prompt((ear((90, 97), frames={3: BOX}),)).validate(20, 20, 95)
    out = Prompt((ear((0, 95), frames={}),))
    out.validate(20, 20, 95)
    with pytest.raises(PromptError, match=r"at least one keyframe, or take it out with .*0, 96"):
        out.validate(20, 20, 96)
    with pytest.raises(PromptError, match="it has no frames"):
        ear(frames={})


def test_a_range_is_read_as_it_is_typed():
    assert [parse_range(text) for text in ("54:101", "54:", ":9", ":")] == [
        (54, 101), (54, None), (0, 9), (0, None)]  # fmt: skip
    for text in ("54", "a:b", "1:2:3", "-1:4", "1.5:2", "", "7:7", "9:2"):
        with pytest.raises(PromptError, match="range"):
            parse_range(text)
