"""EfficientNet-Lite0 without its classifier: the trunk of all networks that ship with earvid.

The architecture is that of Tan & Le 2019, of blocks as in MobileNetV2 (Sandler et al. 2018), in the
Lite form without squeeze and excitation and with ReLU6. Layers have the names and the order of
``timm``'s network, so that weights are the same in both. ``timm`` itself is left to other trunks:
with torchvision it takes seconds to import, and as much memory as all of this project's networks
together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

_STEM = 32  # channels
_GROWTH = 6  # of channels within a block


class _Stage(NamedTuple):
    """Blocks of one width: how many, the kernel, the stride of the first, and channels."""

    blocks: int
    kernel: int
    stride: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 16),
    _Stage(2, 3, 2, 24),
    _Stage(2, 5, 2, 40),
    _Stage(3, 3, 2, 80),
    _Stage(3, 5, 1, 112),
    _Stage(4, 5, 2, 192),
    _Stage(1, 3, 1, 320),
)


class EfficientNetLite(nn.Module):
    """The stages of EfficientNet-Lite0, up to the last that is asked for.

    Args:
        stages: which ones' outputs to give, ascending, of 0 to 6: strides 2, 4, 8, 16, 16, 32, 32.

    Attributes:
        given: which ones these are.
        channels: of each output.
    """

    def __init__(self, stages: Sequence[int]) -> None:
        super().__init__()
        self.given = tuple(stages)
        self.conv_stem = _conv(3, _STEM, 3, stride=2)
        self.bn1 = Norm(_STEM, clipped=True)
        widths = [_STEM, *(stage.width for stage in _STAGES)]
        self.blocks = nn.Sequential(
            *(_stage(n, widths[n], stage) for n, stage in enumerate(_STAGES[: max(stages) + 1]))
        )
        self.channels = tuple(_STAGES[n].width for n in stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map ``(B, 3, H, W)`` normalized images, sides multiples of 32, to the stages' outputs."""
        x, features = self.bn1(self.conv_stem(image)), []
        for n, stage in enumerate(self.blocks):
            x = stage(x)
            if n in self.given:
                features.append(x)
        return features


class Norm(nn.BatchNorm2d):
    """A batch norm with the activation that follows it, if any."""

    def __init__(self, channels: int, *, clipped: bool = False) -> None:
        super().__init__(channels)
        self.act = nn.ReLU6(inplace=True) if clipped else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` likewise."""
        out: Tensor = self.act(super().forward(x))
        return out


Layer = tuple[nn.Conv2d, Norm]


class Separable(nn.Module):
    """A convolution of each channel by itself, then one of all channels at each place.

    Attributes:
        adds: whether what it was given is added to what comes out.
    """

    adds = False

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _conv(inside, inside, kernel, stride, groups=inside)
        self.bn1 = Norm(inside, clipped=True)
        self.conv_pw = _conv(inside, outside, 1)
        self.bn2 = Norm(outside)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to its channels and stride."""
        out: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return out

    def layers(self) -> list[Layer]:
        """Its convolutions in turn, each with its norm."""
        return [(self.conv_dw, self.bn1), (self.conv_pw, self.bn2)]


class Inverted(nn.Module):
    """A block that is wide within, with what it was given added where it fits.

    Attributes:
        adds: whether it is.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = _GROWTH * inside
        self.conv_pw = _conv(inside, wide, 1)
        self.bn1 = Norm(wide, clipped=True)
        self.conv_dw = _conv(wide, wide, kernel, stride, groups=wide)
        self.bn2 = Norm(wide, clipped=True)
        self.conv_pwl = _conv(wide, outside, 1)
        self.bn3 = Norm(outside)
        self.adds = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to its channels and stride."""
        inner = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        out: Tensor = self.bn3(self.conv_pwl(inner))
        return out + x if self.adds else out

    def layers(self) -> list[Layer]:
        """Its convolutions in turn, each with its norm."""
        return [(self.conv_pw, self.bn1), (self.conv_dw, self.bn2), (self.conv_pwl, self.bn3)]


def _stage(number: int, inside: int, stage: _Stage) -> nn.Sequential:
    block = Separable if number == 0 else Inverted
    first = block(inside, stage.width, stage.kernel, stage.stride)
    rest = (block(stage.width, stage.width, stage.kernel, 1) for _ in range(stage.blocks - 1))
    return nn.Sequential(first, *rest)


def _conv(inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(
        inside, outside, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )
    # By how many outputs a weight has a part in (He et al. 2015, "fan out").
    with torch.no_grad():
        conv.weight.normal_(0, math.sqrt(2 * groups / (kernel**2 * outside)))
    return conv
