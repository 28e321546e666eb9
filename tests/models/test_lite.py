"""EfficientNet-Lite0 as timm has it, without timm."""

import pytest
import timm
import torch

from earvid.models.lite import EfficientNetLite
from earvid.models.nano import ConvTrunk


def of_timm() -> torch.nn.Module:
    """The published network, with norms that do something."""
    torch.manual_seed(0)
    network = timm.create_model("efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@torch.no_grad()
def test_it_is_the_network_of_timm_to_the_bit():
    theirs, ours = of_timm(), EfficientNetLite((1, 2, 4, 6)).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())  # published weights go by order
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 64, 96)
    for one, other in zip(ours(image), theirs(image), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("stages", "strides"), [((2, 4, 5), (8, 16, 32)), ((0,), (2,)), ((4,), (16,))]
)
def test_stages_can_be_chosen_and_later_ones_are_not_there(stages, strides):
    network = EfficientNetLite(stages).eval()
    assert len(network.blocks) == max(stages) + 1
    shapes = [tuple(x.shape) for x in network(torch.zeros(1, 3, 64, 64))]
    wanted = [(1, c, 64 // s, 64 // s) for c, s in zip(network.channels, strides, strict=True)]
    assert shapes == wanted


def test_it_starts_from_weights_that_keep_the_size_of_what_goes_through():
    torch.manual_seed(0)
    network = EfficientNetLite((6,)).train()
    (out,) = network(torch.randn(4, 3, 64, 64))
    assert 0.1 < float(out.detach().std()) < 10


def test_another_trunk_comes_from_timm():
    trunk = ConvTrunk("mobilenetv3_small_050")
    assert [x.shape[-1] for x in trunk.eval()(torch.zeros(1, 3, 64, 64))] == [16, 8, 4, 2]
