import cv2
import numpy as np
import pytest

from earvid.errors import PromptError
from earvid.prompt import parse_box, parse_point, prompt_from_options


@pytest.fixture
def mask_file(tmp_path):
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:40] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    return tmp_path / "mask.png"


@pytest.fixture
def pts_file(tmp_path):
    points = "\n".join(f"{i} {i}" for i in range(55))
    (tmp_path / "ear.pts").write_text(f"version: 1\nn_points: 55\n{{\n{points}\n}}\n")
    return tmp_path / "ear.pts"


def test_one_box_is_one_ear_on_the_keyframe():
    prompt = prompt_from_options([("box", "412,160,498.5,301")], keyframe=30)
    (ear,) = prompt.objects
    assert (ear.id, ear.name, list(ear.frames)) == (1, "ear", [30])
    assert ear.frames[30].box == (412, 160, 498.5, 301)


def test_a_second_box_starts_another_ear_and_points_go_to_the_current_one():
    items = [
        ("point", "5,6"),
        ("box", "0,0,20,20"),
        ("point", "7,8,0"),
        ("box", "30,0,50,20"),
        ("point", "33,4,1"),
    ]
    first, second = prompt_from_options(items).objects
    assert [first.name, second.name] == ["ear-1", "ear-2"]
    assert [first.id, second.id] == [1, 2]
    np.testing.assert_array_equal(first.frames[0].points, [[5, 6], [7, 8]])
    np.testing.assert_array_equal(first.frames[0].labels, [1, 0])
    np.testing.assert_array_equal(second.frames[0].points, [[33, 4]])
    assert second.frames[0].box == (30, 0, 50, 20)


def test_box_mask_and_landmarks_may_describe_one_ear(mask_file, pts_file):
    items = [("box", (10, 10, 40, 30)), ("mask", mask_file), ("landmarks", str(pts_file))]
    (ear,) = prompt_from_options(items, 2).objects
    frame = ear.frames[2]
    assert frame.box == (10, 10, 40, 30)
    assert frame.mask.sum() == 20 * 30
    assert ear.scheme == "ibug55" and len(frame.landmarks) == 55


@pytest.mark.parametrize("kind", ["mask", "landmarks"])
def test_a_second_mask_or_landmarks_file_starts_another_ear(mask_file, pts_file, kind):
    path = {"mask": mask_file, "landmarks": pts_file}[kind]
    assert len(prompt_from_options([(kind, path), (kind, path)]).objects) == 2


def test_a_box_for_one_ear_and_a_mask_for_another_are_not_mixed_up(mask_file):
    with pytest.raises(PromptError, match="share no pixel; if they are two ears"):
        prompt_from_options([("mask", mask_file), ("box", "50,0,60,9")])


@pytest.mark.parametrize(
    ("items", "keyframe", "sentence"),
    [
        ([], 0, "no prompt is given"),
        ([("box", "0,0,9,9")], -1, "keyframe -1 is negative"),
        ([("point", "3,4,0")], 5, r"object 1 \(ear\): frame 5: there are only background"),
        ([("box", "9,9,0,0")], 5, r"object 1 \(ear\): frame 5: the box .* is reversed"),
        ([("box", "0,0,9,9"), ("box", "9,9,0,0")], 5, r"object 2 \(ear-2\): frame 5: the box"),
        ([("box", "0,0,nan,9")], 0, "not finite"),
        ([("box", "0,0,9")], 0, "the box '0,0,9' is not four numbers X0,Y0,X1,Y1"),
        ([("point", "0;0")], 0, "the point '0;0' is not X,Y"),
        ([("mask", "gone.png")], 0, "gone.png. cannot be read"),
        ([("landmarks", "gone.pts")], 0, "gone.pts cannot be read"),
    ],
)
def test_what_is_wrong_is_one_sentence(items, keyframe, sentence):
    with pytest.raises(PromptError, match=sentence):
        prompt_from_options(items, keyframe)


def test_parsing_boxes_and_points():
    assert parse_box(" 1, 2.5,3,4e1") == (1, 2.5, 3, 40)
    assert parse_point("3,4") == parse_point("3,4,1") == (3, 4, 1)
    assert parse_point("3,4,0") == (3, 4, 0)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,"])
def test_a_malformed_box_is_refused(text):
    with pytest.raises(PromptError, match="four numbers"):
        parse_box(text)


@pytest.mark.parametrize("text", ["", "1", "1,2,2", "1,2,-1", "1,2,0.5", "1,2,1,1", "x,y"])
def test_a_malformed_point_is_refused(text):
    with pytest.raises(PromptError, match="X,Y"):
        parse_point(text)
