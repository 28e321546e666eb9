"""Rearranging a model for speed, after its weights were loaded."""

from __future__ import annotations

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.models.attention import join_attention
from earvid.models.folding import fold_norms
from earvid.models.lite import EfficientNetLite
from earvid.models.nano import ConvTrunk, normalize
from earvid.models.packing import can_pack, pack, pack_convolutions, pack_linears
from earvid.models.precision import to_bfloat16
from earvid.models.quantizing import to_int8
from earvid.models.trimming import fix_positions, join_norms, join_projections


def tune(model: SAM2Base, dtype: str, quantize: str, device: str = "cpu") -> SAM2Base:
    """Rearrange a model that has its weights, in place.

    Args:
        model: in evaluation mode, on the CPU, in float32.
        dtype: in which it shall compute.
        quantize: ``none``; or ``int8`` for the image encoder and large linear maps, with bfloat16
            for the rest where the processor computes in it.
        device: where.
    """
    trunk = model.image_encoder.trunk
    noise = torch.Generator().manual_seed(0)
    example = normalize(255 * torch.rand(1, 3, model.image_size, model.image_size, generator=noise))
    if isinstance(trunk, ConvTrunk):
        model = model.to(memory_format=torch.channels_last)  # about a tenth faster on a CPU
        if quantize == "none" or not isinstance(trunk.body, EfficientNetLite):
            fold_norms(trunk, example)  # which tell the other how far its numbers reach
    fix_positions(model)
    join_norms(model)
    join_projections(model)
    numbers: torch.dtype = getattr(torch, dtype)
    if quantize == "int8" and can_pack(torch.bfloat16):
        numbers = torch.bfloat16  # who rounds to eight bits will not miss those of float32
    packs = device == "cpu" and can_pack(numbers)
    if packs:
        join_attention(model, numbers)
    if quantize == "int8":
        to_int8(model, example)
    if packs:
        pack(model, numbers, example)
    elif dtype == "bfloat16":
        to_bfloat16(model)
    return model


def tune_network(
    network: nn.Module,
    example: Tensor,
    *,
    device: str = "cpu",
    dtype: str = "float32",
) -> nn.Module:
    """Rearrange a small convolutional network that has its weights, in place.

    Args:
        network: in evaluation mode, on the CPU, in float32.
        example: an input.
        device: where it shall compute; on GPUs it keeps its dtype.
        dtype: in which its convolutions and linear maps shall compute; they fall back to float32
            where the processor cannot do it fast.

    Returns:
        the network, on the device.
    """
    network = network.to(memory_format=torch.channels_last)
    fold_norms(network, example)
    if device != "cpu":
        return network.to(device)
    numbers: torch.dtype = getattr(torch, dtype)
    numbers = numbers if can_pack(numbers) else torch.float32
    if can_pack(numbers):
        pack_convolutions(network, numbers, example)
        pack_linears(network, numbers)
    return network
