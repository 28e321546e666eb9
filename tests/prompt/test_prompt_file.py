import copy
import json

import cv2
import numpy as np
import pytest

from earvid.errors import PromptError
from earvid.prompt import Prompt

DOCUMENT = {
    "version": 1,
    "objects": [
        {
            "id": 1,
            "name": "left",
            "frames": {
                "30": {
                    "box": [412, 160, 498, 301],
                    "points": [[450, 230, 1], [400, 150, 0]],
                    "mask": "left_30.png",
                    "landmarks": {"tragus_tip": [431.5, 236.0]},
                },
                "2": {"points": [[10, 20]]},
            },
        }
    ],
}


def write(folder, document):
    path = folder / "prompt.json"
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    mask = np.zeros((480, 640), np.uint8)
    mask[160:300, 412:498] = 255
    cv2.imwrite(str(tmp_path / "left_30.png"), mask)
    return tmp_path


def test_every_part_of_the_documented_example_is_read(folder):
    prompt = Prompt.load(write(folder, DOCUMENT))
    (ear,) = prompt.objects
    frame = ear.frames[30]
    assert (ear.id, ear.name, ear.scheme, ear.first_keyframe) == (1, "left", None, 2)
    assert list(ear.frames) == [2, 30]
    assert frame.box == (412, 160, 498, 301)
    assert frame.points.dtype == np.float32 and frame.labels.dtype == np.int32
    np.testing.assert_array_equal(frame.points, [[450, 230], [400, 150]])
    np.testing.assert_array_equal(frame.labels, [1, 0])
    assert frame.mask.dtype == bool and frame.mask.sum() == 140 * 86
    assert frame.landmarks == {"tragus_tip": (431.5, 236.0)}
    np.testing.assert_array_equal(ear.frames[2].labels, [1])
    assert prompt.validate(640, 480, 31) is None


def test_a_list_of_55_landmarks_gets_the_names_of_the_scheme(tmp_path):
    points = [[float(i), i + 0.5] for i in range(55)]
    ear = {"id": 1, "scheme": "ibug55", "frames": {"0": {"landmarks": points}}}
    prompt = Prompt.load(write(tmp_path, {"version": 1, "objects": [ear]}))
    landmarks = prompt.objects[0].frames[0].landmarks
    assert list(landmarks) == [str(i) for i in range(55)]
    assert landmarks["54"] == (54.0, 54.5)
    assert prompt.objects[0].name == "ear"


def test_unnamed_ears_are_numbered(tmp_path):
    ears = [{"id": i, "frames": {"0": {"points": [[1, 1]]}}} for i in (7, 3)]
    prompt = Prompt.load(write(tmp_path, {"version": 1, "objects": ears}))
    assert [(ear.id, ear.name) for ear in prompt.objects] == [(3, "ear-3"), (7, "ear-7")]


def _set(*path_and_value):
    *path, value = path_and_value

    def change(document):
        *parents, last = path
        for key in parents:
            document = document[key]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return change


OBJECT = ("objects", 0)
FRAME = (*OBJECT, "frames", "30")
IN_OBJECT = "object 1 (left): "
IN_FRAME = "object 1 (left): frame 30: "
WRONG = [
    (_set("version", 2), "version 2"),
    (_set("version", True), "version True"),
    (_set("version", ...), "no version"),
    (_set("objects", []), "no objects"),
    (_set("objects", {}), "'objects' must be a list"),
    (_set("ears", []), "the key 'ears' is unknown; known are version, objects"),
    (_set(*OBJECT, "left"), "object number 1: 'objects' must be"),
    (_set(*OBJECT, "id", ...), "object number 1 (left): the key 'id' is missing"),
    (_set(*OBJECT, "id", "1"), "'id' must be a whole number"),
    (_set(*OBJECT, "id", 0), "id 0 is outside 1 to 255"),
    (_set(*OBJECT, "id", 256), "id 256 is outside 1 to 255"),
    (_set(*OBJECT, "name", ""), "object 1: it has the name ''"),
    (_set(*OBJECT, "name", " left"), "name ' left'"),
    (_set(*OBJECT, "name", "a\nb"), "name 'a\\nb'"),
    (_set(*OBJECT, "side", "left"), IN_OBJECT + "the key 'side' is unknown"),
    (_set(*OBJECT, "frames", {}), IN_OBJECT + "it has no frames"),
    (_set(*OBJECT, "frames", []), IN_OBJECT + "'frames' must be a map"),
    (_set(*OBJECT, "frames", "x", {"box": [0, 0, 9, 9]}), IN_OBJECT + "the frame 'x'"),
    (_set(*OBJECT, "frames", "-1", {"box": [0, 0, 9, 9]}), IN_OBJECT + "the frame '-1'"),
    (_set(*OBJECT, "frames", "030", {"box": [0, 0, 9, 9]}), IN_OBJECT + "the frame '030'"),
    (_set(*OBJECT, "frames", "name", 3), "'frames' must be a map"),
    (_set(*FRAME, "bbox", [0, 0, 1, 1]), IN_FRAME + "the key 'bbox' is unknown; known are box,"),
    (_set(*FRAME, {}), IN_FRAME + "nothing is given"),
    (_set(*FRAME, "box", [1, 2, 3]), IN_FRAME + "'box' must be four numbers"),
    (_set(*FRAME, "box", [1, 2, 3, "4"]), IN_FRAME + "'box' must be four numbers"),
    (_set(*FRAME, "box", [498, 160, 412, 301]), IN_FRAME + "the box (498, 160, 412, 301) is rev"),
    (_set(*FRAME, "box", [412, 160, 412.5, 301]), IN_FRAME + "the box (412, 160, 412.5, 301) is"),
    (_set(*FRAME, "box", [float("nan"), 160, 412, 301]), IN_FRAME + "the box (nan, 160"),
    (_set(*FRAME, "box", [0, 0, float("inf"), 9]), IN_FRAME + "the box (0, 0, inf, 9)"),
    (_set(*FRAME, "box", [0, 0, 50, 50]), IN_FRAME + "the box and the mask share no pixel"),
    (_set(*FRAME, "points", [[1, 2, 2]]), IN_FRAME + "the point (1, 2) has the label 2"),
    (_set(*FRAME, "points", [[1, 2, 0.5]]), IN_FRAME + "the point (1, 2) has the label 0.5"),
    (_set(*FRAME, "points", [[1, 2, True]]), IN_FRAME + "'points' must be a list"),
    (_set(*FRAME, "points", [[1]]), IN_FRAME + "'points' must be a list"),
    (_set(*FRAME, "points", [[1, float("nan")]]), IN_FRAME + "the point (1, nan) is not finite"),
    (_set(*FRAME, "points", [[1, 1e300]]), IN_FRAME + "the point (1, inf) is not finite"),
    (_set(*FRAME, {"points": [[1, 2, 0]]}), IN_FRAME + "there are only background points"),
    (_set(*FRAME, "mask", 3), IN_FRAME + "'mask' must be the path"),
    (_set(*FRAME, "mask", "gone.png"), "gone.png' cannot be read (No such file"),
    (_set(*FRAME, "landmarks", 3), IN_FRAME + "'landmarks' must be a map"),
    (_set(*FRAME, "landmarks", {"a": [1]}), IN_FRAME + "the landmark 'a' is not [x, y]"),
    (_set(*FRAME, "landmarks", {"": [1, 2]}), IN_FRAME + "a landmark has the name ''"),
    (_set(*FRAME, "landmarks", {"a": [1, float("inf")]}), "the landmark 'a' (1, inf) is not fin"),
    (_set(*FRAME, "landmarks", [[1, 2]]), IN_FRAME + "landmarks are a list without names"),
    (_set(*OBJECT, "scheme", 5), IN_OBJECT + "'scheme' must be text"),
    (_set(*OBJECT, "scheme", "ibug55"), IN_FRAME + "the landmark 'tragus_tip' is not of the sch"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[said[-30:] for _, said in WRONG])
def test_what_is_wrong_is_named_with_file_object_and_frame(folder, change, sentence):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    path = write(folder, document)
    with pytest.raises(PromptError) as caught:
        Prompt.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert sentence in message
    assert message.endswith(".") and "\n" not in message


def test_the_scheme_ibug55_has_55_landmarks(tmp_path):
    ear = {"id": 1, "scheme": "ibug55", "frames": {"4": {"landmarks": [[1, 2]] * 54}}}
    path = write(tmp_path, {"version": 1, "objects": [ear]})
    with pytest.raises(PromptError, match=r"frame 4: .* 55 landmarks, not 54"):
        Prompt.load(path)


@pytest.mark.parametrize("key", ["id", "name"])
def test_two_objects_need_two_ids_and_two_names(tmp_path, key):
    ears = [{"id": i, "name": f"ear {i}", "frames": {"0": {"points": [[1, 1]]}}} for i in (1, 2)]
    ears[1][key] = ears[0][key]
    path = write(tmp_path, {"version": 1, "objects": ears})
    with pytest.raises(PromptError, match=f"2 objects have the {key}"):
        Prompt.load(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        ('{"version": 1,', "line 1"),
        ("[1]", "is not a map"),
        ("null", "is not a map"),
        ("[" * 100_000, "is not JSON"),
        ('{"version": 1, "version": 1}', "'version' occurs twice"),
        ('{"version": 1, "objects": [{"id": 1, "frames": {"0": {}, "0": {}}}]}', "'0' occurs tw"),
        ('{"version": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_file_that_is_no_prompt_is_refused(tmp_path, text, sentence):
    path = write(tmp_path, text)
    with pytest.raises(PromptError) as caught:
        Prompt.load(path)
    assert str(path) in str(caught.value) and sentence in str(caught.value)


def test_a_missing_file_a_folder_and_a_binary_file_are_refused(tmp_path):
    with pytest.raises(PromptError, match=r"gone\.json cannot be read \(No such file"):
        Prompt.load(tmp_path / "gone.json")
    with pytest.raises(PromptError, match="cannot be read"):
        Prompt.load(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(PromptError, match="not UTF-8"):
        Prompt.load(binary)


def test_a_byte_order_mark_does_no_harm(folder):
    path = folder / "prompt.json"
    path.write_text(json.dumps(DOCUMENT), encoding="utf-8-sig")
    assert Prompt.load(path).objects[0].name == "left"
