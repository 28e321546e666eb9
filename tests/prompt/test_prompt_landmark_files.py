import json
from pathlib import Path

import pytest

from earvid.errors import PromptError
from earvid.prompt import IBUG55_NAMES, read_landmarks

POINTS = [(float(i), 100.25 - i) for i in range(55)]
SHARED = Path(__file__).parents[3] / "shared" / "data" / "closeup" / "landmarks"


def pts(points, promised=None):
    lines = [f"{x} {y}" for x, y in points]
    count = len(points) if promised is None else promised
    return "\n".join(["version: 1", f"n_points: {count}", "{", *lines, "}", ""])


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(POINTS)),
        ("a.csv", "x,y\n" + "\n".join(f"{x},{y}" for x, y in POINTS)),
        ("a.CSV", "\n".join(f"{x}, {y}" for x, y in POINTS) + "\r\n\r\n"),
        ("a.pts", pts(POINTS)),
        ("a.pts", pts(POINTS).replace("\n", "\r\n").replace("n_points: ", "n_points:")),
    ],
)
def test_55_points_without_names_are_the_ibug_scheme(tmp_path, name, text):
    landmarks = read_landmarks(written(tmp_path, name, text))
    assert landmarks.scheme == "ibug55"
    assert landmarks.points == dict(zip(IBUG55_NAMES, POINTS, strict=True))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"tip": [3, 4.5], "lobe": [1, 2]}'),
        ("a.csv", "name,x,y\ntip,3,4.5\nlobe,1,2\n"),
        ("a.csv", "Name, X, Y\ntip, 3, 4.5\nlobe, 1, 2\n"),
        ("a.csv", "tip,3,4.5\nlobe,1,2"),
    ],
)
def test_names_and_their_order_are_kept(tmp_path, name, text):
    landmarks = read_landmarks(written(tmp_path, name, text))
    assert landmarks.scheme is None
    assert list(landmarks.points.items()) == [("tip", (3.0, 4.5)), ("lobe", (1.0, 2.0))]


def test_other_numbers_of_points_are_numbered_without_a_scheme(tmp_path):
    landmarks = read_landmarks(written(tmp_path, "a.pts", pts(POINTS[:3])))
    assert landmarks.scheme is None
    assert list(landmarks.points) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.txt", "", "not a .json, .csv or .pts file"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "3", "neither"),
        ("a.json", "[]", "no landmarks"),
        ("a.json", "{}", "no landmarks"),
        ("a.json", '{"a": [1, 2], "a": [1, 2]}', "occurs twice"),
        ("a.json", '{"a": [1, 2, 3]}', "'a' is not [x, y]"),
        ("a.json", '{"a": ["1", 2]}', "'a' is not [x, y]"),
        ("a.json", '{"a": [true, 2]}', "'a' is not [x, y]"),
        ("a.json", "[[1, NaN]]", "'0' (1, nan) is not finite"),
        ("a.json", "[[1, null]]", "0 is not [x, y]"),
        ("a.csv", "", "columns"),
        ("a.csv", "x,y\n", "no landmarks"),
        ("a.csv", "y,x\n1,2\n", "columns"),
        ("a.csv", "name,x,y,visible\na,1,2,0\n", "columns"),
        ("a.csv", "x;y\n1;2\n", "columns"),
        ("a.csv", "x,y\n1,2\n1\n", "1 has 1 columns"),
        ("a.csv", "x,y\n1,two\n", "not two numbers"),
        ("a.csv", "name,x,y\na,1,2\na,3,4\n", "'a' occurs twice"),
        ("a.csv", "name,x,y\n,1,2\n", "name ''"),
        ("a.csv", "x,y\n1,inf\n", "not finite"),
        ("a.pts", pts(POINTS, promised=68), "promises 68 points but holds 55"),
        ("a.pts", pts(POINTS)[:-3], "cut off"),
        ("a.pts", pts(POINTS).replace("{\n", ""), "cut off"),
        ("a.pts", pts(POINTS).replace("n_points: 55\n", ""), "no line n_points"),
        ("a.pts", pts(POINTS).replace("100.25", "1 100.25"), "0 is not two numbers"),
        ("a.pts", "", "cut off"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path, name, text, sentence):
    path = written(tmp_path, name, text)
    with pytest.raises(PromptError) as caught:
        read_landmarks(path)
    message = str(caught.value)
    assert str(path) in message and sentence in message and message.endswith(".")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PromptError, match=r"gone\.pts cannot be read"):
        read_landmarks(tmp_path / "gone.pts")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared photos are not on this computer")
def test_real_ibug_files_are_read():
    files = sorted(SHARED.glob("*.pts"))
    assert files
    assert {read_landmarks(path).scheme for path in files} == {"ibug55"}
