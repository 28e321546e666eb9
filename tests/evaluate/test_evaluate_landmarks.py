"""Measuring landmarks on clips with exact truth."""

import json

import numpy as np
import pytest

from earvid.cli.app import app
from earvid.errors import EarvidError
from earvid.evaluate.landmark_scenes import LandmarkScene, make_landmark_scenes
from earvid.evaluate.landmarks import OURS, PLAIN, Followed, evaluate_landmarks, score
from earvid.models import load_model
from earvid.sample import make_clip, random_ear


def scene(kind="clean", frames=24, **events):
    clip = make_clip(random_ear(2), frames, 200, 150, seed=2, ear_height=0.6, **events)
    return LandmarkScene(kind, "drawn", frames, list(clip))


def followed(kind, error, shown=None, said=None, step=0.0):
    error = np.asarray(error, float)
    shown = np.ones(error.shape, bool) if shown is None else np.asarray(shown, bool)
    said = shown if said is None else np.asarray(said, bool)
    return Followed(kind, error, shown, said, np.full(len(error) - 1, step), 0.004)


def test_scores_are_those_of_their_definitions():
    error = [[0.01, 0.03], [np.nan, 0.2]]
    one = score([followed("clean", error, [[1, 1], [1, 0]], [[1, 0], [1, 1]])])
    assert one.frames == 2 and one.nme == pytest.approx(0.02) and one.median == pytest.approx(0.02)
    assert one.pck == pytest.approx(2 / 3) and one.lost == pytest.approx(1 / 3)
    assert one.precision == pytest.approx(2 / 3) and one.recall == pytest.approx(2 / 3)
    assert one.f1 == pytest.approx(2 / 3) and one.jitter is None and one.drift is None
    assert one.milliseconds == pytest.approx(4)
    assert score([followed("still", error, step=0.002)]).jitter == pytest.approx(0.002)
    rising = np.linspace(0.01, 0.03, 400)[:, None]
    assert score([followed("long", rising)]).drift == pytest.approx(0.0275 / 0.0125, rel=0.01)


def test_it_beats_plain_lucas_kanade_after_an_occlusion():
    report = evaluate_landmarks([scene("occluded", 40, occlude=(14, 22))])
    ours, plain = (report.kinds["occluded"][name] for name in (OURS, PLAIN))
    assert ours.pck > 0.93 > 0.8 > plain.pck and ours.f1 > 0.9
    json.dumps(report.to_dict())


def test_with_the_masks_of_a_model():
    report = evaluate_landmarks([scene(frames=10)], load_model().model)
    assert report.kinds["clean"][OURS].nme < 0.006


@pytest.mark.parametrize("kind", ["clean", "occluded", "away", "still", "long"])
def test_scenes_are_drawn_where_there_are_no_photos(kind):
    (one,) = make_landmark_scenes(kind, 1)
    first = next(iter(one.frames))
    assert first.visible.all() and first.mask.any() and first.landmarks.shape == (55, 2)
    assert one.length == (2000 if kind == "long" else 60)


def test_unknown_kinds_and_a_missing_mesh_are_refused():
    with pytest.raises(EarvidError, match="no kind"):
        make_landmark_scenes("nice", 1)
    with pytest.raises(EarvidError, match="mesh"):
        make_landmark_scenes("turning", 1)


def test_the_command_prints_both_methods(capsys):
    arguments = ["evaluate", "landmarks", "--kind", "still", "--clips", "1", "--true-masks"]
    app.main([*arguments, "--json"], standalone_mode=False)
    about = json.loads(capsys.readouterr().out)
    assert about["masks"] == "true" and set(about["kinds"]["still"]) == {OURS, PLAIN}
    assert about["kinds"]["still"][OURS]["jitter"] < 0.002
    app.main(arguments, standalone_mode=False)
    assert "still, plain Lucas-Kanade: nme" in capsys.readouterr().out
