"""Folding batch norms into the convolutions before them, which saves passes over memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_ALIKE = 1e-3  # of the largest feature: how far a folded network may be from the one it was

Pair = tuple[str, str]  # names of a convolution and of the norm that takes its output


@torch.no_grad()
def fold_norms(network: nn.Module, example: Tensor) -> int:
    """Fold every batch norm of a network whose input is the output of a convolution.

    Which belong together shows when an image goes through, so that it makes no difference how a
    network is written. Should a folded one give other features, as where something else reads a
    convolution's output too, all is left as it was.

    Args:
        network: in evaluation mode; changed in place.
        example: an input, ``(B, 3, H, W)``.

    Returns:
        how many were folded.
    """
    pairs = _pairs(network, example)
    before = _tensors(network(example))
    restore = [_fold(network, *pair) for pair in pairs]
    after = _tensors(network(example))
    if not all(_alike(a, b) for a, b in zip(before, after, strict=True)):
        for undo in reversed(restore):
            undo()
        return 0
    return len(pairs)


def _pairs(network: nn.Module, example: Tensor) -> list[Pair]:
    """Find convolutions and norms of which one hands its output straight to the other."""
    made: dict[int, tuple[str, Tensor]] = {}  # outputs by identity; kept, so that none is reused
    pairs: list[Pair] = []
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):

                def done(_m: nn.Module, _i: Any, output: Tensor, name: str = name) -> None:
                    made[id(output)] = (name, output)

                stack.callback(module.register_forward_hook(done).remove)
            elif isinstance(module, nn.BatchNorm2d):

                def taken(_m: nn.Module, inputs: tuple[Tensor], name: str = name) -> None:
                    if id(inputs[0]) in made:
                        pairs.append((made[id(inputs[0])][0], name))

                stack.callback(module.register_forward_pre_hook(taken).remove)
        network(example)
    # A module that is used more than once serves others, too.
    often = Counter(name for pair in pairs for name in pair)
    return [pair for pair in pairs if often[pair[0]] == often[pair[1]] == 1]


def _fold(network: nn.Module, conv_name: str, norm_name: str) -> Callable[[], None]:
    """Fold one pair; returns what undoes it."""
    conv, norm = network.get_submodule(conv_name), network.get_submodule(norm_name)
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    _put(network, conv_name, fuse_conv_bn_eval(conv, norm))
    # Norms bring their activation along, here as in timm.
    _put(network, norm_name, getattr(norm, "act", None) or nn.Identity())

    def undo() -> None:
        _put(network, conv_name, conv)
        _put(network, norm_name, norm)

    return undo


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)


def _tensors(output: Any) -> Iterator[Tensor]:
    return iter([output] if isinstance(output, Tensor) else list(output))


def _alike(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= _ALIKE * a.abs().max())
