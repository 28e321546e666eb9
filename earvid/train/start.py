"""The model that a training run starts from, and its optimizer."""

from __future__ import annotations

from pathlib import Path

import torch
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import UsageError
from earvid.models.nano import NanoConfig, build_nano, trunk_of
from earvid.models.weights import load_into, read_weights
from earvid.train.optimizer import adamw
from earvid.train.settings import TrainSettings
from earvid.train.trunk_weights import load_trunk_weights


def new_model(
    config: NanoConfig, settings: TrainSettings, trunk: Path | None, start: Path | None
) -> SAM2Base:
    """Build a model, with as many stages of its trunk frozen as the settings say.

    Args:
        config: the architecture.
        settings: the seed, and the stages to freeze.
        trunk: ImageNet weights of its trunk, if any.
        start: weights of the whole model, if any.

    Raises:
        ModelError: weights cannot be read, or do not fit.
        UsageError: the trunk has no stages that can be frozen.
    """
    torch.manual_seed(settings.seed)
    model = build_nano(config)
    if trunk is not None:
        load_trunk_weights(model, trunk)
    if start is not None:
        weights, _ = read_weights(start)
        load_into(model, weights, str(start))
    if settings.frozen_stages:
        _freeze(model, config, settings.frozen_stages)
    return model.to(memory_format=torch.channels_last)


def _freeze(model: SAM2Base, config: NanoConfig, count: int) -> None:
    body = trunk_of(model)
    try:
        stages = list(body.get_submodule("blocks").children())
        stem = [body.get_submodule("conv_stem"), body.get_submodule("bn1")]
    except AttributeError as error:
        raise UsageError(
            f"The trunk {config.trunk!r} has no stages to freeze; add --frozen-stages 0."
        ) from error
    for part in stem + stages[:count]:
        part.requires_grad_(False)


def new_optimizer(model: SAM2Base, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with the rates of the settings."""
    return adamw(
        model,
        rate=settings.learning_rate,
        trunk="image_encoder.trunk.",
        trunk_factor=settings.trunk_factor,
        decay=settings.weight_decay,
    )
