"""Reading and writing weights, without ever running code from a file."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from earvid.errors import ModelError

CONFIG_KEY = "earvid.config"
NOTES_KEY = "earvid.notes"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hex digits.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The weights file {path} cannot be read: {error.strerror}.") from error


def save_weights(
    path: Path,
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    notes: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write weights as safetensors, whole or not at all.

    Args:
        path: the file, replaced if it exists.
        weights: name to tensor; floating-point tensors are stored as ``dtype``.
        config: the architecture, plain values.
        notes: what is worth knowing about the training, plain values.
        dtype: of the stored numbers. Half precision halves the download and changes a mask's
            logits by about one part in a thousand.
    """
    stored = {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in weights.items()
    }
    metadata = {CONFIG_KEY: json.dumps(dict(config)), NOTES_KEY: json.dumps(dict(notes))}
    temporary = path.with_name(path.name + ".partial")
    temporary.touch()
    mode = temporary.stat().st_mode  # safetensors replaces it by a file that nobody else can read
    save_file({k: v.contiguous() for k, v in stored.items()}, temporary, metadata)
    temporary.chmod(mode)
    temporary.replace(path)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights from safetensors, or from a PyTorch file with ``weights_only=True``.

    Args:
        path: ``*.safetensors``, or a ``.pt`` file as Meta publishes them: a dictionary with the
            state dict under ``"model"``, or the state dict itself.

    Returns:
        name to tensor, on the CPU, floating-point numbers as float32; and the file's notes
        (``{"config": ..., "notes": ...}``, empty for PyTorch files).

    Raises:
        ModelError: the file is missing, damaged, or not weights.
    """
    if not path.is_file():
        raise ModelError(f"The weights file {path} does not exist.")
    if path.suffix == ".safetensors":
        weights, about = _read_safetensors(path)
    else:
        weights, about = _read_torch(path), {}
    return {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, about


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = {
            key: json.loads(metadata[name])
            for key, name in (("config", CONFIG_KEY), ("notes", NOTES_KEY))
            if name in metadata
        }
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged or no safetensors file; fetch it again.") from error
    return weights, about


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is damaged, or holds more than weights and is not loaded for safety."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} is damaged or no PyTorch weights file; fetch it again."
        ) from error
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ModelError(f"{path} holds no state dict of weights.")
    return content


def load_into(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a model, strictly.

    Args:
        model: the model.
        weights: name to tensor.
        source: what to call the weights in errors.

    Raises:
        ModelError: a key is missing, left over, of another shape, or not finite; the first is
            named.
    """
    target = model.state_dict()
    for name, tensor in target.items():
        if name not in weights:
            raise ModelError(f"{source} does not fit the model: {name} is missing.")
        if weights[name].shape != tensor.shape:
            raise ModelError(
                f"{source} does not fit the model: {name} is {tuple(weights[name].shape)}, "
                f"not {tuple(tensor.shape)}."
            )
    for name, tensor in weights.items():
        if name not in target:
            raise ModelError(f"{source} does not fit the model: it has no {name}.")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{source} is unusable: {name} holds numbers that are not finite.")
    model.load_state_dict(dict(weights))
