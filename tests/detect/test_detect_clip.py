import cv2
import numpy as np
import pytest

from earvid.detect import (
    SURE,
    TrackerVerifier,
    Wanted,
    candidate_sheet,
    choose_prompt,
    find_ears,
    find_prompt,
    load_detector,
)
from earvid.detect.detector import overlaps
from earvid.detect.sampling import SPREAD
from earvid.detect.verify import Check
from earvid.errors import NoEarError
from earvid.models import load_model
from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture(scope="module")
def sample(detector):
    """The sample clip at half its size, and what is found in it."""
    with Clip.open(sample_path()) as clip:
        return find_ears(clip, detector)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / "it's noise.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 160, 120) as writer:
        for _ in range(5):
            coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
            writer.write(cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC))
    return path


def test_the_sample_has_one_ear_and_its_keyframe_is_a_good_one(sample):
    ear = sample[0]
    assert ear.name == "right" and ear.confidence > SURE
    assert all(other.confidence < SURE for other in sample[1:])
    truth = load_truth().masks
    rows, columns = np.nonzero(truth[ear.best.frame])
    box = (columns.min(), rows.min(), columns.max(), rows.max())
    assert overlaps([ear.best.box], [box])[0, 0] > 0.75
    qualities = [c.quality for c in ear.candidates]
    assert qualities == sorted(qualities, reverse=True)


def test_a_bounded_number_of_frames_is_looked_at(detector):
    told = []
    with Clip.open(sample_path()) as clip:
        find_ears(clip, detector, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (1, SPREAD) and told[-1][0] == told[-1][1] <= 2 * SPREAD + 16


def test_the_prompt_is_the_same_every_time_and_fits_the_clip(detector, sample):
    with Clip.open(sample_path()) as clip:
        verifier = TrackerVerifier(load_model())
        one = find_prompt(clip, detector, verifier=verifier)
        two = choose_prompt(clip, sample, detector, verifier=verifier)
        info = clip.info
    one.prompt.validate(info.width, info.height, info.frame_count)
    assert one.prompt.digest() == two.prompt.digest() and one.note == two.note
    assert [o.name for o in one.prompt.objects] == ["right"]
    assert one.note["detector"] == detector.sha256 and one.note["ears"][0]["confidence"] > SURE


def test_an_ear_that_the_tracking_model_does_not_see_is_left_out(detector, sample):
    seen = []

    def unseen(clip, candidate):
        seen.append(candidate.frame)
        return Check(0.9, 0.1, 0.0)

    with Clip.open(sample_path()) as clip, pytest.raises(NoEarError) as error:
        choose_prompt(clip, sample[:1], detector, verifier=unseen)
    assert "sees no ear there" in str(error.value) and "earvid track" not in str(error.value)
    # Several keyframes are tried, away from one another, before an ear is given up.
    assert (
        len(seen) == len(set(seen)) > 1
        and np.diff(sorted(seen)).min() >= len(load_truth().masks) / 12
    )


def test_only_the_side_that_is_asked_for(detector, sample):
    with Clip.open(sample_path()) as clip, pytest.raises(NoEarError):
        choose_prompt(clip, Wanted(only="left").of(sample), detector)


def test_without_an_ear_the_sentence_says_so_and_what_to_type(detector, noise):
    with Clip.open(noise) as clip, pytest.raises(NoEarError, match=r"--box") as error:
        find_prompt(clip, detector)
    assert "it's noise.mp4" in str(error.value)


def test_a_clip_of_one_frame(detector, tmp_path):
    with Clip.open(sample_path()) as clip:
        image = clip.frame(45).image
    cv2.imwrite(str(tmp_path / "one.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with Clip.open(tmp_path / "one.png") as clip:
        found = find_prompt(clip, detector)
    assert found.prompt.objects[0].first_keyframe == 0 and found.confidence[0] > SURE


def test_two_people_side_by_side(detector, tmp_path):
    """The sample beside its mirror image: two faces that look at one another's backs."""
    path = tmp_path / "two.mp4"
    with Clip.open(sample_path()) as clip, VideoWriter(path, 640, 240) as writer:
        for frame in clip.frames(40, 52):
            half = cv2.resize(frame.image, (320, 240), interpolation=cv2.INTER_AREA)
            writer.write(np.hstack([half, half[:, ::-1]]))
    with Clip.open(path) as clip:
        found = find_prompt(clip, detector)
    boxes = {o.name: next(iter(o.frames.values())).box for o in found.prompt.objects}
    sides = sorted(name.split("_")[0] for name in boxes)
    assert sides == ["left", "right"]
    middle = {name.split("_")[0]: (b[0] + b[2]) / 2 for name, b in boxes.items()}
    assert middle["right"] < 320 < middle["left"]


def test_the_sheet_shows_every_candidate(sample):
    with Clip.open(sample_path()) as clip:
        one = candidate_sheet(clip, sample[0].candidates[:1])
        four = candidate_sheet(clip, sample[0].candidates[:4])
    assert one.dtype == np.uint8 and one.shape[2] == 3
    assert four.shape[0] * four.shape[1] > 3 * one.shape[0] * one.shape[1]
