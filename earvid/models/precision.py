"""In which numbers a model computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from earvid.errors import ModelError

DTYPES = ("float32", "bfloat16")
_MULTIPLIES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def check_dtype(dtype: str) -> None:
    """See that there is such a kind of numbers.

    Raises:
        ModelError: there is not.
    """
    if dtype not in DTYPES:
        raise ModelError(f"There is no dtype {dtype!r}; choose from {', '.join(DTYPES)}.")


def to_bfloat16(model: SAM2Base) -> None:
    """Keep the weights of all convolutions and linear maps in bfloat16.

    Norms, tokens and positions stay as they are: they cost nothing, and autocast, under which such
    a model has to run, brings both together. Converted once, weights need not be on every frame.
    """
    for module in model.modules():
        if isinstance(module, _MULTIPLIES):
            module.to(torch.bfloat16)


def dtype_of(model: nn.Module) -> torch.dtype:
    """In which numbers a model's convolutions and linear maps are."""
    weights = (m.weight for m in model.modules() if isinstance(m, _MULTIPLIES))
    return torch.bfloat16 if any(w.dtype == torch.bfloat16 for w in weights) else torch.float32


def computing(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Within, a model of a dtype may run.

    Args:
        dtype: of :func:`dtype_of`.
        device: where it is.
    """
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype, cache_enabled=False)
