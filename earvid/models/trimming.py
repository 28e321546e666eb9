"""Leaving out what a SAM 2 model computes on every frame though it is constant, or twice."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import LayerNorm2d
from torch import Tensor, nn


class FixedPositions(nn.Module):
    """Positional codes, which depend on nothing but the size of a map, kept instead of copied.

    Args:
        encoding: what makes them.
    """

    def __init__(self, encoding: nn.Module) -> None:
        super().__init__()
        self._encoding = encoding
        self._kept: dict[tuple[int, int, torch.device], Tensor] = {}

    def forward(self, image: Tensor) -> Tensor:
        """Of maps ``(B, C, H, W)``, ``(B, P, H, W)``; not to be written to."""
        batch, _, height, width = image.shape
        key = (height, width, image.device)
        if key not in self._kept:
            self._kept[key] = self._encoding(image[:1])
        return self._kept[key].expand(batch, -1, -1, -1)


class FixedGrid:
    """Positional codes of SAM 2's own trunk, which are scaled to the size of a map only once.

    Args:
        trunk: whose.
    """

    def __init__(self, trunk: Hiera) -> None:
        self._make = trunk._get_pos_embed
        self._kept: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}
        self._weight = trunk.pos_embed

    def __call__(self, size: tuple[int, int]) -> Tensor:
        """Of maps of a size, ``(1, H, W, C)``; not to be written to."""
        key = (tuple(size), self._weight.device)
        if key not in self._kept:
            self._kept[key] = self._make(size)
        return self._kept[key]


def fix_positions(model: SAM2Base) -> None:
    """Keep the positional codes of image features and memories."""
    for part in (model.image_encoder.neck, model.memory_encoder):
        if not isinstance(part.position_encoding, FixedPositions):
            part.position_encoding = FixedPositions(part.position_encoding)
    if isinstance(trunk := model.image_encoder.trunk, Hiera):
        trunk._get_pos_embed = FixedGrid(trunk)


class ChannelNorm(nn.Module):
    """What SAM 2's ``LayerNorm2d`` computes, in one pass over memory instead of nine.

    Args:
        norm: whose weights to take.
    """

    def __init__(self, norm: LayerNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self._eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` likewise."""
        last = x.permute(0, 2, 3, 1)  # as it lies in memory, after most convolutions
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, self._eps)
        return normed.permute(0, 3, 1, 2)


def join_norms(model: SAM2Base) -> None:
    """Put :class:`ChannelNorm` in the place of every ``LayerNorm2d``."""
    for parent in list(model.modules()):
        for name, module in list(parent.named_children()):
            if type(module) is LayerNorm2d:
                setattr(parent, name, ChannelNorm(module))


@torch.no_grad()
def join_projections(model: SAM2Base) -> None:
    """Let the neck project fine features to the mask decoder's width at once.

    SAM 2 projects them to its full width first, and then, by another linear map of each pixel, to
    an eighth and a quarter of that. Nothing else reads them in between, where no coarser features
    are added to them, and two linear maps are one.
    """
    neck, decoder = model.image_encoder.neck, model.sam_mask_decoder
    if not model.use_high_res_features_in_sam or set(neck.fpn_top_down_levels) & {0, 1}:
        return
    last = len(neck.convs) - 1
    for level, name in ((0, "conv_s0"), (1, "conv_s1")):
        wide, narrow = neck.convs[last - level].conv, getattr(decoder, name)
        if isinstance(narrow, nn.Conv2d) and wide.kernel_size == narrow.kernel_size == (1, 1):
            neck.convs[last - level].conv = _joined(wide, narrow)
            setattr(decoder, name, nn.Identity())


def _joined(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """Two convolutions of single pixels as one."""
    joined = nn.Conv2d(first.in_channels, second.out_channels, 1)
    assert first.bias is not None and second.bias is not None and joined.bias is not None
    weight = second.weight[:, :, 0, 0].double()
    joined.weight.copy_((weight @ first.weight[:, :, 0, 0].double())[:, :, None, None])
    joined.bias.copy_(weight @ first.bias.double() + second.bias)
    return joined.to(memory_format=torch.channels_last)
