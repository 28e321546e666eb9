"""Whether weights were trained for the further masks of a one-mask model."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

from earvid.models.weights import NOTES_KEY


def has_alternatives(weights: Path) -> bool:
    """Read ``alternatives: true`` in the notes of a weights file.

    SAM 2's mask decoder always computes four masks, and a model that is set up to give one per
    prompt, as nano is, was trained for that one only, unless its weights say otherwise. It is a
    fact about the training and not the architecture, and so it stands in the notes and not in the
    configuration.

    Args:
        weights: a file that has been loaded before; only ``.safetensors`` files have notes.
    """
    if weights.suffix != ".safetensors":
        return False
    with safe_open(weights, framework="pt", device="cpu") as file:
        notes = json.loads((file.metadata() or {}).get(NOTES_KEY, "{}"))
    return notes.get("alternatives") is True
