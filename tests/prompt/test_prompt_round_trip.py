import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from earvid.errors import PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt

WIDTH, HEIGHT = 24, 16
NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
XS = st.floats(0, WIDTH - 1, width=32)
YS = st.floats(0, HEIGHT - 1, width=32)
POINTS = st.tuples(XS, YS)


@st.composite
def frame_prompts(draw):
    x0, y0 = draw(st.floats(0, 10)), draw(st.floats(0, 7))
    box = (x0, y0, x0 + draw(st.floats(2, 10)), y0 + draw(st.floats(2, 7)))
    mask = draw(npst.arrays(bool, (HEIGHT, WIDTH)))
    mask[int(y0) + 1, int(x0) + 1] = True  # inside the box
    mask[-1, -1] = False
    points = draw(st.lists(POINTS, min_size=1, max_size=4))
    labels = draw(st.lists(st.sampled_from([0, 1]), min_size=len(points), max_size=len(points)))
    parts = draw(st.sets(st.sampled_from(["box", "points", "mask", "landmarks"]), min_size=1))
    if parts == {"points"}:
        labels[0] = 1
    return FramePrompt(
        box=box if "box" in parts else None,
        points=points if "points" in parts else np.zeros((0, 2)),
        labels=labels if "points" in parts else [],
        mask=mask if "mask" in parts else None,
        landmarks=draw(st.dictionaries(NAMES, POINTS, min_size=1, max_size=4))
        if "landmarks" in parts
        else {},
    )


@st.composite
def prompts(draw):
    ids = draw(st.lists(st.integers(1, 255), min_size=1, max_size=3, unique=True))
    names = draw(st.lists(NAMES, min_size=len(ids), max_size=len(ids), unique=True))
    frames = st.dictionaries(st.integers(0, 99), frame_prompts(), min_size=1, max_size=3)
    scheme = st.sampled_from([None, "mine"])
    return Prompt(
        tuple(
            ObjectPrompt(i, name, draw(frames), draw(scheme))
            for i, name in zip(ids, names, strict=True)
        )
    )


def assert_same(a, b):
    assert [(e.id, e.name, e.scheme) for e in a.objects] == [
        (e.id, e.name, e.scheme) for e in b.objects
    ]
    for one, other in zip(a.objects, b.objects, strict=True):
        assert list(one.frames) == list(other.frames)
        for index, frame in one.frames.items():
            again = other.frames[index]
            assert frame.box == again.box
            assert list(frame.landmarks.items()) == list(again.landmarks.items())
            for array in ("points", "labels", "mask"):
                np.testing.assert_array_equal(getattr(frame, array), getattr(again, array))


@settings(max_examples=40, deadline=None)
@given(prompt=prompts())
def test_a_saved_prompt_loads_as_it_was(tmp_path_factory, prompt):
    path = tmp_path_factory.mktemp("saved") / "clip.json"
    prompt.save(path)
    again = Prompt.load(path)
    assert_same(prompt, again)
    assert again.digest() == prompt.digest()
    assert again.to_json("clip") == prompt.to_json("clip") == json.loads(path.read_text("utf-8"))
    again.validate(WIDTH, HEIGHT, 100)


def one(**parts):
    given_parts = {"box": (1, 1, 9, 9), **parts}
    return Prompt((ObjectPrompt(1, "left", {3: FramePrompt(**given_parts)}),))


MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[2:6, 2:7] = True
OTHER_MASK = MASK.copy()
OTHER_MASK[6, 6] = True


def test_the_digest_tells_apart_whatever_differs_in_content():
    frame = FramePrompt(box=(1, 1, 9, 9))
    different = [
        one(),
        one(box=(1, 1, 9, 9.5)),
        one(points=[[3, 4]]),
        one(points=[[3, 4]], labels=[0]),
        one(mask=MASK),
        one(mask=OTHER_MASK),
        one(mask=MASK.reshape(WIDTH, HEIGHT)),
        one(landmarks={"a": (1, 2), "b": (3, 4)}),
        one(landmarks={"b": (3, 4), "a": (1, 2)}),
        Prompt((ObjectPrompt(1, "right", {3: frame}),)),
        Prompt((ObjectPrompt(2, "left", {3: frame}),)),
        Prompt((ObjectPrompt(1, "left", {4: frame}),)),
        Prompt((ObjectPrompt(1, "left", {3: frame}, "mine"),)),
    ]
    assert len({prompt.digest() for prompt in different}) == len(different)


def test_the_digest_ignores_how_a_prompt_is_written(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), MASK.astype(np.uint8) * 255)
    cv2.imwrite(str(tmp_path / "b.tif"), MASK.astype(np.uint16) * 7)
    digests = set()
    for mask, frames in (("a.png", "3"), ("b.tif", "3")):
        box = [1, 1.0, 9, 9]
        ear = {"frames": {frames: {"mask": mask, "box": box}}, "name": "left", "id": 1}
        path = tmp_path / f"{mask}.json"
        path.write_text(json.dumps({"objects": [ear], "version": 1}))
        digests.add(Prompt.load(path).digest())
    assert digests == {one(mask=MASK).digest()}


def test_saving_replaces_nothing_unless_told_to(tmp_path):
    path = tmp_path / "clip.json"
    one(mask=MASK).save(path)
    with pytest.raises(PromptError, match=r"clip\.json is there already"):
        one().save(path)
    path.unlink()
    with pytest.raises(PromptError, match=r"clip-1-3\.png is there already"):
        one(mask=OTHER_MASK).save(path)
    one(mask=OTHER_MASK).save(path, overwrite=True)
    assert Prompt.load(path).digest() == one(mask=OTHER_MASK).digest()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip-1-3.png", "clip.json"]


def test_saving_where_nothing_can_be_written_is_one_sentence(tmp_path):
    with pytest.raises(PromptError, match=r"cannot be written \(No such file or directory\)"):
        one(mask=MASK).save(tmp_path / "gone" / "clip.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(PromptError, match="cannot be written"):
        one().save(tmp_path / "file" / "clip.json")
