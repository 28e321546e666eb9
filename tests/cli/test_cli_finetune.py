"""``earvid finetune`` as its users call it."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from command_line import call

from earvid.models import NanoConfig, build_nano, save_weights
from earvid.sample import make_clip, random_ear


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with two people's ears in ``ears/``, and ``start.safetensors``."""
    root = tmp_path_factory.mktemp("finetune")
    for name in ("images", "masks"):
        (root / "ears" / name).mkdir(parents=True)
    for person in range(2):
        made = make_clip(random_ear(person), 1, 96, 80, 5, person, ear_height=0.6)
        for frame in made:
            mask = frame.mask.astype(np.uint8) * 255
            cv2.imwrite(str(root / "ears" / "images" / f"p{person}_0.png"), frame.image[..., ::-1])
            cv2.imwrite(str(root / "ears" / "masks" / f"p{person}_0.png"), mask)
    torch.manual_seed(0)
    config = NanoConfig(trunk="mobilenetv3_small_050", image_size=64, width=32, memory_width=16)
    weights = build_nano(config).state_dict()
    save_weights(root / "start.safetensors", weights, config.to_dict(), {})
    return root


@pytest.fixture
def at(small, tmp_path, monkeypatch):
    shutil.copytree(small, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = ("finetune", "ears", "--run", "run", "--checkpoint", "start.safetensors", "--device", "cpu")
FEW = ("--steps", 2, "--looks", 1, "--batch", 1)


def test_a_run_says_before_and_after(at, capfd):
    said = call(capfd, *RUN, *FEW, "--recipe", "image")
    assert said.code == 0, said.err
    assert said.out.count("\n") == 1 and "run/weights.safetensors" in said.out
    assert "to learn from: 1 photo of 1 subject" in said.err and "held out" in said.err
    assert "Traceback" not in said.err
    again = call(capfd, *RUN, *FEW, "--recipe", "image", "--json")
    document = json.loads(again.out)
    assert document["steps"] == 2 and document["recipe"] == "image"
    assert document == json.loads((at / "run" / "report.json").read_text())
    assert "resumed at step 2" in again.err
    other = call(capfd, *RUN, *FEW, "--recipe", "video")
    assert other.code == 1 and "settings were different" in other.err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--recipe", "audio"), 2, "no recipe 'audio'"),
        (("--minutes", "0"), 2, "not a number above 0"),
        (("--validation", "1"), 2, "not in the range"),
        (("--hold-out", "q*"), 2, "matches no photo"),
        (("--subject", "("), 2, "no regular expression"),
        (("--subject", "ears"), 2, "one subject"),
        (("--model", "sam2.1-tiny"), 1, "does not fit the model"),
        (("--replay", "nowhere"), 1, "does not exist"),
        (("nowhere.json",), 1, "cannot be read"),
        (("--recipe", "image", "--length", "3"), 2, "--length does nothing in the image recipe"),
        (("--replay-share", "0.5"), 2, "--replay-share does nothing without --replay"),
        (("--clips", "ears"), 2, "--clips does nothing without a store"),
        (("--min-score", "0.5"), 2, "--min-score does nothing without a store"),
        (("--images", "ears"), 2, "--images does nothing without a COCO file"),
        (("--category", "ear"), 2, "--category does nothing without a COCO file"),
        (("--hold-out", "*/p0*", "--validation", "0.5"), 2, "--validation does nothing beside"),
        (("--validation", "0"), 2, "--looks does nothing without validation"),
    ],
)
def test_mistakes_are_one_sentence(at, capfd, more, code, words):
    said = call(capfd, *RUN, *FEW, *more)
    assert said.code == code and words in said.err
    assert len(said.lines) == 1 and said.out == ""
    assert not (at / "run").exists()


def test_without_accelerate_the_extra_is_named(at, capfd, monkeypatch):
    from earvid.finetune import extra

    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    said = call(capfd, *RUN, *FEW)
    assert said.code == 1 and "pip install 'earvid[finetune]'" in said.err
    assert len(said.lines) == 1 and not (at / "run").exists()
