"""Two recordings: one ear with landmarks, and two ears of which one is hidden for a while."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import earvid
from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter

FRAMES, WIDTH, HEIGHT, FIRST, KEYFRAME = 16, 160, 120, 40, 4


@pytest.fixture(scope="session")
def model():
    """The embedded model, loaded once."""
    from earvid.models import load_model

    return load_model()


@pytest.fixture(scope="session")
def single(tmp_path_factory, model):
    """One ear with iBUG's landmarks."""
    clip = _write(tmp_path_factory.mktemp("one") / "one.mp4", lambda half, n: half)
    landmarks = load_truth().landmarks[FIRST + KEYFRAME] / 4
    return earvid.track(clip, box=_box(), landmarks=landmarks, frame=KEYFRAME, model=model)


@pytest.fixture(scope="session")
def pair(tmp_path_factory, model):
    """Two ears without landmarks."""

    def both(half, n):
        hidden = np.full_like(half, 90) if 9 <= n < 13 else half
        return np.hstack([hidden, half[:, ::-1]])

    clip = _write(tmp_path_factory.mktemp("two") / "two.mp4", both)
    x0, y0, x1, y1 = _box()
    right = 2 * WIDTH - 1 - x1, y0, 2 * WIDTH - 1 - x0, y1
    boxes = {"left": _box(), "right": right}
    return earvid.track(clip, box=boxes, frame=KEYFRAME, landmarks="none", model=model)


def _write(path, drawn):
    with Clip.open(sample_path()) as clip:
        halves = [
            cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            for frame in clip.frames(FIRST, FIRST + FRAMES)
        ]
    images = [np.ascontiguousarray(drawn(half, n)) for n, half in enumerate(halves)]
    with VideoWriter(path, images[0].shape[1], HEIGHT, 30) as writer:
        for image in images:
            writer.write(image)
    return path


def _box():
    rows, columns = np.nonzero(load_truth().masks[FIRST + KEYFRAME])
    return tuple(float(v) / 4 for v in (columns.min(), rows.min(), columns.max(), rows.max()))


@pytest.fixture(scope="module", autouse=True)
def _loaded_once(loaded_once: None) -> None:
    """Runs share networks."""
