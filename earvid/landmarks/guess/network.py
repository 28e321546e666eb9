"""The network of the first guess: one heat map per landmark, and which way the face looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.lite import EfficientNetLite

POINTS = 55
STRIDE = 4  # crop pixels per cell of the heat maps
DEEPEST = 32  # stride of the coarsest features; crops are multiples of it
_STAGES = (1, 2, 4, 5)  # of the trunk, that give strides 4, 8, 16 and 32
_GROUPS = 8


@dataclass(frozen=True)
class LandmarkConfig:
    """Architecture of a landmark network, and how its spreads are to be read.

    Args:
        side: of the square crop that it looks at, pixels.
        width: channels of the fused features.
        modes: ways in which the shape of an ear varies, see
            :class:`~earvid.landmarks.guess.shape.ShapePrior`.
        point: a point is right with the probability ``sigmoid(point[0] + point[1] * doubt)``.
        whole: likewise for the whole guess.
    """

    side: int = 128
    width: int = 96
    modes: int = 24
    point: tuple[float, float] = (0.0, -1.0)
    whole: tuple[float, float] = (0.0, -1.0)

    def __post_init__(self) -> None:
        if self.side <= 0 or self.side % DEEPEST:
            raise ModelError(f"A landmark crop's side must be a multiple of {DEEPEST}: {self.side}")
        if self.width <= 0 or self.width % _GROUPS:
            raise ModelError(f"A landmark network's width must be a multiple of {_GROUPS}.")
        if not 0 < self.modes <= 2 * POINTS:
            raise ModelError(f"An ear's shape has 1 to {2 * POINTS} modes, not {self.modes}.")
        if len(self.point) != 2 or len(self.whole) != 2:
            raise ModelError("A landmark network's confidences need two numbers each.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LandmarkConfig:
        """Build a configuration from plain values.

        Raises:
            ModelError: a key is unknown or a value is of the wrong kind.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(f"The landmark configuration has an unknown key {unknown[0]!r}.")
        try:
            return cls(
                side=int(values.get("side", cls.side)),
                width=int(values.get("width", cls.width)),
                modes=int(values.get("modes", cls.modes)),
                point=_pair(values.get("point", cls.point)),
                whole=_pair(values.get("whole", cls.whole)),
            )
        except (TypeError, ValueError) as error:
            raise ModelError(f"The landmark configuration is malformed: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :meth:`from_dict` reads."""
        return {**asdict(self), "point": list(self.point), "whole": list(self.whole)}


def _pair(values: Any) -> tuple[float, float]:
    first, second = values
    return float(first), float(second)


class Heat(NamedTuple):
    """What the network says about crops in which the face looks to image-right.

    Args:
        maps: ``(B, 55, h, w)`` logits: the landmark lies in this cell.
        facing: ``(B,)`` logits: the face does look to image-right.
    """

    maps: Tensor
    facing: Tensor


class LandmarkNetwork(nn.Module):
    """A trunk of EfficientNet-Lite0, a small feature pyramid, and heat maps at stride 4.

    Args:
        config: the architecture.
    """

    def __init__(self, config: LandmarkConfig = LandmarkConfig()) -> None:
        super().__init__()
        self.config = config
        self.trunk = EfficientNetLite(_STAGES)
        channels = self.trunk.channels
        width = config.width
        self.lateral = nn.ModuleList(_normed(nn.Conv2d(c, width, 1), width) for c in channels)
        self.fuse = nn.ModuleList(_separable(width) for _ in channels)
        self.body = nn.Sequential(_separable(width), _separable(width))
        self.heads = nn.Conv2d(width, POINTS, 1)
        self.facing = nn.Linear(channels[-1], 1)
        nn.init.normal_(self.heads.weight, std=0.01)
        nn.init.normal_(self.facing.weight, std=0.01)

    def forward(self, crops: Tensor) -> Heat:
        """Map ``(B, 3, S, S)`` normalized crops to :class:`Heat`."""
        features = self.trunk(crops)
        merged: Tensor | None = None
        for level in reversed(range(len(features))):
            here = self.lateral[level](features[level])
            if merged is not None:
                here = here + F.interpolate(merged, here.shape[-2:], mode="nearest")
            merged = self.fuse[level](here)
        return Heat(self.heads(self.body(merged)), self.facing(features[-1].mean((2, 3)))[:, 0])


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean place and covariance of heat maps (integral regression, Sun et al. 2018).

    Args:
        maps: ``(B, K, h, w)`` logits.

    Returns:
        ``(B, K, 2)`` mean ``(x, y)`` in crop pixels, integer = pixel center, and ``(B, K, 2, 2)``
        covariance.
    """
    share = maps.flatten(2).softmax(-1)
    place = cells(maps.shape[-2], maps.shape[-1]).to(maps)
    mean = share @ place
    square = (place[:, :, None] * place[:, None, :]).flatten(1)
    second = (share @ square).reshape(*mean.shape, 2)
    return mean, second - mean[..., :, None] * mean[..., None, :]


def cells(rows: int, columns: int) -> Tensor:
    """Centers ``(rows * columns, 2)`` of the cells of a heat map, crop pixels."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack([x, y], -1).flatten(0, 1) + 0.5) * STRIDE - 0.5


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
