"""EfficientNet-Lite0 in bytes: what the shipped networks see stays what it was."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import ModelError
from earvid.models import NanoConfig, build_nano, load_model
from earvid.models.int8 import MOST, Int8Conv, round_weights
from earvid.models.int8_lite import ByteLite, ByteReader, Steps
from earvid.models.nano import normalize
from earvid.models.tuning import tune
from earvid.recognize import load_recognizer
from earvid.sample import load_truth, sample_path
from earvid.tracker.roi import Roi
from earvid.video import Clip


@pytest.fixture(scope="module")
def pictures():
    """``(N, 3, 256, 256)`` uint8 of the sample clip, around the ear."""
    masks = load_truth().masks
    found = []
    with Clip.open(sample_path()) as clip:
        for index in (0, 40, 80):
            rows, columns = np.nonzero(masks[index])
            middle = (round(float(columns.mean())), round(float(rows.mean())))
            crop = Roi.square(middle, 2.0 * float(np.ptp(rows)))
            found.append(crop.cut(clip.frame(index).image, 256))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def trunk():
    return load_model(tuned=False).model.image_encoder.trunk.body


def alike(a, b):
    return float(torch.cosine_similarity(a.flatten(), b.float().flatten(), 0))


def numbers(values, output):
    return (values.float() - output.steps.zero) * output.steps.size


@torch.inference_mode()
def test_features_stay_what_they_were(trunk, pictures):
    before = copy.deepcopy(trunk.state_dict())
    lite = ByteLite(trunk)
    assert all(torch.equal(v, before[name]) for name, v in trunk.state_dict().items())
    for picture in pictures.split(1):
        exact, rounded = trunk(normalize(picture.float())), lite(picture)
        for a, b, output in zip(exact, rounded, lite.outputs, strict=True):
            assert b.dtype == torch.uint8 and b.shape == a.shape
            assert alike(a, numbers(b, output)) > 0.975
            assert abs(float((numbers(b, output) - a).mean())) < 0.05 * float(a.std())


@torch.inference_mode()
def test_pictures_may_be_normalized_and_come_in_batches(trunk, pictures):
    lite = ByteLite(trunk)
    alone = [lite(picture) for picture in pictures.split(1)]
    for level, together in enumerate(lite(pictures)):
        assert torch.equal(together, torch.cat([features[level] for features in alone]))
    for a, b in zip(lite(normalize(pictures.float())), lite(pictures), strict=True):
        assert torch.equal(a, b)


@torch.inference_mode()
def test_what_the_neck_makes_of_them(pictures):
    plain, rounded = load_model().model, load_model(quantize="int8").model
    assert all(isinstance(conv.conv, ByteReader) for conv in rounded.image_encoder.neck.convs)
    for picture in pictures.split(1):
        exact = plain.forward_image(normalize(picture.float()))["backbone_fpn"]
        for a, b in zip(exact, rounded.forward_image(picture)["backbone_fpn"], strict=True):
            assert b.dtype == torch.float32 and alike(a, b) > 0.99


def test_a_recognizer_in_bytes_describes_ears_as_before(pictures):
    plain, rounded = load_recognizer(), load_recognizer(quantize="int8")
    assert isinstance(rounded.network.trunk, ByteLite)
    for picture in pictures:
        image = np.ascontiguousarray(picture.permute(1, 2, 0))
        box = (70.0, 50.0, 190.0, 210.0)
        assert plain.describe(image, box) @ rounded.describe(image, box) > 0.99
    with pytest.raises(ModelError, match="cannot be saved or copied"):
        pickle.dumps(rounded.network)
    with pytest.raises(ModelError, match="no quantize 'int4'"):
        load_recognizer(quantize="int4")


def test_other_trunks_are_rounded_as_they_come():
    pytest.importorskip("timm")
    torch.manual_seed(0)
    model = build_nano(NanoConfig(trunk="resnet18", image_size=64))
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before = model.forward_image(image)["backbone_fpn"]
        after = tune(model, "float32", "int8").forward_image(image)["backbone_fpn"]
    assert isinstance(model.image_encoder.neck.convs[0].conv, Int8Conv)
    assert alike(before[-1], after[-1]) > 0.95


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(8, 1, 3, 3), (4, 3, 5, 5), (6, 2, 1, 1)]))
def test_sums_of_kernels_survive_rounding(seed, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    rounded, scale = round_weights(weight)
    exact = weight / scale.view(-1, 1, 1, 1)
    assert (rounded.abs() <= MOST).all() and (rounded - exact).abs().max() < 1
    assert (rounded.sum((2, 3)) - exact.sum((2, 3))).abs().max() < 0.51


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e4, 0, width=32), st.floats(0, 1e4, width=32))
def test_steps_reach_from_end_to_end_and_know_zero(low, high):
    steps = Steps.over(low, high)
    assert 0 <= steps.zero <= 255
    assert (0 - steps.zero) * steps.size <= low + steps.size
    assert (255 - steps.zero) * steps.size >= high - steps.size
