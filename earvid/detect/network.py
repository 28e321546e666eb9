"""The ear detector's network: where an ear's center is, how large it is, and which way it faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.lite import EfficientNetLite

STRIDE = 8  # input pixels per cell of the output maps
DEEPEST = 32  # stride of the coarsest features; inputs are multiples of it
_STAGES = (2, 4, 5)  # of the trunk, that give strides 8, 16 and 32
_GROUPS = 8
_RARE = -4.6  # logit of 1 %: at first nearly every cell shows no ear (focal loss, Lin et al. 2017)


@dataclass(frozen=True)
class DetectorConfig:
    """Architecture of a detector, and how its raw output is to be read.

    Args:
        width: channels of the fused features.
        sizes: longer sides to which a frame is scaled, pixels; every one is looked at that does
            not enlarge the frame much.
        slope: confidence is ``sigmoid(slope * logit + offset)``, fitted on photos kept apart.
        offset: see ``slope``.
    """

    width: int = 96
    sizes: tuple[int, ...] = (320, 640, 1280)
    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if self.width <= 0 or self.width % _GROUPS:
            raise ModelError(f"A detector's width must be a multiple of {_GROUPS}: {self.width}.")
        if not self.sizes or min(self.sizes) < DEEPEST:
            raise ModelError(f"A detector's sizes must be at least {DEEPEST} pixels: {self.sizes}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DetectorConfig:
        """Build a configuration from plain values.

        Raises:
            ModelError: a key is unknown or a value is of the wrong kind.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(f"The detector's configuration has an unknown key {unknown[0]!r}.")
        try:
            return cls(
                width=int(values.get("width", cls.width)),
                sizes=tuple(int(side) for side in values.get("sizes", cls.sizes)),
                slope=float(values.get("slope", cls.slope)),
                offset=float(values.get("offset", cls.offset)),
            )
        except (TypeError, ValueError) as error:
            raise ModelError(f"The detector's configuration is malformed: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :meth:`from_dict` reads."""
        return {**asdict(self), "sizes": list(self.sizes)}


class Maps(NamedTuple):
    """What the network says about each cell of ``STRIDE`` × ``STRIDE`` pixels.

    Args:
        heat: ``(B, h, w)`` logits: the center of an ear lies here.
        reach: ``(B, 4, h, w)`` input pixels from the cell's center to the ear's left, top, right
            and bottom.
        facing: ``(B, h, w)`` logits: the face looks to image-right.
    """

    heat: Tensor
    reach: Tensor
    facing: Tensor


class EarNetwork(nn.Module):
    """A trunk of EfficientNet-Lite0, a small feature pyramid, and three heads at stride 8.

    Centers as heat maps follow CenterNet (Zhou et al. 2019), distances to the four sides FCOS
    (Tian et al. 2019). The last stage of the trunk is left out: a third of its weights, for
    nothing that ears need.

    Args:
        config: the architecture.
    """

    def __init__(self, config: DetectorConfig = DetectorConfig()) -> None:
        super().__init__()
        self.config = config
        self.trunk = EfficientNetLite(_STAGES)
        width = config.width
        channels = self.trunk.channels
        self.lateral = nn.ModuleList(_normed(nn.Conv2d(c, width, 1), width) for c in channels)
        self.fuse = nn.ModuleList(_separable(width) for _ in channels)
        self.body = nn.Sequential(_separable(width), _separable(width))
        self.heads = nn.Conv2d(width, 6, 1)
        nn.init.normal_(self.heads.weight, std=0.01)
        self.heads.bias = nn.Parameter(torch.tensor([_RARE, 1.0, 1.0, 1.0, 1.0, 0.0]))

    def forward(self, images: Tensor) -> Maps:
        """Map ``(B, 3, H, W)`` normalized images, sides multiples of 32, to :class:`Maps`."""
        features = self.trunk(images)
        merged: Tensor | None = None
        for level in reversed(range(len(features))):
            here = self.lateral[level](features[level])
            if merged is not None:
                here = here + F.interpolate(merged, here.shape[-2:], mode="nearest")
            merged = self.fuse[level](here)
        out = self.heads(self.body(merged))
        return Maps(out[:, 0], STRIDE * out[:, 1:5].clamp(-4, 6).exp(), out[:, 5])


def _normed(layer: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.GroupNorm(_GROUPS, width))


def _separable(width: int) -> nn.Sequential:
    """A 5 × 5 convolution per channel, then a mixing of the channels."""
    return nn.Sequential(
        nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.GroupNorm(_GROUPS, width),
        nn.ReLU(inplace=True),
    )
