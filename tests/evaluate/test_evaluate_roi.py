"""Crops compared on clips whose truth is known, and ``earvid evaluate roi`` as users call it."""

import csv
import json
import shutil
from itertools import islice

import cv2
import numpy as np
import pytest

from earvid.cli import main
from earvid.cli.evaluate_roi import KINDS
from earvid.errors import EarvidError, UsageError
from earvid.evaluate.memory_material import PhotoMaterial
from earvid.evaluate.roi_clips import KINDS as ALL_KINDS
from earvid.evaluate.roi_clips import make_roi_clip
from earvid.evaluate.roi_plot import plot_roi
from earvid.evaluate.roi_recorded import find_recorded
from earvid.evaluate.roi_report import RoiReport
from earvid.evaluate.roi_scenes import make_scene_clips
from earvid.evaluate.roi_scores import ClipScore
from earvid.evaluate.roi_settings import RoiPlan, RoiSetting, default_plan
from earvid.evaluate.roi_sweep import Sessions, sweep_clip
from earvid.models import load_model
from earvid.sample import load_truth, sample_path
from earvid.train import Still
from earvid.video import Clip, VideoWriter

FIRST, COUNT, SIZE = 40, 8, (160, 120)
KEYFRAME, JUDGED = 3, (0, 3, 7)


def shrunk(image, how=cv2.INTER_AREA):
    return cv2.resize(image, SIZE, interpolation=how)


def write_mask(folder, kind, frame, mask, ear=1):
    cv2.imwrite(str(folder / f"{kind}_{frame:05d}_{ear}.png"), 255 * mask.astype(np.uint8))


@pytest.fixture
def recorded(tmp_path):
    """A folder with 8 frames of the sample clip, and masks of three of them."""
    truth = tmp_path / "truth" / "ear"
    truth.mkdir(parents=True)
    with Clip.open(sample_path()) as clip, VideoWriter(tmp_path / "ear.mp4", *SIZE) as writer:
        for frame in clip.frames(FIRST, FIRST + COUNT):
            writer.write(shrunk(frame.image))
    masks = load_truth().masks
    for t in JUDGED:
        write_mask(truth, "mask", t, shrunk(masks[FIRST + t], cv2.INTER_NEAREST) > 0)
    (truth / "truth.json").write_text(json.dumps({"keyframe": KEYFRAME, "note": "by hand"}))
    return tmp_path


@pytest.fixture(scope="module")
def loaded():
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def stills():
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (640, 520, 3), dtype=np.uint8), (0, 0), 2)
    ear = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(ear, (260, 310), (80, 130), 10, 0, 360, 255, -1)
    image[ear > 0] = (200, 120, 100)
    return [Still(f"own/p{n}_a", image, (ear,)) for n in range(3)]


def call(capfd, *arguments):
    """Exit code, standard output, and lines of standard error."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "roi", *map(str, arguments)])
    out, err = capfd.readouterr()
    return end.value.code, out, [line for line in err.splitlines() if line.strip()]


def test_the_table_has_what_was_asked_for(recorded, tmp_path, capfd):
    code, out, said = call(
        capfd, "--no-drawn", "--clips", recorded, "--factor", 1.5, "--size", 192, "--device", "cpu",
        "--output", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, said
    assert said[0] == "earvid: recorded, ear: 8 frames, 3 settings"
    head, *lines = out.splitlines()
    assert head.split()[:7] == ["setting", "factor", "smoothing", "input", "J", "F", "J&F"]
    assert [line.split()[0] for line in lines[:3]] == ["default", "factor", "size"]
    with (tmp_path / "out" / "table.csv").open() as file:
        usual, close, small, *best = csv.DictReader(file)
    assert [float(row["factor"]) for row in (usual, close, small)] == [2.1, 1.5, 2.1]
    assert [int(row["size"]) for row in (usual, close, small)] == [256, 256, 192]
    assert len(best) <= 1  # the best of each together, unless that is the default or was tried
    assert min(float(row["j"]) for row in (usual, close, small)) > 0.6
    assert float(close["crop"]) / float(usual["crop"]) == pytest.approx(1.5 / 2.1, rel=0.1)
    assert min(float(row["frames_per_second"]) for row in (usual, close, small)) > 0
    about = json.loads((tmp_path / "out" / "table.json").read_text())
    assert about["default"] == {"factor": 2.1, "smoothing": 0.7, "size": 256}
    assert {one["judged"] for one in about["clips"]} == {len(JUDGED) - 1}
    assert {one["frames"] for one in about["clips"]} == {COUNT - 1}


def test_a_larger_crop_and_less_smoothing_change_what_is_seen(loaded, recorded):
    (clip,) = find_recorded(recorded)
    settings = [RoiSetting(*one, 256) for one in ((1.2, 0.7), (2.1, 0.7), (1.2, 0.0))]
    near, wide, quick = sweep_clip(clip, settings, Sessions.load(loaded, reentry="nearby"))
    assert wide.crop == pytest.approx(2.1 / 1.2 * near.crop, rel=0.1)
    assert quick.crop != near.crop  # the ear's size changes a little on every frame
    assert near.setting == settings[0] and (near.j, near.f) != (wide.j, wide.f)


def test_a_model_sees_another_input_size(loaded, recorded):
    sessions = Sessions.load(loaded, reentry="nearby")
    sessions.prepare(loaded, [256, 320])
    assert sessions.models[256] is loaded.model and sessions.models[320].image_size == 320
    (clip,) = find_recorded(recorded)
    run = sessions.make(clip, RoiSetting(2.1, 0.7, 320))
    run.step(next(clip.forward()))
    features = run.session.tracks[1].bank.keyframes[KEYFRAME].features
    assert features.shape[-1] == 320 // 16


@pytest.mark.parametrize("kind", ["fast", "scale"])
def test_scripted_clips_are_what_they_are_called(stills, kind):
    clip = make_roi_clip(kind, 1, PhotoMaterial(stills), "photos")
    frames = list(clip.forward())
    boxes = np.array([cv2.boundingRect(f.ears[1].mask.astype(np.uint8)) for f in frames], float)
    size = boxes[:, 2:].max(1)
    steps = np.hypot(*np.diff(boxes[:, :2] + boxes[:, 2:] / 2, axis=0).T) / size[1:]
    fast, scaled = steps.max() > 0.3, size.max() / size.min() > 1.6
    assert (fast, scaled) == (kind == "fast", kind == "scale") and len(frames) == clip.length
    assert clip.prompt().objects[0].frames[0].box is not None


def test_whole_photos_move_where_ears_are_large_enough(stills):
    clips = make_scene_clips(stills, 1, "photos")
    assert [clip.name for clip in clips] == ["clean scene 1", "occluded scene 1"]
    masks = [frame.ears[1].mask for frame in islice(clips[0].forward(), 3)]
    assert all(mask.any() for mask in masks) and masks[0].shape == clips[0].size[::-1]
    small = [Still(s.name, s.image[::4, ::4], (s.ears[0][::4, ::4],)) for s in stills]
    assert make_scene_clips(small, 1, "photos") == []


def test_recorded_clips_go_both_ways_from_their_keyframe(recorded):
    (clip,) = find_recorded(recorded)
    assert list(clip.prompt().objects[0].frames) == [KEYFRAME]
    forward, back = list(clip.forward()), list(clip.backward())
    assert [f.index for f in forward] == [3, 4, 5, 6, 7] and [f.index for f in back] == [2, 1, 0]
    assert [f.index for f in (*forward, *back) if f.ears] == [3, 7, 0]


def test_absent_ears_and_pixels_that_are_not_judged(recorded):
    truth = recorded / "truth" / "ear"
    band = np.zeros(SIZE[::-1], bool)
    band[:, :50] = True
    write_mask(truth, "ignore", 7, band)
    write_mask(truth, "mask", 5, np.zeros_like(band))
    (truth / "truth.json").write_text('{"absent": [[6, 1]], "objects": {"1": "left ear"}}')
    (clip,) = find_recorded(recorded)
    frames = {f.index: f.ears for f in clip.forward() if f.ears}
    assert sorted(frames) == [0, 3, 5, 6, 7]  # without a keyframe, the first mask prompts
    assert clip.prompt().objects[0].name == "left ear"
    assert not frames[5][1].mask.any() and not frames[6][1].mask.any()
    np.testing.assert_array_equal(frames[7][1].ignore, band)


def too_late(truth):
    write_mask(truth, "mask", COUNT, np.ones(SIZE[::-1], bool))


def of_another_size(truth):
    write_mask(truth, "mask", KEYFRAME, np.ones((20, 20), bool))


def only_one(truth):
    for t in JUDGED[1:]:
        (truth / f"mask_{t:05d}_1.png").unlink()


def all_black(truth):
    for t in JUDGED:
        write_mask(truth, "mask", t, np.zeros(SIZE[::-1], bool))


def black_but_one(truth):
    for t in set(JUDGED) - {KEYFRAME}:
        write_mask(truth, "mask", t, np.zeros(SIZE[::-1], bool))


def not_json(truth):
    (truth / "truth.json").write_text('{"keyframe": "three"}')


def without_masks(truth):
    for file in truth.glob("mask*"):
        file.unlink()


def of_no_clip(truth):
    truth.rename(truth.with_name("nose"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (too_late, "has truth of frame 8"),
        (of_another_size, "20×20 pixels"),
        (only_one, "no ear on two frames"),
        (all_black, "no ear on two frames"),
        (black_but_one, "no ear on two frames"),
        (not_json, "makes no sense at keyframe"),
        (without_masks, "holds no masks"),
        (of_no_clip, "belongs to no clip"),
    ],
)
def test_truth_that_does_not_fit_is_told(recorded, damage, told):
    damage(recorded / "truth" / "ear")
    with pytest.raises(EarvidError, match=told) as error:
        find_recorded(recorded)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("damage", [only_one, all_black, black_but_one])
def test_a_clip_with_nothing_to_judge_is_left_out(recorded, capfd, damage):
    shutil.copy(recorded / "ear.mp4", recorded / "black.mp4")
    shutil.copytree(recorded / "truth" / "ear", recorded / "truth" / "black")
    damage(recorded / "truth" / "black")
    code, out, said = call(
        capfd, "--no-drawn", "--clips", recorded, "--factor", 2.1, "--device", "cpu", "--json"
    )
    assert code == 0 and "NaN" not in out
    assert said[0].endswith("black.mp4 is left out, since its masks show no ear on two frames.")
    assert {one["clip"] for one in json.loads(out)["clips"]} == {"ear"}


def test_a_folder_without_truth_is_told(tmp_path):
    with pytest.raises(EarvidError, match="no folder truth/"):
        find_recorded(tmp_path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--factor", "0.5"], "0.5 is not 1 or more"),
        (["--smoothing", "1"], "below 1"),
        (["--size", "250"], "multiple of 32 pixels"),
        (["--no-drawn"], "Nothing is left to track"),
        (["--no-drawn", "--clips", ".", "--kind", "fast"], "--kind does nothing"),
        (["--only", "a*"], "--only does nothing without --photos"),
        (["--kind", "rain"], "'rain'"),
    ],
)
def test_options_that_make_no_sense_are_told(capfd, options, told):
    code, out, said = call(capfd, *options)
    assert code == 2 and out == "" and len(said) == 1 and told in said[0]


def test_the_verb_knows_all_kinds(stills):
    assert tuple(ALL_KINDS) == KINDS
    with pytest.raises(UsageError, match="kind of clip 'rain'"):
        make_roi_clip("rain", 0, PhotoMaterial(stills), "photos")


USUAL = RoiSetting(2.1, 0.7, 256)


def test_one_thing_is_changed_at_a_time_and_the_best_are_put_together():
    plan = RoiPlan(USUAL, factors=(1.5, 2.1), smoothings=(0.3,), sizes=(256, 320))
    wide, quick, large = (
        RoiSetting(1.5, 0.7, 256),
        RoiSetting(2.1, 0.3, 256),
        RoiSetting(2.1, 0.7, 320),
    )
    assert plan.one_by_one() == [USUAL, wide, quick, large] and plan.all_sizes == (256, 320)
    scores = {USUAL: 0.5, wide: 0.6, quick: 0.7, large: 0.8}
    assert plan.together(scores) == [RoiSetting(1.5, 0.3, 256), RoiSetting(1.5, 0.3, 320)]
    assert plan.together({**scores, USUAL: 0.9}) == []
    assert plan.together({**scores, wide: 0.4, quick: 0.4}) == []  # large alone, which was tried
    assert default_plan(256, smoothings=(0.3,)).one_by_one() == [USUAL, quick]
    assert len(default_plan(256).one_by_one()) > 10


def score(setting, group, clip, j, painted=0):
    return ClipScore(setting, group, clip, 10, j, j, 4, painted, 59, 2.0, 100.0)


@pytest.fixture
def report():
    wide = RoiSetting(3.0, 0.7, 256)
    results = [
        *(score(USUAL, "drawn", f"clean {n}", 0.9, painted=2) for n in (1, 2, 3)),
        *(score(USUAL, "recorded", f"r{n}", 0.6) for n in (1, 2)),
        *(score(wide, "drawn", f"clean {n}", 0.9) for n in (1, 2, 3)),
        *(score(wide, "recorded", f"r{n}", 0.6 + 0.1 * n) for n in (1, 2)),
    ]
    return RoiReport(RoiPlan(USUAL, factors=(3.0,), smoothings=(), sizes=()), tuple(results))


def test_gains_are_told_with_their_error_and_groups_count_alike(report):
    usual, wide = report.rows()
    assert usual.j_and_f == pytest.approx(0.75) and usual.false_presence == pytest.approx(0.3)
    assert wide.by_group == pytest.approx({"drawn": 0.9, "recorded": 0.75})
    # Gains of 0, and of 0.1 and 0.2 with a standard error of 0.05; two groups halve both.
    assert wide.gain == pytest.approx(0.075) and wide.gain_error == pytest.approx(0.025)
    assert wide.frames_per_second == pytest.approx(59 / 2)
    text = report.to_text().splitlines()
    assert text[2].split()[0] == "factor" and "+0.075 ± 0.025" in text[2]
    assert text[-1] == "Clips: 3 drawn, 2 recorded."
    assert report.to_csv().splitlines()[1].startswith("2.1,0.7,256,0.75,0.75,0.75,0.0,")
    assert json.loads(json.dumps(report.to_dict()))["clips"][0]["j_and_f"] == 0.9


def test_the_plot_is_a_picture(report, tmp_path):
    pytest.importorskip("matplotlib")
    plot_roi(report, tmp_path / "roi.png")
    assert (tmp_path / "roi.png").read_bytes().startswith(b"\x89PNG")
