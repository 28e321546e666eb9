"""Computing a model's convolutions and linear maps in whole numbers of eight bits.

Weights are rounded once, each output channel by a scale of its own. Activations are rounded as they
come, by their largest value, so that no calibration is needed and the same image always gives the
same masks; between layers with a ReLU6, whose range is known, they stay whole numbers. Only the
multiplications are done in eight bits: sums, norms and attention stay as they are. This needs
oneDNN, which is in every PyTorch for x86, and pays on processors with VNNI instructions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.clipping import geometry

MOST = 127  # of a rounded number, either way
ZERO = 128  # the byte that stands for zero, where activations have both signs
RELU6 = 6.0 / 255  # scale of what comes out of a ReLU6, whose zero is the byte 0
_TINY = 1e-8


class Int8Conv(nn.Module):
    """A convolution in eight bits.

    Args:
        conv: what it does.
        clipped: whether a ReLU6 follows: the output is then bytes for another such layer.
    """

    def __init__(self, conv: nn.Conv2d, *, clipped: bool) -> None:
        super().__init__()
        rounded, scale = _rounded(conv.weight.detach())
        self._bias = None if conv.bias is None else conv.bias.detach().float().clone()
        self._how = geometry(conv)
        self._scale, self._zeros = scale, torch.zeros(len(scale), dtype=torch.int32)
        self._clipped = clipped
        # A layer is laid out for one kind of input, and for a number of threads: with another one
        # oneDNN would fall back to code that is many times slower.
        self._rounded: Tensor = rounded
        self._packed: dict[tuple[int, int], Tensor] = {}

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` numbers, or bytes that a ReLU6 gave, likewise."""
        values, scale, zero = (
            (image, RELU6, 0) if image.dtype == torch.uint8 else round_activations(image)
        )
        padding, stride, dilation, groups = self._how
        kind = (zero, torch.get_num_threads())
        if kind not in self._packed:
            self._packed[kind] = torch.ops.onednn.qconv_prepack(
                self._rounded,
                self._scale,
                scale,
                zero,
                stride,
                padding,
                dilation,
                groups,
                list(values.shape),
            )
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(
            values.contiguous(memory_format=torch.channels_last),
            scale,
            zero,
            self._packed[kind],
            self._scale,
            self._zeros,
            self._bias,
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


class Int8Linear(nn.Module):
    """A linear map in eight bits.

    Args:
        linear: what it does.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        rounded, scale = _rounded(linear.weight.detach())
        self._bias = None if linear.bias is None else linear.bias.detach().float().clone()
        self._scale, self._zeros = scale, torch.zeros(len(scale), dtype=torch.int32)
        self._rounded: Tensor = rounded
        self._packed: dict[int, Tensor] = {}  # by threads, as above

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(..., C)`` likewise."""
        values, scale, zero = round_activations(tokens)
        threads = torch.get_num_threads()
        if threads not in self._packed:
            self._packed[threads] = torch.ops.onednn.qlinear_prepack(self._rounded, None)
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            values.contiguous(),
            scale,
            zero,
            self._packed[threads],
            self._scale,
            self._zeros,
            self._bias,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return out


def round_activations(values: Tensor) -> tuple[Tensor, float, int]:
    """Round numbers of both signs to bytes.

    Returns:
        the bytes, the value of a step, and the byte that stands for zero.
    """
    low, high = torch.aminmax(values)
    scale = max(-float(low), float(high), _TINY) / MOST
    # Adding half and cutting off rounds, for all is positive then.
    return (values * (1 / scale)).add_(ZERO + 0.5).to(torch.uint8), scale, ZERO


def check_int8() -> None:
    """See that this PyTorch computes in eight bits.

    Raises:
        ModelError: it does not.
    """
    known = hasattr(torch.ops.onednn, "qconv2d_pointwise")
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (known and built):
        raise ModelError("This PyTorch cannot compute in int8 (it lacks oneDNN); leave it out.")


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights as int8, and the scale of each output channel."""
    flat = weight.float().flatten(1)
    scale = flat.abs().amax(1).clamp(min=_TINY) / MOST
    rounded = (flat / scale[:, None]).round().to(torch.int8)
    return rounded.reshape(weight.shape), scale
