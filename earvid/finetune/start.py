"""The model that a run starts from, and the files that its results go into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from earvid.errors import UsageError
from earvid.finetune.settings import FinetuneSettings
from earvid.models import NanoConfig, build_nano, build_sam21, read_weights, save_weights
from earvid.models.weights import file_sha256, load_into
from earvid.models.zoo import find_spec, weights_file


@dataclass(frozen=True, eq=False)
class Start:
    """A model as it is before the first step.

    Args:
        model: on the CPU, in evaluation mode.
        source: the file of its weights.
        sha256: of that file.
        nano: the architecture of a nano model, None for SAM 2.1.
        notes: what the file says of its training.
    """

    model: SAM2Base
    source: Path
    sha256: str
    nano: NanoConfig | None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """Name of the file that the result goes into."""
        return "weights.safetensors" if self.nano else "weights.pt"

    def save(self, path: Path, weights: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
        """Write weights as :func:`earvid.models.load_model` reads them, whole or not at all.

        Nano models go into safetensors, SAM 2.1 into a file of the form of Meta's.
        """
        if self.nano is not None:
            save_weights(path, weights, self.nano.to_dict(), notes)
            return
        temporary = path.with_name(path.name + ".partial")
        torch.save({"model": {k: v.detach().cpu() for k, v in weights.items()}}, temporary)
        temporary.replace(path)


def load_start(settings: FinetuneSettings, checkpoint: Path | None) -> Start:
    """Build the model and load its weights.

    Args:
        settings: which model, and at what size.
        checkpoint: weights to start from; None takes those that the zoo finds by name.

    Raises:
        ModelError: the model or its weights do not exist, or do not fit each other.
        UsageError: the image size is not for this model.
    """
    spec = find_spec(settings.model)
    path = weights_file(settings.model, checkpoint)
    weights, about = read_weights(path)
    nano = None
    if spec.config is None:
        if settings.image_size is not None:
            raise UsageError(f"--image-size is for SAM 2.1 models; {spec.name} has its own.")
        nano = NanoConfig.from_dict(about.get("config", {}))
        model = build_nano(nano).to(memory_format=torch.channels_last)
    else:
        model = build_sam21(spec.config, _size(settings) or spec.image_size)
    load_into(model, weights, str(path))
    return Start(model, path, file_sha256(path), nano, about.get("notes", {}))


def _size(settings: FinetuneSettings) -> int | None:
    size = settings.image_size
    if size is not None and (size < 64 or size % 32):
        raise UsageError(f"An image size is a multiple of 32 from 64 on, not {size}.")
    return size
