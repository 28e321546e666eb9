"""The sample that ships with the package."""

import numpy as np
import pytest

from earvid.errors import UsageError
from earvid.prompt import Prompt
from earvid.sample import load_truth, sample_path, write_sample
from earvid.sample.__main__ import main
from earvid.sample.files import sample_frames
from earvid.video import Clip


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


@pytest.fixture(scope="module")
def truth():
    return load_truth()


def test_the_sample_is_small():
    assert sample_path("ear.mp4").stat().st_size < 400_000
    assert sample_path("ear.truth.npz").stat().st_size < 150_000


def test_the_clip_decodes_to_what_the_code_draws(truth):
    with Clip.open(sample_path()) as clip:
        assert (len(clip), clip.info.width, clip.info.height) == (90, 640, 480)
        assert clip.info.codec == "h264"
        decoded = [frame.image.astype(int) for frame in clip.frames(0, 3)]
    for index, (image, drawn) in enumerate(zip(decoded, sample_frames(), strict=False)):
        assert np.abs(image - drawn.image).mean() < 6
        assert overlap(drawn.mask, truth.masks[index]) > 0.995
        assert np.abs(drawn.landmarks - truth.landmarks[index]).max() < 0.1


def test_the_ear_stays_in_view_and_moves(truth):
    assert truth.masks.shape == (90, 480, 640)
    assert truth.landmarks.shape == (90, 55, 2)
    assert truth.visible.all()
    assert truth.masks.any(axis=(1, 2)).all()
    assert not truth.masks[:, [0, -1]].any()
    assert not truth.masks[:, :, [0, -1]].any()
    assert np.ptp(truth.landmarks.mean(axis=1), axis=0).min() > 40


def test_the_prompt_is_the_box_of_the_ear(truth):
    prompt = Prompt.load(sample_path("ear.prompt.json"))
    prompt.validate(640, 480, 90)
    [(index, frame)] = prompt.objects[0].frames.items()
    rows, columns = np.nonzero(truth.masks[index])
    assert frame.box == (columns.min(), rows.min(), columns.max(), rows.max())


def test_writing_anew_gives_the_same_truth(tmp_path, truth):
    folder = tmp_path / "new" / "sample"
    write_sample(folder)
    again = load_truth(folder / "ear.truth.npz")
    shares = [overlap(a, b) for a, b in zip(again.masks, truth.masks, strict=True)]
    assert min(shares) > 0.995
    assert np.array_equal(again.visible, truth.visible)
    with Clip.open(folder / "ear.mp4") as clip:
        assert len(clip) == 90
    assert (folder / "ear.prompt.json").read_text() == sample_path("ear.prompt.json").read_text()


def test_an_unknown_file_is_named():
    with pytest.raises(UsageError, match=r"no file 'nose\.mp4'"):
        sample_path("nose.mp4")


def test_the_command_asks_for_a_folder(capsys):
    assert main([]) == 2
    assert "give one folder" in capsys.readouterr().err
