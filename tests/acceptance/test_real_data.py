"""The embedded model on real people, who are not part of the repository nor of its training."""

import json

import cv2
import numpy as np
import pytest

from earvid.evaluate.metrics import iou, sequence_scores
from earvid.models import load_model
from earvid.pipeline import track
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.store import Store
from earvid.tracker import Session, label_frame
from earvid.train import ClipMaker, ClipSettings, find_stills, load_still, split
from earvid.train.motion import MotionRanges
from earvid.video import Frame

# The close-up subjects that the embedded weights have not seen; see checkpoints/MODEL_CARD.md.
HELD_OUT = ["closeup/bs00[18]*", "closeup/bs017*", "closeup/bs027*", "closeup/bs036*"]


@pytest.fixture(scope="module")
def model():
    return load_model()


def box_of(mask):
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return float(x), float(y), float(x + w - 1), float(y + h - 1)


def test_both_ears_of_a_talking_head_are_followed_to_both_ends(tmp_path, model, shared_data):
    truth = shared_data / "clips" / "truth" / "d19"
    about = json.loads((truth / "truth.json").read_text())
    keyframe = about["keyframe"]

    def layer(kind, t, ear):
        image = cv2.imread(str(truth / f"{kind}_{t:05d}_{ear}.png"), cv2.IMREAD_GRAYSCALE)
        return image > 0

    ears = tuple(
        ObjectPrompt(
            id=int(i),
            name=name,
            frames={keyframe: FramePrompt(box=box_of(layer("mask", keyframe, i)))},
        )
        for i, name in about["objects"].items()
    )
    report = track(
        shared_data / "clips" / "d19.mp4", Prompt(ears), tmp_path / "s.zarr", model=model
    )
    store = Store.open(report.store)
    for ear in ears:
        scores = [
            iou(
                store.mask(int(t)) == ear.id,
                layer("mask", int(t), ear.id),
                ignore=layer("ignore", int(t), ear.id),
            )
            for t in about["frames"]
        ]
        # A perfect tracker scores about 0.85 to 0.9 against masks drawn by hand at this size.
        assert np.mean(scores) > 0.8 and min(scores) > 0.7, (ear.name, scores)
    assert all(ear.absent == () for ear in report.ears)


def test_close_ups_of_unseen_people_in_synthetic_motion(model, shared_data):
    _, held = split(find_stills([shared_data / "closeup"]), HELD_OUT)
    motion = MotionRanges(zoom=(2.0, 4.5), shift=0.25, roll=0.2, yaw=0.25, rate=(0.02, 0.12))
    settings = ClipSettings(
        side=480, length=16, occluded=0, leaving=0, cut=0, motion=motion,
        borders=(cv2.BORDER_REPLICATE,),
    )  # fmt: skip
    maker = ClipMaker([load_still(ref) for ref in held], settings, seed=9)
    scores = [_track_clip(model, maker.clip(i)) for i in range(6)]
    assert np.mean(scores) > 0.85, scores


def _track_clip(model, clip) -> float:
    """J&F of one clip, prompted by a box in the middle."""
    count, middle = len(clip.images), len(clip.images) // 2
    ear = ObjectPrompt(
        id=1, name="ear", frames={middle: FramePrompt(box=box_of(clip.masks[middle]))}
    )
    session = Session(model.model, Prompt((ear,)), 480, 480, count)

    def masks(session, order):
        return {
            t: label_frame(
                session.step(Frame(index=t, time=0.0, image=clip.images[t])).objects.values(),
                480,
                480,
            ).labels
            > 0
            for t in order
        }

    found = masks(session, range(middle, count))
    found |= masks(session.backward(), range(middle - 1, -1, -1))
    return sequence_scores([found[t] for t in range(count)], list(clip.masks)).j_and_f
