"""The shipped model, measured on a procedural ear: small figures, real parts."""

import json

import cv2
import numpy as np
import pytest

from earvid.cli import main
from earvid.evaluate.accuracy import judge_clips, judge_photos
from earvid.evaluate.scenes import SCENES, make_scenes
from earvid.models import load_model
from earvid.sample import EarParams, make_clip
from earvid.train import Still, calibrate
from earvid.train.clips import ClipMaker, ClipSettings
from earvid.train.step import collate, predict_clips


@pytest.fixture(scope="module")
def model():
    return load_model().model


@pytest.fixture(scope="module")
def stills():
    frame = next(iter(make_clip(EarParams(), 1, 480, 480, seed=4)))
    return [Still("own/a", frame.image, (frame.mask.astype(np.uint8) * 255,))]


@pytest.mark.parametrize("kind", SCENES)
def test_scenes_are_what_they_are_called(stills, kind):
    clips = make_scenes(stills, kind, 3)
    assert len(clips) == 3
    for clip in clips:
        assert clip.visible[0] > 0.9 and clip.masks.shape == (24, 480, 480)
        if kind == "clean":
            assert clip.present.all()
        if kind == "occluded":
            assert clip.visible.min() < 0.3 and clip.visible[-1] > 0.9
        if kind == "away":
            assert not clip.present[8:16].any() and clip.present[16:].all()


def test_an_unknown_scene_is_refused(stills):
    with pytest.raises(ValueError, match="clean, occluded, away"):
        make_scenes(stills, "rain", 1)


def test_photos_and_clips_are_judged(model, stills):
    photo = judge_photos(model, stills)[0]
    assert photo.name == "own/a" and photo.iou > 0.6 and 0 <= photo.score <= 1
    judged = judge_clips(model, make_scenes(stills, "occluded", 1))
    assert len(judged.j) == 23  # the prompted frame is not judged
    assert judged.back.any() and not judged.back[0]
    assert judged.j_and_f() > 0.4 and judged.missed < 1
    assert np.isnan(judged.painted_anyway) == (not (judged.visible == 0).any())


def test_calibration_brings_promises_to_outcomes(stills, quick_weights):
    model = load_model(checkpoint=quick_weights).model
    maker = ClipMaker(stills, ClipSettings(side=model.image_size, length=4))
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.data += 4  # far too sure
    batch = collate([maker.clip(i) for i in range(4)], np.random.default_rng(0), mask_share=0)
    before = predict_clips(model, batch)[2]
    done = calibrate(model, maker, count=8)
    after = predict_clips(model, batch)[2]
    # The first frame hears no presence: its logit is changed exactly as reported.
    expected = done.presence_stretch * before[0] + done.presence_shift
    assert np.allclose(after[0], expected, atol=1e-3)
    assert done.presence_shift < 0  # what was too sure is taken back


def test_the_verb_writes_figures_and_pictures(tmp_path, capfd, stills, quick_weights):
    for part, data in (("images", stills[0].image[..., ::-1]), ("masks", stills[0].ears[0])):
        (tmp_path / "own" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "own" / part / "a.png"), data)
    out = tmp_path / "out"
    typed = ["evaluate", "model", str(tmp_path / "own"), "--clips", "1", "--output", str(out)]
    with pytest.raises(SystemExit) as end:
        main([*typed, "--checkpoint", str(quick_weights), "--json"])
    said = json.loads(capfd.readouterr().out)
    assert end.value.code == 0
    assert said == json.loads((out / "report.json").read_text())
    assert said["photos"]["own"]["ears"] == 1 and set(said["clips"]) == set(SCENES)
    assert said["calibration"]["score"]["expected_calibration_error"] <= 1
    assert (out / "reliability.png").exists() and (out / "worst.png").exists()


def test_a_pattern_without_photos_is_told(tmp_path, capfd, stills):
    for part in ("images", "masks"):
        (tmp_path / "own" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "own" / part / "a.png"), stills[0].ears[0])
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "model", str(tmp_path / "own"), "--only", "own/b*"])
    assert end.value.code == 1 and "own/b*" in capfd.readouterr().err
