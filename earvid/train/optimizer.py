"""The optimizer that trackers and detectors are trained with."""

from __future__ import annotations

import torch
from torch import nn


def adamw(
    model: nn.Module, *, rate: float, trunk: str, trunk_factor: float, decay: float
) -> torch.optim.AdamW:
    """AdamW over the parameters that learn, with a rate of its own for the trunk.

    Args:
        model: whose parameters; frozen ones are left out.
        rate: peak learning rate; each group holds its own under ``"peak"``.
        trunk: prefix of the names of the trunk's parameters.
        trunk_factor: the trunk's share of the rate.
        decay: weight decay of matrices and kernels; biases and norms have none.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            groups.setdefault((name.startswith(trunk), p.ndim > 1), []).append(p)
    return torch.optim.AdamW(
        [
            {
                "params": params,
                "peak": rate * (trunk_factor if in_trunk else 1.0),
                "weight_decay": decay if decays else 0.0,
            }
            for (in_trunk, decays), params in groups.items()
        ],
        lr=rate,
    )
