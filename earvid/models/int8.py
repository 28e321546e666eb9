"""Computing a model's convolutions and linear maps in whole numbers of eight bits.

Weights are rounded once, each output channel by a scale of its own. Activations are rounded as they
come, by their largest value, so that no calibration is needed and the same image always gives the
same masks; between layers with a ReLU6, whose range is known, they stay whole numbers. Only the
multiplications are done in eight bits: sums, norms and attention stay as they are. The trunk that
ships with earvid goes further, see :mod:`earvid.models.int8_lite`. This needs oneDNN, which is in
every PyTorch for x86, and pays on processors with VNNI instructions; on others, weights have half
of the steps.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.clipping import LaidOut, geometry

MOST = 127  # of a rounded number, either way; of weights, see most_of_weights
ZERO = 128  # the byte that stands for zero, where activations have both signs
RELU6 = 6.0 / 255  # scale of what comes out of a ReLU6, whose zero is the byte 0
_TINY = 1e-8


class Int8Conv(LaidOut):
    """A convolution in eight bits.

    Args:
        conv: what it does.
        clipped: whether a ReLU6 follows: the output is then bytes for another such layer.
    """

    def __init__(self, conv: nn.Conv2d, *, clipped: bool) -> None:
        super().__init__()
        self._rounded, self._scale = round_weights(conv.weight.detach())
        self._bias, self._zeros, self._offset = _constants(conv.bias, self._rounded, self._scale)
        self._how = geometry(conv)
        self._clipped = clipped
        # A layer is laid out for one kind of input, and for a number of threads: with another one
        # oneDNN would fall back to code that is many times slower.
        self._packed: dict[tuple[bool, int], Tensor] = {}

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` numbers, or bytes that a ReLU6 gave, likewise."""
        padding, stride, dilation, groups = self._how
        clipped = image.dtype == torch.uint8
        if clipped:
            values, scale, bias = image, RELU6, self._bias
        else:
            values, scale = round_activations(image)
            bias = torch.add(self._bias, self._offset, alpha=-scale)
            if any(padding):  # with what stands for zero, which oneDNN must not take for a number
                values = F.pad(values, (padding[1], padding[1], padding[0], padding[0]), value=ZERO)
                padding = [0, 0]
        kind = (clipped, torch.get_num_threads())
        if kind not in self._packed:
            self._packed[kind] = torch.ops.onednn.qconv_prepack(
                self._rounded,
                self._scale,
                scale,
                0,
                stride,
                padding,
                dilation,
                groups,
                list(values.shape),
            )
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(
            values.contiguous(memory_format=torch.channels_last),
            scale,
            0,
            self._packed[kind],
            self._scale,
            self._zeros,
            bias,
            stride,
            padding,
            dilation,
            groups,
            RELU6 if self._clipped else 1.0,
            0,
            torch.uint8 if self._clipped else torch.float32,
            "none",
            [],
            "",
        )
        return out


class Int8Linear(LaidOut):
    """A linear map in eight bits.

    Args:
        linear: what it does.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._rounded, self._scale = round_weights(linear.weight.detach())
        self._bias, self._zeros, self._offset = _constants(linear.bias, self._rounded, self._scale)
        self._packed: dict[int, Tensor] = {}  # by threads, as above

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(..., C)`` likewise."""
        values, scale = round_activations(tokens)
        threads = torch.get_num_threads()
        if threads not in self._packed:
            self._packed[threads] = torch.ops.onednn.qlinear_prepack(self._rounded, None)
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            values.contiguous(),
            scale,
            0,
            self._packed[threads],
            self._scale,
            self._zeros,
            torch.add(self._bias, self._offset, alpha=-scale),
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return out


def round_activations(values: Tensor) -> tuple[Tensor, float]:
    """Round numbers of both signs to bytes, of which :data:`ZERO` stands for zero.

    Returns:
        the bytes, and the value of a step.
    """
    # Extremes of what lies in order in memory are found several times faster.
    last = values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last)
    low, high = torch.aminmax(values.permute(0, 2, 3, 1) if last else values)
    scale = max(-float(low), float(high), _TINY) / MOST
    # By way of signed bytes, to which processors convert many numbers at a time; a flipped sign
    # bit adds 128 to them.
    signed = (values * (1 / scale)).round_().to(torch.int8)
    return signed.view(torch.uint8).bitwise_xor_(ZERO), scale


def check_int8() -> None:
    """See that this PyTorch computes in eight bits.

    Raises:
        ModelError: it does not.
    """
    known = hasattr(torch.ops.onednn, "qconv2d_pointwise")
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (known and built):
        raise ModelError("This PyTorch cannot compute in int8 (it lacks oneDNN); leave it out.")


def _constants(bias: Tensor | None, rounded: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
    """The bias, zeros, and what a step of the input adds to each output through :data:`ZERO`.

    oneDNN can be told which byte stands for zero, but then sums up the weights on every call, which
    takes as long as the multiplications.
    """
    sums = rounded.flatten(1).double().sum(1)
    bias = torch.zeros(len(scale)) if bias is None else bias.detach().float().clone()
    offset = (ZERO * sums * scale.double()).float()
    return bias, torch.zeros(len(scale), dtype=torch.int32), offset


def round_weights(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round weights, so that each kernel's sum over its places stays.

    Kernels that look for edges have weights of both signs that cancel out where an image is flat.
    Rounded one by one, they would see an edge everywhere.

    Args:
        weight: of a convolution, ``(O, I, h, w)``, or a linear map, ``(O, I)``.

    Returns:
        int8, and the scale of each output, ``(O,)``.
    """
    scale = weight.float().flatten(1).abs().amax(1).clamp(min=_TINY) / most_of_weights()
    exact = weight.float().flatten(1) / scale[:, None]
    if weight.dim() == 2:
        return exact.round().to(torch.int8), scale
    exact = exact.reshape(-1, weight.shape[2] * weight.shape[3])
    rounded = exact.round()
    lacking = (exact.sum(1).round() - rounded.sum(1))[:, None]
    # Those that lost or gained most are rounded the other way.
    rank = (exact - rounded).argsort(1).argsort(1)
    rounded += (rank >= exact.shape[1] - lacking).float() - (rank < -lacking).float()
    return rounded.to(torch.int8).reshape(weight.shape), scale


@cache
def most_of_weights() -> int:
    """The largest rounded weight with which this processor computes exactly.

    Without VNNI instructions, oneDNN adds up products of two bytes in 16 bits and clips what does
    not fit in there. Weights of half the size do fit.
    """
    channels = 16
    bytes_ = torch.full((1, channels, 4, 4), 255, dtype=torch.uint8)
    weight = torch.full((channels, channels, 1, 1), MOST, dtype=torch.int8)
    scale, zeros = torch.ones(channels), torch.zeros(channels, dtype=torch.int32)
    how = [1, 1], [0, 0], [1, 1], 1
    packed = torch.ops.onednn.qconv_prepack(weight, scale, 1.0, 0, *how, list(bytes_.shape))
    out = torch.ops.onednn.qconv2d_pointwise(
        bytes_.contiguous(memory_format=torch.channels_last),
        1.0,
        0,
        packed,
        scale,
        zeros,
        torch.zeros(channels),
        *how,
        1.0,
        0,
        torch.float32,
        "none",
        [],
        "",
    )
    return MOST if bool((out == 255 * MOST * channels).all()) else MOST // 2
