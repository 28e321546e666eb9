"""Choosing where to compute."""

from __future__ import annotations

import torch

from earvid.errors import ModelError

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(wanted: str = "auto") -> str:
    """Return the device to use.

    Args:
        wanted: ``cpu``, ``cuda`` or ``mps``, or ``auto`` for CUDA if there is one, else the CPU.
            Apple's ``mps`` is never chosen by itself: SAM 2's masks are worse there.

    Raises:
        ModelError: the device does not exist here; nothing falls back in silence.
    """
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return "cuda" if present["cuda"] else "cpu"
    if wanted not in present:
        raise ModelError(f"There is no device named {wanted!r}; choose from {', '.join(DEVICES)}.")
    if not present[wanted]:
        raise ModelError(f"This machine has no {wanted} device; use --device auto or cpu.")
    return wanted
