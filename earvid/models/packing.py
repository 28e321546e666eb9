"""Laying out a model's weights for oneDNN once, instead of on every frame.

PyTorch reorders the weights of a convolution or a linear map whenever it is computed on a CPU, and
reads and writes its output again for the activation that follows. Layers that are laid out
beforehand do neither, and compute in bfloat16 without the conversions that autocast puts around
every operation. The operators are those that PyTorch's own compiler uses on CPUs.
"""

from __future__ import annotations

from typing import Any

import torch
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.models.clipping import LaidOut, clipped_convolutions, geometry, put
from earvid.models.nano import ConvTrunk


class PackedConv(LaidOut):
    """A convolution, laid out.

    Args:
        conv: what it does.
        dtype: in which.
        clipped: whether a ReLU6 is part of it.
        out: what it gives, if not ``dtype``.
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        dtype: torch.dtype,
        *,
        clipped: bool = False,
        out: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self._weight = conv.weight.detach().to(dtype)
        self._bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self._how = geometry(conv)
        self._clip: tuple[str, list[float]] = ("hardtanh", [0.0, 6.0]) if clipped else ("none", [])
        self._dtype, self._out = dtype, out or dtype
        self._packed: dict[int, Tensor] = {}  # by threads: the best layout depends on them

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` likewise."""
        threads = torch.get_num_threads()
        if threads not in self._packed:
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            self._packed[threads] = reorder(self._weight.to_mkldnn(), *self._how, list(image.shape))
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            image.to(self._dtype), self._packed[threads], self._bias, *self._how, *self._clip, ""
        )
        return out.to(self._out)


class PackedLinear(LaidOut):
    """A linear map, laid out.

    Args:
        linear: what it does.
        dtype: in which.
        gelu: whether a GELU is part of it.
        out: what it gives, if not ``dtype``.
    """

    def __init__(
        self,
        linear: nn.Linear,
        dtype: torch.dtype,
        *,
        gelu: bool = False,
        out: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self._weight = linear.weight.detach().to(dtype)
        self._bias = None if linear.bias is None else linear.bias.detach().to(dtype)
        self._then: tuple[str, list[float], str] = (
            ("gelu", [], "none") if gelu else ("none", [], "")
        )
        self._dtype, self._out = dtype, out or dtype
        self._packed: dict[int, Tensor] = {}

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(..., C)`` likewise."""
        threads = torch.get_num_threads()
        if threads not in self._packed:
            rows = max(1, tokens.numel() // tokens.shape[-1])
            self._packed[threads] = torch.ops.mkldnn._reorder_linear_weight(self._weight, rows)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            tokens.to(self._dtype), self._packed[threads], self._bias, *self._then
        )
        return out.to(self._out)


def can_pack(dtype: torch.dtype = torch.float32) -> bool:
    """Whether PyTorch has oneDNN and its operators for fused layers, and the processor a dtype."""
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    names = ("_convolution_pointwise", "_linear_pointwise", "_reorder_linear_weight")
    return built and all(hasattr(torch.ops.mkldnn, name) for name in names)


@torch.no_grad()
def pack(model: SAM2Base, dtype: torch.dtype, example: Tensor) -> None:
    """Lay out the image encoder and the memory modules of a model, in place.

    The mask decoder and what makes object pointers stay as they are: they work on a handful of
    tokens. Whatever is added up along the network stays in float32, but for the trunk of a nano
    model, which is a chain of convolutions.

    Args:
        model: with its weights, on the CPU.
        dtype: in which the layers shall compute.
        example: a normalized image ``(1, 3, S, S)``.
    """
    trunk = model.image_encoder.trunk
    if isinstance(trunk, ConvTrunk):
        pack_convolutions(trunk, dtype, example)
    elif isinstance(trunk, Hiera):
        _pack_hiera(trunk, dtype)
    for conv in model.image_encoder.neck.convs:
        if isinstance(conv.conv, nn.Conv2d):
            conv.conv = PackedConv(conv.conv, dtype, out=torch.float32)
    for part in (model.memory_attention, model.memory_encoder):
        pack_linears(part, dtype)
    for name, module in list(model.memory_encoder.named_modules()):
        if type(module) is nn.Conv2d:
            put(model.memory_encoder, name, PackedConv(module, dtype, out=torch.float32))


def pack_convolutions(network: nn.Module, dtype: torch.dtype, example: Tensor) -> None:
    """Lay out every convolution of a network, each with the ReLU6 that follows it."""
    clipped = clipped_convolutions(network, example)
    for name, module in list(network.named_modules()):
        if type(module) is nn.Conv2d:
            put(network, name, PackedConv(module, dtype, clipped=name in clipped))
    for name in clipped.values():
        put(network, name, nn.Identity())


def pack_linears(network: nn.Module, dtype: torch.dtype) -> None:
    """Lay out every linear map of a network; what they give is in float32."""
    for parent in list(network.modules()):
        for name, module in list(parent.named_children()):
            if type(module) is nn.Linear:
                setattr(parent, name, PackedLinear(module, dtype, out=torch.float32))


def _pack_hiera(trunk: nn.Module, dtype: torch.dtype) -> None:
    """Lay out SAM 2's own trunk; what goes straight into the next layer stays as it comes."""
    for block in trunk.blocks:  # type: ignore[union-attr]
        layers, act = block.mlp.layers, block.mlp.act
        if type(layers[0]) is nn.Linear and type(act) is nn.GELU and act.approximate == "none":
            layers[0] = PackedLinear(layers[0], dtype, gelu=True)
            block.mlp.act = nn.Identity()
        if type(block.attn.qkv) is nn.Linear:
            block.attn.qkv = PackedLinear(block.attn.qkv, dtype)
    pack_linears(trunk, dtype)
