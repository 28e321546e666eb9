"""What people read about ears and errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from earvid.cli.messages import explain, sentence
from earvid.cli.track import _guess
from earvid.cli.words import ear_line, spans, to_json
from earvid.errors import PromptError, StoreError, UsageError
from earvid.pipeline import ObjectSummary, Sureness, TrackReport


def ear(**changes):
    return {"name": "left", "visible": 9, "mean_score": 0.9126, "absent": [], **changes}


def test_absences_count_the_last_frame_in():
    assert spans([(0, 1), (3, 5), (7, 12)]) == "0, 3–4, 7–11"
    assert spans([(2 * n, 2 * n + 1) for n in range(10)]).endswith("12, 14 and 2 more spans")


def test_an_ear_in_a_line():
    assert ear_line(ear()) == "  left: visible on 9 frames, mean score 0.913"
    assert ear_line(ear(visible=1, absent=[[1, 4]])).endswith(
        "visible on 1 frame, mean score 0.913, not visible on 1–3"
    )
    assert ear_line(ear(mean_score=None)) == "  left: visible on 9 frames"
    assert ear_line(ear(visible=0, mean_score=None, absent=[[0, 9]])) == "  left: never seen"


def test_landmarks_that_were_not_guessed_are_asked_for():
    guess = Sureness(272, 0.01, used=False)
    one = ObjectSummary("right", 9, 0.9, (), 1.0)
    said = _guess("right", guess, TrackReport(Path("my clip.zarr"), 9, 9, 1.0, (one,)))
    assert said == (
        "right has no landmarks, since a guess on frame 272 would be right with a probability of "
        "1% only; to give some, run: earvid correct 'my clip.zarr' --frame 272 --landmarks FILE"
    )
    several = TrackReport(Path("a.zarr"), 9, 9, 1.0, (one, replace(one, name="left")))
    assert "a.zarr --ear right --frame 272" in _guess("right", guess, several)


def test_json_without_nan():
    with pytest.raises(ValueError, match="JSON"):
        to_json({"score": float("nan")})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PromptError("the box is empty."), "The box is empty."),
        (PromptError("p.json: the box is empty."), "p.json: the box is empty."),
        (FileExistsError(17, "File exists", "a/b"), "a/b cannot be used (File exists)"),
        (ValueError("no room\nfor 3 ears."), "Unexpected ValueError: no room; add --debug"),
        (RuntimeError(), "Unexpected RuntimeError: no reason given; add --debug"),
        (OSError("gone"), "Unexpected OSError: gone; add --debug"),
    ],
)
def test_any_error_is_one_sentence(error, said):
    assert sentence(error).startswith(said) and "\n" not in sentence(error)


def test_an_error_tells_its_exit_code_and_what_it_is_about(capsys):
    assert explain(StoreError("It is full."), debug=False, about="a.mp4") == 1
    assert explain(UsageError("a.mp4 is twice there."), debug=False, about="a.mp4") == 2
    assert capsys.readouterr().err == (
        "earvid: a.mp4: It is full.\nearvid: a.mp4 is twice there.\n"
    )
