"""The shipped detector on people whom it has not seen; see checkpoints/EAR_DETECTOR_CARD.md."""

from hashlib import sha256
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from torch import nn

from earvid.detect import SURE, EarDetector, find_ears, load_detector, score_detector
from earvid.detect.detector import overlaps
from earvid.models import load_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import Session, label_frame
from earvid.train import find_stills, load_still, split
from earvid.train.geometry import ear_box
from earvid.video import Clip

HELD_OUT = [
    "awe/07*",
    "closeup/bs00[18]*",
    "closeup/bs017*",
    "closeup/bs027*",
    "closeup/bs036*",
]


class Remembering(nn.Module):
    """A network that looks at each picture once, however many tests ask about it."""

    def __init__(self, network):
        super().__init__()
        self.network, self.known = network, {}

    def forward(self, image):
        key = sha256(image.contiguous().numpy()).digest()
        if key not in self.known:
            self.known[key] = self.network(image)
        return self.known[key]


@pytest.fixture(scope="module")
def detector():
    loaded = load_detector()
    return EarDetector(Remembering(loaded.network), loaded.sha256, loaded.config)


@pytest.fixture(scope="module")
def photos(shared_data):
    refs = find_stills([shared_data / "awe", shared_data / "closeup"])
    stills = [load_still(ref) for ref in split(refs, HELD_OUT)[1]]
    return [still for still in stills if still is not None]


def test_ears_of_held_out_photos_are_found(detector, photos):
    kinds = {
        "awe": {"recall": 0.85, "precision": 0.85, "average_precision": 0.9},
        "closeup": {"recall": 0.95, "precision": 0.85, "average_precision": 0.95},
    }
    for kind, least in kinds.items():
        chosen = [
            (s.image, [ear_box(e) for e in s.ears]) for s in photos if s.name.startswith(kind)
        ]
        scores = score_detector(detector, chosen, SURE)
        assert all(getattr(scores, name) >= value for name, value in least.items()), scores
        assert scores.calibration_error < 0.15


def test_close_ups_that_look_to_image_right_show_right_ears(detector, photos):
    best = [detector.detect(s.image)[0] for s in photos if s.name.startswith("closeup")]
    assert sum(found.side == "right" for found in best) >= 0.9 * len(best)


def test_masks_of_all_ears_of_a_photo_without_any_prompt(detector, photos):
    model = load_model().model
    scores = [_union_iou(detector, model, s) for s in photos if s.name.startswith("awe")]
    assert np.mean(scores) > 0.8


def _union_iou(detector, model, still) -> float:
    height, width = still.image.shape[:2]
    truth = np.any([ear > 0 for ear in still.ears], axis=0)
    mask = np.zeros_like(truth)
    for found in detector.detect(still.image, min_confidence=SURE):
        prompt = Prompt((ObjectPrompt(id=1, name="e", frames={0: FramePrompt(box=found.box)}),))
        session = Session(model, prompt, width, height, 100)
        result = session.step(SimpleNamespace(index=0, image=still.image))
        mask |= label_frame(result.objects.values(), width, height).labels > 0
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def test_both_ears_of_a_talking_head_have_their_names(detector, shared_data):
    folder = shared_data / "clips"
    with Clip.open(folder / "d11.mp4") as clip:
        ears = {e.name: e for e in find_ears(clip, detector)}
    for name, number in (("right", 1), ("left", 2)):  # image-left is the person's right ear
        mask = cv2.imread(str(folder / "truth" / "d11" / f"mask_00105_{number}.png"))[..., 0]
        near = [c for c in ears[name].candidates if abs(c.frame - 105) < 12]
        assert ears[name].confidence > SURE
        assert max(overlaps([c.box], [ear_box(mask)])[0, 0] for c in near) > 0.3
