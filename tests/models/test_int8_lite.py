"""EfficientNet-Lite0 in bytes: what the shipped networks see stays what it was."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv2d

from earvid.errors import ModelError
from earvid.models import NanoConfig, build_nano, load_model
from earvid.models.int8 import MOST, Int8Conv, round_weights
from earvid.models.int8_lite import ByteConv, ByteLite, ByteReader, Steps
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


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(8, 8, 3, 1), (8, 8, 3, 8), (12, 6, 1, 1), (8, 16, 1, 4), (16, 4, 5, 4)]),
    st.sampled_from([1, 2]),
    st.integers(0, 255),
    st.floats(1e-3, 10),
)
@torch.inference_mode()
def test_a_convolution_of_bytes_is_that_of_the_numbers(seed, shape, stride, zero, size):
    """To the last digit: against whole numbers in double precision, then rounded."""
    inside, outside, kernel, groups = shape
    torch.manual_seed(seed)
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups)
    taken = Steps(size, zero if kernel == 1 else 0)
    usual = torch.randn(inside)
    bytes_ = torch.randint(0, 256, (2, inside, 9, 8), dtype=torch.uint8)
    bytes_ = bytes_.contiguous(memory_format=torch.channels_last)
    rounded, scale = round_weights(conv.weight)
    weight = rounded.double() * scale.double().view(-1, 1, 1, 1)
    error = (weight - conv.weight).sum((2, 3), keepdim=True)
    added = conv2d(usual.double().view(1, -1, 1, 1), error, groups=groups).flatten()
    inputs = (bytes_.double() - taken.zero) * taken.size
    exact = conv2d(inputs, weight, conv.bias - added, stride, kernel // 2, groups=groups)
    numbers = ByteConv(conv, taken, None, usual)(bytes_)
    assert (numbers - exact).abs().max() <= 1e-5 * exact.abs().max()
    given = Steps.over(float(exact.min()) / 2, float(exact.max()) / 2)  # so that some saturate
    steps = (exact / given.size + given.zero).clamp(0, 255)
    assert (ByteConv(conv, taken, given, usual)(bytes_).double() - steps).abs().max() <= 0.51
    sum_ = torch.randint(0, 256, exact.shape, dtype=torch.uint8)
    sum_ = sum_.contiguous(memory_format=torch.channels_last)
    other = Steps(given.size * 1.7, 31)
    both = exact + (sum_.double() - other.zero) * other.size
    steps = (both / given.size + given.zero).clamp(0, 255)
    out = ByteConv(conv, taken, given, usual).onto(bytes_, sum_, other)
    assert (out.double() - steps).abs().max() <= 0.51


def test_beyond_an_image_there_must_be_zeros():
    with pytest.raises(ValueError, match="needs the byte 0 to stand for zero"):
        ByteConv(nn.Conv2d(4, 4, 3, padding=1), Steps(1.0, 128), None, torch.zeros(4))


def test_processors_without_instructions_for_bytes_compute_the_same():
    """There, sums of two products are clipped, and smaller weights keep them from it."""
    code = (
        "import torch\n"
        "from earvid.models import load_model\n"
        "from earvid.models.int8 import most_of_weights\n"
        "from earvid.models.int8_lite import ByteLite\n"
        "from earvid.models.nano import normalize\n"
        "assert most_of_weights() == 63\n"
        "trunk = load_model(tuned=False).model.image_encoder.trunk.body\n"
        "lite, white = ByteLite(trunk), torch.full((1, 3, 64, 64), 250, dtype=torch.uint8)\n"
        "white[:, :, 20:40, 30:50] = 90\n"
        "with torch.inference_mode():\n"
        "    for a, b, o in zip(trunk(normalize(white.float())), lite(white), lite.outputs):\n"
        "        numbers = (b.float() - o.steps.zero) * o.steps.size\n"
        "        assert torch.cosine_similarity(a.flatten(), numbers.flatten(), 0) > 0.95\n"
    )
    limited = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=limited)


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
