"""Layers that are laid out beforehand compute what they stand for."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sam2.modeling.sam.transformer import RoPEAttention
from torch import nn

from earvid.errors import ModelError
from earvid.models import attention, load_model
from earvid.models.attention import JoinedAttention
from earvid.models.int8 import Int8Conv, Int8Linear
from earvid.models.packing import PackedConv, PackedLinear, can_pack, pack_convolutions

pytestmark = pytest.mark.skipif(not can_pack(), reason="this PyTorch has no oneDNN")
CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
PACKED = [dtype for dtype in CLOSE if can_pack(dtype)]  # not every processor has bfloat16


@pytest.fixture
def threads():
    """Sets the number of threads; afterwards it is what it was."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def near(one, other, share):
    assert one.shape == other.shape
    assert (one.float() - other.float()).abs().max() <= share * other.abs().max()


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([1, 8]),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(PACKED),
)
@torch.inference_mode()
def test_a_convolution_with_its_clip(groups, kernel, stride, bias, clipped, dtype):
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 24, kernel, stride, kernel // 2, groups=groups, bias=bias)
    image = 8 * torch.randn(2, 16, 9, 11)
    exact = nn.functional.relu6(conv(image)) if clipped else conv(image)
    packed = PackedConv(conv, dtype, clipped=clipped, out=torch.float32)
    near(packed(image), exact, CLOSE[dtype])


def test_a_model_that_would_lose_its_weights_cannot_be_saved_or_copied():
    model = load_model().model
    for wrong in (model.state_dict, lambda: copy.deepcopy(model), lambda: pickle.dumps(model)):
        with pytest.raises(ModelError, match="cannot be saved or copied"):
            wrong()
    assert copy.deepcopy(load_model(tuned=False).model).state_dict()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.booleans(), st.booleans(), st.sampled_from(PACKED))
@torch.inference_mode()
def test_a_linear_map_with_its_gelu(rows, bias, gelu, dtype):
    torch.manual_seed(0)
    linear, tokens = nn.Linear(48, 32, bias=bias), torch.randn(3, rows, 48)
    exact = nn.functional.gelu(linear(tokens)) if gelu else linear(tokens)
    packed = PackedLinear(linear, dtype, gelu=gelu, out=torch.float32)
    near(packed(tokens), exact, CLOSE[dtype])
    near(packed(tokens[:1, :1]), exact[:1, :1], CLOSE[dtype])  # whatever size it was laid out for


@torch.inference_mode()
def test_layers_follow_the_number_of_threads(threads):
    """A layout is for a number of threads: with another one it would be slow, or wrong."""
    torch.manual_seed(0)
    conv, linear = nn.Conv2d(16, 32, 3, padding=1), nn.Linear(16, 32)
    image, tokens = torch.randn(1, 16, 8, 8), torch.randn(4, 16)
    layers = {
        PackedConv(conv, torch.float32): (image, conv(image), 1e-5),
        PackedLinear(linear, torch.float32): (tokens, linear(tokens), 1e-5),
        Int8Conv(conv, clipped=False): (image, conv(image), 0.03),
        Int8Linear(linear): (tokens, linear(tokens), 0.03),
    }
    for number in (1, 2, 1, 3):
        threads(number)
        for layer, (given_, exact, share) in layers.items():
            near(layer(given_), exact, share)


class Twice(nn.Module):
    """Activations that must not become part of the convolution before them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.apart, self.often = nn.ReLU6(), nn.ReLU6(inplace=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        made = self.first(image)
        return self.often(self.second(self.apart(made))) + self.often(3 * made) + made


@torch.inference_mode()
def test_activations_that_others_depend_on_are_left():
    torch.manual_seed(0)
    network, image = Twice(), 20 * torch.randn(1, 3, 8, 8)
    exact = network(image)
    pack_convolutions(network, torch.float32, image)
    assert isinstance(network.first, PackedConv)
    near(network(image), exact, 1e-5)


@pytest.mark.parametrize("scores", [2**6, 2**21])
@pytest.mark.parametrize("maps, apart", [(0, 8), (1, 0), (3, 5)])
@torch.inference_mode()
def test_attention_in_another_order(monkeypatch, maps, apart, scores):
    """Of a square map to several, and to tokens without a place."""
    torch.manual_seed(0)
    monkeypatch.setattr(attention, "_SCORES", scores)
    plain = RoPEAttention(
        embedding_dim=32, num_heads=1, feat_sizes=(4, 4), kv_in_dim=8, rope_k_repeat=True
    ).eval()
    for linear in (plain.q_proj, plain.k_proj):
        linear.weight.mul_(4)  # so that some keys matter more than others
    query, keys = torch.randn(1, 16, 32), torch.randn(1, 16 * maps + apart, 8)
    values = torch.randn_like(keys)
    exact = plain(query, keys, values, apart)
    for dtype, share in CLOSE.items():
        near(JoinedAttention(plain, dtype)(query, keys, values, apart), exact, 3 * share)
