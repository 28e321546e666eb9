"""A prompt against its clip, and prompts made in Python."""

import subprocess
import sys

import numpy as np
import pytest

from earvid.errors import PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt

WIDTH, HEIGHT, FRAMES = 64, 48, 10


def prompt(index=5, **parts):
    return Prompt((ObjectPrompt(1, "left", {index: FramePrompt(**parts)}),))


@pytest.mark.parametrize(
    "box", [(0, 0, 64, 48), (0, 0, 63, 47), (-0.5, -0.5, 63.5, 47.5), (-1, 3, 5, 48)]
)
def test_a_box_may_touch_the_border(box):
    assert prompt(box=box).validate(WIDTH, HEIGHT, FRAMES) is None


@pytest.mark.parametrize(
    "box", [(70, 0, 80, 9), (60, 0, 65, 9), (0, 40, 9, 49), (-2, 0, 9, 9), (0, -1.5, 9, 9)]
)
def test_a_box_outside_is_refused(box):
    with pytest.raises(PromptError, match=r"object 1 \(left\): frame 5: the box .* 64 × 48 pix"):
        prompt(box=box).validate(WIDTH, HEIGHT, FRAMES)


@pytest.mark.parametrize("point", [(0, 0), (63, 47), (-0.5, 47.5)])
def test_points_and_landmarks_may_lie_on_any_pixel(point):
    assert prompt(points=[point]).validate(WIDTH, HEIGHT, FRAMES) is None
    assert prompt(landmarks={"a": point}).validate(WIDTH, HEIGHT, FRAMES) is None


@pytest.mark.parametrize("point", [(-1, 0), (64, 0), (0, 48), (5, 1e6)])
def test_points_and_landmarks_outside_are_refused(point):
    with pytest.raises(PromptError, match=r"frame 5: the point .* outside the frame"):
        prompt(points=[(3, 3), point]).validate(WIDTH, HEIGHT, FRAMES)
    with pytest.raises(PromptError, match=r"frame 5: the landmark 'tip' .* outside the frame"):
        prompt(landmarks={"tip": point}).validate(WIDTH, HEIGHT, FRAMES)


def test_a_mask_must_have_the_size_of_the_frame():
    mask = np.zeros((HEIGHT // 2, WIDTH // 2), bool)
    mask[3, 3] = True
    with pytest.raises(PromptError, match="frame 5: the mask is 32 × 24 pixels but the frame is"):
        prompt(mask=mask).validate(WIDTH, HEIGHT, FRAMES)


def test_a_keyframe_must_be_a_frame_of_the_clip():
    assert prompt(9, points=[(1, 1)]).validate(WIDTH, HEIGHT, FRAMES) is None
    with pytest.raises(PromptError, match=r"frame 10: the clip has 10 frames, 0 to 9"):
        prompt(10, points=[(1, 1)]).validate(WIDTH, HEIGHT, FRAMES)


def test_the_file_is_named_when_the_clip_does_not_fit(tmp_path):
    path = tmp_path / "clip.json"
    prompt(points=[(99, 1)]).save(path)
    with pytest.raises(PromptError) as caught:
        Prompt.load(path).validate(WIDTH, HEIGHT, FRAMES)
    assert str(caught.value).startswith(f"{path}: object 1 (left): frame 5: the point (99, 1)")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "nothing is given"),
        ({"box": (1, 2, 3)}, "four numbers"),
        ({"points": [1, 2]}, "shape"),
        ({"points": [(1, 2)], "labels": [1, 1]}, "need 1 labels"),
        ({"points": [(1, 2)], "labels": [0]}, "only background"),
        ({"mask": np.ones(4, bool)}, "shape"),
        ({"mask": np.zeros((4, 4))}, "empty"),
        ({"mask": np.ones((4, 4))}, "whole frame"),
        ({"landmarks": {"a": (np.nan, 1)}}, "not finite"),
    ],
)
def test_a_frame_prompt_checks_itself(parts, sentence):
    with pytest.raises(PromptError, match=sentence):
        FramePrompt(**parts)


def test_background_points_may_go_with_a_box_or_a_mask():
    frame = FramePrompt(box=(1, 1, 9, 9), points=[(20, 20)], labels=[0])
    np.testing.assert_array_equal(frame.labels, [0])


def test_a_frame_prompt_keeps_its_own_copy_of_points():
    points = np.array([[1, 2]], np.float32)
    frame = FramePrompt(points=points)
    points[:] = 9
    np.testing.assert_array_equal(frame.points, [[1, 2]])


def test_the_prompt_room_needs_no_torch():
    code = "import earvid.prompt, sys; print({'torch', 'sam2', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
