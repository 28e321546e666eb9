"""Rearranging a model for speed, after its weights were loaded."""

from __future__ import annotations

import torch
from sam2.modeling.sam2_base import SAM2Base

from earvid.models.attention import join_attention
from earvid.models.folding import fold_norms
from earvid.models.nano import TimmTrunk, normalize
from earvid.models.packing import can_pack, pack
from earvid.models.precision import to_bfloat16
from earvid.models.quantizing import to_int8
from earvid.models.trimming import fix_positions, join_projections


def tune(model: SAM2Base, dtype: str, quantize: str, device: str = "cpu") -> SAM2Base:
    """Rearrange a model that has its weights, in place.

    Args:
        model: in evaluation mode, on the CPU, in float32.
        dtype: in which it shall compute.
        quantize: ``none`` or ``int8``.
        device: where.
    """
    trunk = model.image_encoder.trunk
    noise = torch.Generator().manual_seed(0)
    example = normalize(255 * torch.rand(1, 3, model.image_size, model.image_size, generator=noise))
    if isinstance(trunk, TimmTrunk):
        model = model.to(memory_format=torch.channels_last)  # about a tenth faster on a CPU
        fold_norms(trunk, example)
    fix_positions(model)
    join_projections(model)
    numbers: torch.dtype = getattr(torch, dtype)
    packs = device == "cpu" and can_pack(numbers)
    if packs and numbers == torch.bfloat16:
        join_attention(model, torch.bfloat16)
    if quantize == "int8":
        to_int8(model, example)
    if packs:
        pack(model, numbers, example)
    elif dtype == "bfloat16":
        to_bfloat16(model)
    return model
