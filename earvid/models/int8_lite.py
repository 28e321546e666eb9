"""EfficientNet-Lite0 in bytes, from the picture to what its readers make of it.

Every map between two layers is bytes, blocks add up in bytes, and what a byte stands for is fixed
beforehand, so that nothing is looked through for its largest value and nothing is rounded but by
the layer that makes it. No calibration images are needed: behind a ReLU6 numbers lie in 0..6, and
how far the others reach follows from the batch norms that made them, as does what rounded weights
add to each channel on average, which the biases take back (Nagel et al. 2019, "Data-free
quantization through weight equalization and bias correction"). Batch norms and the normalization of
pictures are part of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from earvid.models.clipping import LaidOut, geometry
from earvid.models.int8 import RELU6, round_weights
from earvid.models.lite import EfficientNetLite, Inverted, Separable
from earvid.models.nano import MEAN, PAD_COLOR, STD

_DEVIATIONS = 10  # of a channel from its mean that a byte can tell: few reach far, and these matter


class Steps(NamedTuple):
    """What bytes stand for: ``(byte - zero) * size``."""

    size: float
    zero: int

    @classmethod
    def over(cls, low: float, high: float) -> Steps:
        """Such that bytes reach from one number to another, with zero between them."""
        low, high = min(low, 0.0), max(high, 0.0)
        size = max(high - low, 1e-6) / 255
        return cls(size, round(-low / size))


class Output(NamedTuple):
    """What is known of a map: what bytes stand for, and ``(C,)`` numbers on average."""

    steps: Steps
    usual: Tensor


_PIXELS = Steps(1.0, 0)
_CLIPPED = Steps(RELU6, 0)


class ByteConv:
    """A convolution of bytes.

    Args:
        conv: what it does, its batch norm included.
        taken: what the bytes that it gets stand for.
        given: what those that it makes stand for; ``None`` for float32 numbers.
        usual: ``(C,)``, what it gets on average.

    Raises:
        ValueError: what lies beyond an image, which oneDNN takes for the byte 0, is not zero.
    """

    def __init__(self, conv: nn.Conv2d, taken: Steps, given: Steps | None, usual: Tensor) -> None:
        weight = conv.weight.detach().double()
        self._rounded, self._scale = round_weights(weight)
        bias = torch.zeros(len(weight)) if conv.bias is None else conv.bias.detach()
        rounded = self._rounded * self._scale.double().view(-1, 1, 1, 1)
        usual = (
            usual.double().view(conv.groups, -1).repeat_interleave(len(weight) // conv.groups, 0)
        )
        added = ((rounded - weight).sum((2, 3)) * usual).sum(1)
        # oneDNN would sum up the weights for the zeros of bytes on every call.
        zeros = taken.zero * taken.size * rounded.flatten(1).sum(1)
        self._bias = (bias.double() - added - zeros).float()
        self._zeros = torch.zeros(len(bias), dtype=torch.int32)
        self._padding, self._stride, self._dilation, self._groups = geometry(conv)
        if any(self._padding) and taken.zero:
            raise ValueError("a padded convolution of bytes needs the byte 0 to stand for zero")
        self._size = taken.size
        out = Steps(1.0, 0) if given is None else given
        self._out = (out.size, out.zero, torch.float32 if given is None else torch.uint8)
        # Laid out for a number of threads: with another, oneDNN falls back to slow code.
        self._packed: dict[int, Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Map bytes ``(B, C, H, W)`` that lie channels last."""
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(
            x,
            self._size,
            0,
            self._weights(x),
            self._scale,
            self._zeros,
            self._bias,
            self._stride,
            self._padding,
            self._dilation,
            self._groups,
            *self._out,
            "none",
            [],
            "",
        )
        return out

    def onto(self, x: Tensor, sum_: Tensor, steps: Steps) -> Tensor:
        """Map bytes, and add them to others, which are overwritten.

        Args:
            x: as above.
            sum_: what to add to.
            steps: what its bytes stand for.
        """
        out: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            x,
            self._size,
            0,
            self._weights(x),
            self._scale,
            self._zeros,
            sum_,
            self._bias,
            self._stride,
            self._padding,
            self._dilation,
            self._groups,
            *self._out,
            *steps,
            "sum",
            1.0,
            "none",
            [],
            "",
        )
        return out

    def _weights(self, x: Tensor) -> Tensor:
        threads = torch.get_num_threads()
        if threads not in self._packed:
            self._packed[threads] = torch.ops.onednn.qconv_prepack(
                self._rounded,
                self._scale,
                self._size,
                0,
                self._stride,
                self._padding,
                self._dilation,
                self._groups,
                list(x.shape),
            )
        return self._packed[threads]


class ByteReader(LaidOut):
    """A convolution that reads what a network of bytes gives, and makes float32 numbers of it.

    Args:
        conv: what it does.
        output: what the network says of its bytes.
    """

    def __init__(self, conv: nn.Conv2d, output: Output) -> None:
        super().__init__()
        self._conv = ByteConv(conv, output.steps, None, output.usual)

    def forward(self, x: Tensor) -> Tensor:
        """Map bytes ``(B, C, H, W)`` to float32 numbers."""
        return self._conv(x)


class ByteLite(LaidOut):
    """What an :class:`EfficientNetLite` computes, in bytes.

    Args:
        network: in evaluation mode, with its weights and its batch norms; is not changed.

    Attributes:
        channels: of each output.
        outputs: what is known of each output.
    """

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.channels = network.channels
        self._given = network.given
        usual = 255 * torch.tensor(MEAN)
        self._stem = ByteConv(_on_pixels(network), _PIXELS, _CLIPPED, usual)
        self._stages = [list(blocks) for blocks in _stages(network)]
        self.outputs = tuple(self._stages[n][-1].given for n in self._given)
        self._frames: dict[tuple[int, ...], Tensor] = {}

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images to the stages' outputs.

        Args:
            image: ``(B, 3, H, W)``, uint8 RGB, or such pictures normalized.

        Returns:
            bytes.
        """
        x, features = self._stem(self._framed(_pixels(image))), []
        for n, blocks in enumerate(self._stages):
            for block in blocks:
                x = block(x)
            if n in self._given:
                features.append(x)
        return features

    def _framed(self, image: Tensor) -> Tensor:
        """A picture with a border of a pixel that stands for nothing."""
        batch, _, height, width = size = tuple(image.shape)
        if size not in self._frames:
            color = torch.tensor(PAD_COLOR, dtype=torch.uint8).view(1, 3, 1, 1)
            frame = color.expand(batch, 3, height + 2, width + 2)
            self._frames[size] = frame.contiguous(memory_format=torch.channels_last)
        framed = self._frames[size].clone()
        framed[:, :, 1:-1, 1:-1] = image
        return framed


class _Block:
    """A block in bytes: convolutions in turn, the last one added to what came in where it fits."""

    def __init__(self, layers: list[ByteConv], taken: Output, given: Output, adds: bool) -> None:
        *self._inner, self._last = layers
        self._taken, self.given, self.adds = taken.steps, given, adds

    def __call__(self, x: Tensor) -> Tensor:
        inner = x
        for layer in self._inner:
            inner = layer(inner)
        return self._last.onto(inner, x, self._taken) if self.adds else self._last(inner)


def _stages(network: EfficientNetLite) -> Iterator[list[_Block]]:
    taken = _after_clip(network.bn1)
    for stage in network.blocks:
        blocks = list(_blocks(stage, taken))
        assert not blocks[0].adds, "it would overwrite what the stage before gives"
        taken = blocks[-1].given
        yield blocks


def _blocks(stage: nn.Module, taken: Output) -> Iterator[_Block]:
    """The blocks of a stage; means and variances add up where blocks do."""
    mean = variance = torch.zeros(1)
    for block in stage.children():
        assert isinstance(block, Separable | Inverted)
        layers = block.layers()
        last = layers[-1][1]
        mean = last.bias.detach() + (mean if block.adds else 0)
        variance = last.weight.detach() ** 2 + (variance if block.adds else 0)
        reach = _DEVIATIONS * variance.sqrt()
        steps = Steps.over(float((mean - reach).min()), float((mean + reach).max()))
        given = Output(steps, mean)
        maps = [taken, *(_after_clip(norm) for _, norm in layers[:-1]), given]
        convs = [
            ByteConv(fuse_conv_bn_eval(conv, norm), before.steps, after.steps, before.usual)
            for (conv, norm), before, after in zip(layers, maps, maps[1:], strict=False)
        ]
        yield _Block(convs, taken, given, block.adds)
        taken = given


def _after_clip(norm: nn.BatchNorm2d) -> Output:
    """What comes out of the ReLU6 after a norm: the mean of a normal distribution, cut off."""
    mean, spread = norm.bias.detach().double(), norm.weight.detach().double().abs() + 1e-12
    low, high = -mean / spread, (6 - mean) / spread
    density = ((-(low**2) / 2).exp() - (-(high**2) / 2).exp()) / math.sqrt(2 * math.pi)
    within = mean * (_share_below(high) - _share_below(low)) + spread * density
    return Output(_CLIPPED, within + 6 * (1 - _share_below(high)))


def _share_below(value: Tensor) -> Tensor:
    """Of a normal distribution of mean 0 and variance 1."""
    return (1 + torch.erf(value / math.sqrt(2))) / 2


def _on_pixels(network: EfficientNetLite) -> nn.Conv2d:
    """The first convolution, for pictures in 0..255 that are framed already."""
    conv = fuse_conv_bn_eval(network.conv_stem, network.bn1)
    assert conv.bias is not None
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    weight = conv.weight.detach() / std
    conv.bias = nn.Parameter(conv.bias.detach() - (weight * mean).sum((1, 2, 3)))
    conv.weight = nn.Parameter(weight / 255)
    conv.padding = (0, 0)
    return conv


def _pixels(image: Tensor) -> Tensor:
    """The picture that was normalized, as bytes."""
    if image.dtype == torch.uint8:
        return image
    mean, std = (image.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((image * std + mean) * 255).round_().clamp_(0, 255).to(torch.uint8)
