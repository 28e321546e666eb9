"""What is done to models for speed, and that their features and masks stay what they were."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from earvid.errors import ModelError
from earvid.models import NanoConfig, build_nano, check_quantize, load_model, random_model
from earvid.models.attention import JoinedAttention
from earvid.models.folding import fold_norms
from earvid.models.int8 import (
    MOST,
    ZERO,
    Int8Conv,
    Int8Linear,
    most_of_weights,
    round_activations,
)
from earvid.models.nano import ConvTrunk
from earvid.models.packing import can_pack
from earvid.models.tuning import tune
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import load_truth, sample_path
from earvid.tracker import Session
from earvid.video import Clip


def lively(network: nn.Module) -> nn.Module:
    """Norms as after training, when they do something."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.3, generator=generator)
    return network.eval()


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv3_small_050", "resnet18"])
def test_folded_norms_leave_features_as_they_are(name):
    torch.manual_seed(0)
    trunk, image = lively(ConvTrunk(name)), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = trunk(image)
        assert fold_norms(trunk, image) > 10
        after = trunk(image)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in trunk.modules())
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * float(a.abs().max()))


class ReadTwice(nn.Module):
    """A convolution whose output is read by a norm, and once more without it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        made = self.conv(image)
        return self.norm(made) + made


def test_a_norm_that_cannot_be_folded_is_left():
    network, image = lively(ReadTwice()), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        before = network(image)
        assert fold_norms(network, image) == 0
        assert torch.equal(network(image), before)


def masks(model, count=8) -> list[np.ndarray]:
    """Masks of the ear of the sample clip from its middle on, half the size."""
    truth, first = load_truth(), 45
    rows, columns = np.nonzero(truth.masks[first])
    box = tuple(float(v) for v in (columns.min(), rows.min(), columns.max(), rows.max()))
    ear = ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=box)})
    with Clip.open(sample_path()) as clip:
        images = [frame.image for frame in clip.frames(first, first + count)]
    height, width = images[0].shape[:2]
    session = Session(model, Prompt((ear,)), width, height, 1000)
    results = [
        session.step(SimpleNamespace(index=t, image=image)).objects[1]
        for t, image in enumerate(images)
    ]
    return [result.logits for result in results]


@pytest.fixture(scope="module")
def plain():
    return masks(load_model(tuned=False).model)


def test_a_tuned_model_gives_the_same_masks(plain):
    for a, b in zip(plain, masks(load_model().model), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-3)  # of logits of order 10


def agree(ones, others, least):
    for a, b in zip(ones, others, strict=True):
        both, either = ((a > 0) & (b > 0)).sum(), ((a > 0) | (b > 0)).sum()
        assert both / either > least


def test_bfloat16_gives_nearly_the_same_masks(plain):
    model = load_model(dtype="bfloat16").model
    if can_pack(torch.bfloat16):  # on other processors PyTorch rounds by itself
        assert model.image_encoder.trunk(torch.zeros(1, 3, 256, 256))[0].dtype == torch.bfloat16
        assert isinstance(model.memory_attention.layers[0].self_attn, JoinedAttention)
    agree(plain, masks(model), 0.97)


def test_a_dtype_that_is_not_there_is_told():
    with pytest.raises(ModelError, match="no dtype 'float8'; choose from float32, bfloat16"):
        load_model(dtype="float8")


def test_random_weights_see_an_object():
    loaded = random_model("sam2.1-tiny", image_size=128)
    assert loaded.model.image_size == 128 and loaded.sha256 == "random, 128 pixels"
    again = random_model("sam2.1-tiny", image_size=128)
    for a, b in zip(loaded.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    ear = ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=(20.0, 20.0, 60.0, 70.0))})
    session = Session(loaded.model, Prompt((ear,)), 128, 96, 1000)
    assert all(
        session.step(SimpleNamespace(index=t, image=image)).objects[1].presence > 0.5
        for t in range(3)
    )
    with pytest.raises(ModelError, match="ships with its weights"):
        random_model("earvid-nano")


def test_int8_gives_nearly_the_same_masks(plain):
    loaded = load_model(quantize="int8")
    assert not any(isinstance(m, nn.ReLU6) for m in loaded.model.image_encoder.modules())
    # Processors without VNNI have weights of seven bits, of which less can be asked.
    least = 0.95 if most_of_weights() == MOST else 0.93
    agree(plain, masks(loaded.model), least)
    agree(plain, masks(load_model(quantize="int8", dtype="bfloat16").model), least)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 16])
def test_a_convolution_in_eight_bits(groups, stride):
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 32, 3, stride, 1, groups=groups)
    image = torch.randn(2, 16, 9, 9) * torch.linspace(0.1, 3, 16)[:, None, None]
    with torch.inference_mode():
        exact, rounded = conv(image), Int8Conv(conv, clipped=False)(image)
        assert rounded.shape == exact.shape and rounded.dtype == torch.float32
        assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()
        # Two in a row hand bytes to one another, whose steps are those of a ReLU6.
        after = nn.Conv2d(32, 8, 1)
        exact = after(torch.relu(6 * exact).clamp(max=6))
        conv.weight *= 6
        conv.bias *= 6
        between = Int8Conv(conv, clipped=True)(image)
        assert between.dtype == torch.uint8
        rounded = Int8Conv(after, clipped=False)(between)
        assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()


def test_a_linear_map_in_eight_bits():
    torch.manual_seed(0)
    linear, tokens = nn.Linear(64, 96), torch.randn(5, 7, 64)
    with torch.inference_mode():
        exact, rounded = linear(tokens), Int8Linear(linear)(tokens)
        assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()
        assert torch.equal(Int8Linear(linear)(0 * tokens), linear(0 * tokens))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_rounding_is_off_by_half_a_step_at_most(values):
    numbers = torch.tensor(values)
    rounded, step = round_activations(numbers)
    back = (rounded.float() - ZERO) * step
    assert (back - numbers).abs().max() <= 0.501 * step
    assert (rounded[numbers == 0] == ZERO).all()


def test_what_cannot_be_quantized_is_told():
    with pytest.raises(ModelError, match="no quantize 'int4'; choose from none, int8"):
        load_model(quantize="int4")
    with pytest.raises(ModelError, match="int8 is for CPUs; on cuda use --dtype bfloat16"):
        check_quantize("int8", "cuda")


def test_an_encoder_that_does_not_survive_is_refused():
    """One channel a thousand times the others leaves these no steps."""
    model = build_nano(NanoConfig(image_size=64))
    with torch.no_grad():
        for module in model.image_encoder.trunk.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight[::7] *= 300
                module.bias[1::7] += 5
    with pytest.raises(ModelError, match="does not survive int8"):
        tune(model, "float32", "int8")


def test_positions_are_kept_and_projections_joined(plain):
    model, untouched = load_model().model, load_model(tuned=False).model
    assert isinstance(model.sam_mask_decoder.conv_s0, nn.Identity)
    image = torch.randn(2, 3, 256, 256)
    with torch.inference_mode():
        ours, theirs = model.forward_image(image), untouched.forward_image(image)
    for a, b in zip(ours["backbone_fpn"], theirs["backbone_fpn"], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * float(b.abs().max()))
    for a, b in zip(ours["vision_pos_enc"], theirs["vision_pos_enc"], strict=True):
        assert torch.equal(a, b)


@torch.inference_mode()
def test_a_tuned_sam_sees_what_it_saw_before_at_every_size():
    """Its positions are kept, once for each size of a map."""
    ours = random_model("sam2.1-tiny", image_size=128).model.image_encoder
    theirs = random_model("sam2.1-tiny", image_size=128, tuned=False).model.image_encoder.trunk
    for side in (128, 64, 128):
        image = torch.randn(1, 3, side, side)
        for a, b in zip(ours.trunk(image), theirs(image), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * float(b.abs().max()))


def test_bfloat16_works_where_the_processor_has_none():
    """On processors without bfloat16 it is slow, and no error."""
    code = (
        "import torch; from earvid.models import load_model\n"
        "from earvid.models.precision import computing, dtype_of\n"
        "model = load_model(dtype='bfloat16', device='cpu').model\n"
        "with torch.inference_mode(), computing(dtype_of(model), torch.device('cpu')):\n"
        "    model.forward_image(torch.zeros(1, 3, 256, 256))\n"
    )
    limited = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=limited)
