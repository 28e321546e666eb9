"""Prompts in the forms that people have at hand."""

import numpy as np
import pytest

from earvid.errors import PromptError, UsageError
from earvid.library.prompts import Asked
from earvid.prompt import IBUG55_NAMES, FramePrompt, ObjectPrompt, Prompt

BOX = (10.0, 20.0, 60.0, 90.0)


def one(name="ear", frame=0, scheme=None, **said):
    return Prompt((ObjectPrompt(1, name, {frame: FramePrompt(**said)}, scheme),))


def same(asked: Asked, prompt: Prompt) -> bool:
    made = asked.to_prompt()
    assert made is not None
    return made.digest() == prompt.digest()


@pytest.mark.parametrize("box", [BOX, list(BOX), np.array(BOX), np.array([BOX], np.float32)])
def test_a_box_of_one_ear(box):
    assert same(Asked(box=box, frame=7), one(frame=7, box=BOX))


def test_boxes_of_several_ears_by_place_and_by_name():
    other = (100, 20, 150, 90)
    for box, names in (
        ([BOX, other], ("ear-1", "ear-2")),
        (np.array([BOX, other]), ("ear-1", "ear-2")),
        ({"left": BOX, "right": other}, ("left", "right")),
    ):
        made = Asked(box=box).to_prompt()
        assert tuple(ear.name for ear in made.objects) == names
        assert [ear.frames[0].box for ear in made.objects] == [BOX, other]


@pytest.mark.parametrize(
    ("points", "expected", "labels"),
    [
        ((5, 6), [[5, 6]], [1]),
        ([(5, 6), (7, 8, 0)], [[5, 6], [7, 8]], [1, 0]),
        (np.array([[5, 6, 1], [7, 8, 0]]), [[5, 6], [7, 8]], [1, 0]),
    ],
)
def test_points(points, expected, labels):
    assert same(Asked(points=points), one(points=expected, labels=labels))


def test_box_and_points_belong_to_the_same_ear():
    made = Asked(box={"left": BOX}, points={"left": [(30, 40)]}).to_prompt()
    (ear,) = made.objects
    assert ear.frames[0].box == BOX and ear.frames[0].points.tolist() == [[30, 40]]


def test_a_mask_as_an_array_and_as_a_file(tmp_path):
    from earvid.prompt._masks import write_mask

    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:30] = True
    write_mask(tmp_path / "ear.png", mask)
    for given in (mask, mask.astype(np.uint8) * 255, tmp_path / "ear.png", [tmp_path / "ear.png"]):
        assert same(Asked(mask=given), one(mask=mask))


def test_55_landmarks_are_of_the_scheme_and_lost_ones_are_left_out():
    points = np.random.default_rng(0).uniform(5, 50, (55, 2)).astype(np.float32)
    points[3] = np.nan
    (ear,) = Asked(landmarks=points).to_prompt().objects
    assert ear.scheme == "ibug55"
    assert list(ear.frames[0].landmarks) == [n for n in IBUG55_NAMES if n != "3"]


def test_landmarks_by_name_of_one_ear_and_of_several():
    tragus = {"tragus": (5, 6), "lobe": (7, 9)}
    (ear,) = Asked(landmarks=tragus).to_prompt().objects
    assert ear.frames[0].landmarks == {"tragus": (5, 6), "lobe": (7, 9)}
    pair = Asked(landmarks={"left": tragus, "right": tragus}).to_prompt()
    assert [ear.name for ear in pair.objects] == ["left", "right"]


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_a_mode_of_landmarks_says_nothing_about_an_ear(mode):
    asked = Asked(landmarks=mode)
    assert asked.mode == mode and asked.to_prompt() is None


def test_a_dict_is_what_a_file_holds(tmp_path):
    plain = {
        "objects": [
            {
                "id": 1,
                "name": "left",
                "frames": {30: {"box": np.array(BOX), "points": [(15, 25, 1)]}},
            }
        ]
    }
    made = Asked(plain).to_prompt()
    made.save(tmp_path / "ear.prompt.json")
    assert same(Asked(tmp_path / "ear.prompt.json"), made)
    assert same(Asked(str(tmp_path / "ear.prompt.json")), made)
    assert same(Asked(made), one("left", 30, box=BOX, points=[[15, 25]]))


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        (Asked({"objects": []}, box=BOX), UsageError, "either prompt= or box="),
        (Asked({"objects": []}, frame=3), UsageError, "either prompt= or frame="),
        (Asked(frame=3), UsageError, "frame= does nothing"),
        (Asked(box={"left": BOX}, points=[(1, 2)]), UsageError, "Some ears have names"),
        (Asked(box=(1, 2, 3)), PromptError, "four numbers"),
        (Asked(box="left"), PromptError, "not made of numbers"),
        (Asked(box=BOX, frame=-1), PromptError, "negative"),
        (Asked(points=[(1, 2, 3, 4)]), PromptError, "a point is x, y"),
        (Asked(points=[(1, 2, 0)]), PromptError, "background"),
        (Asked(landmarks={"tragus": (1,)}), PromptError, "'tragus' is not x, y"),
        (Asked(landmarks=np.full((3, 2), np.nan)), PromptError, "no landmark has a place"),
        (Asked({"objects": [{"id": object()}]}), PromptError, "plain values"),
        (Asked({"objects": [{"ear": 1}]}), PromptError, "'ear' is unknown|'id' is missing"),
        (Asked("missing.prompt.json"), PromptError, "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(asked, kind, told):
    with pytest.raises(kind, match=told):
        asked.to_prompt()
