"""The shipped recognizer on drawn ears, which it never learned from, and its file."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import ModelError
from earvid.models.weights import save_weights
from earvid.recognize import EarEmbedder, RecognizerConfig, load_recognizer
from earvid.recognize.recognizer import ear_crop
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear


@pytest.fixture(scope="module")
def recognizer():
    return load_recognizer()


def views(seed, count=2):
    """Frames of one drawn ear, a second apart, with the boxes of its masks."""
    shown = list(make_clip(random_ear(seed), 30 * count, 320, 240, seed=seed, ear_height=0.4))
    frames = shown[:: 30 * count // 2][:count]
    return [(f.image, box_of(f.mask)) for f in frames]


def box_of(mask):
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return float(x), float(y), float(x + w - 1), float(y + h - 1)


def test_two_views_of_an_ear_are_more_alike_than_two_ears(recognizer):
    ears = [[recognizer.describe(*view) for view in views(seed)] for seed in (1, 3, 6)]
    own = [float(one @ two) for one, two in ears]
    others = [float(ears[i][0] @ ears[j][1]) for i in range(3) for j in range(3) if i != j]
    assert min(own) > recognizer.same and min(own) > max(others)


def test_a_description_has_length_one_and_ignores_what_is_far(recognizer):
    image, box = views(4)[0]
    described = recognizer.describe(image, box)
    assert described.dtype == np.float32 and np.linalg.norm(described) == pytest.approx(1, abs=1e-4)
    changed = image.copy()
    changed[:, :40] = 0
    changed[:, -40:] = 255
    far = box[0] > 80 and box[2] < 240
    assert far and float(described @ recognizer.describe(changed, box)) > 0.95


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_a_crop_shows_the_same_at_any_size(scale):
    config = RecognizerConfig()
    image, (x0, y0, x1, y1) = views(2)[0]
    resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = tuple((v + 0.5) * scale - 0.5 for v in (x0, y0, x1, y1))
    a = ear_crop(image, (x0, y0, x1, y1), config).astype(float)
    b = ear_crop(resized, box, config).astype(float)
    assert a.shape == (80, 80, 3) and np.abs(a - b).mean() < 8


def test_a_box_that_reaches_beyond_the_frame_is_padded(recognizer):
    image, _ = views(2)[0]
    assert np.isfinite(recognizer.describe(image, (-50.0, -50.0, 20.0, 60.0))).all()


@settings(deadline=None, max_examples=80)
@given(
    data=st.data(),
    extent=st.floats(4, 500),
    fine=st.booleans(),
)
def test_nothing_is_looked_at_beyond_the_reach(recognizer, data, extent, fine):
    width, height = 900, 700
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    x0, y0 = data.draw(st.floats(-40, width - 20)), data.draw(st.floats(-40, height - 20))
    box = (x0, y0, x0 + extent, y0 + data.draw(st.floats(2, extent)))
    box = box if fine else tuple(float(round(v)) for v in box)
    left, top, right, bottom = recognizer.reach(box)
    near = (slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right)))
    other = 255 - image
    other[near] = image[near]
    config = recognizer.config
    np.testing.assert_array_equal(ear_crop(image, box, config), ear_crop(other, box, config))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        load_recognizer(tmp_path / "none.safetensors")
    wrong = tmp_path / "wrong.safetensors"
    save_weights(wrong, {"a": torch.zeros(2)}, RecognizerConfig().to_dict(), {})
    with pytest.raises(ModelError):
        load_recognizer(wrong)
    other = tmp_path / "other.safetensors"
    save_weights(other, EarEmbedder().state_dict(), {"sides": 80}, {})
    with pytest.raises(ModelError, match="unknown key 'sides'"):
        load_recognizer(other)


@pytest.mark.parametrize("values", [{"side": 81}, {"side": "x"}, {"width": 0}, {"margin": 0.5}])
def test_malformed_configurations_are_refused(values):
    with pytest.raises(ModelError):
        RecognizerConfig.from_dict(values)
