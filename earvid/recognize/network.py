"""The network that describes an ear by a vector: alike for one ear, unlike for two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.lite import EfficientNetLite

_STAGE = 4  # of the trunk, of stride 16


@dataclass(frozen=True)
class RecognizerConfig:
    """Architecture of a recognizer, and how its descriptions are to be compared.

    Args:
        side: of the square crop that it looks at, pixels; a multiple of 16.
        margin: side of the crop over the longer side of the ear's box.
        width: numbers in a description.
        same: cosine from which two descriptions are of one ear, fitted on photos kept apart.
    """

    side: int = 80
    margin: float = 1.4
    width: int = 128
    same: float = 0.5

    def __post_init__(self) -> None:
        if self.side < 32 or self.side % 16 or self.width < 1 or self.margin < 1:
            raise ModelError(
                "A recognizer's side is a multiple of 16 of at least 32 pixels, its width at least "
                f"1 and its margin at least 1: {self.side}, {self.width}, {self.margin}."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RecognizerConfig:
        """Build a configuration from plain values.

        Raises:
            ModelError: a key is unknown or a value is of the wrong kind.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(f"The recognizer's configuration has an unknown key {unknown[0]!r}.")
        try:
            return cls(
                side=int(values.get("side", cls.side)),
                margin=float(values.get("margin", cls.margin)),
                width=int(values.get("width", cls.width)),
                same=float(values.get("same", cls.same)),
            )
        except (TypeError, ValueError) as error:
            raise ModelError(f"The recognizer's configuration is malformed: {error}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :meth:`from_dict` reads."""
        return asdict(self)


class EarEmbedder(nn.Module):
    """The first stages of EfficientNet-Lite0, then one linear map of all places to a vector.

    Places are kept apart up to the linear map, because what tells ears apart is where their ridges
    run, and crops are aligned by the ear's box.

    Args:
        config: the architecture.
    """

    def __init__(self, config: RecognizerConfig = RecognizerConfig()) -> None:
        super().__init__()
        self.config = config
        self.trunk = EfficientNetLite((_STAGE,))
        (channels,) = self.trunk.channels
        self.squeeze = nn.Sequential(nn.Conv2d(channels, 64, 1), nn.GroupNorm(8, 64), nn.ReLU())
        self.project = nn.Linear(64 * (config.side // 16) ** 2, config.width)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` normalized crops to ``(B, D)`` vectors of length 1."""
        (x,) = self.trunk(images)
        return F.normalize(self.project(self.squeeze(x).flatten(1)), dim=1)
