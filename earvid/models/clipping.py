"""What it takes to put other layers in the place of those that a model was made of."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from earvid.errors import ModelError

_STAYS = (
    "A network that is arranged for a processor cannot be saved or copied; its weights are in the "
    "file that it was loaded from (load_model has tuned=False for one that can)."
)


class LaidOut(nn.Module):
    """A layer whose weights are laid out for a processor, and are no parameters any more.

    Raises:
        ModelError: somebody wants to save or to copy it, which would lose them.
    """

    def _save_to_state_dict(self, *_: Any) -> None:
        raise ModelError(_STAYS)

    def __reduce_ex__(self, _: Any) -> Any:
        raise ModelError(_STAYS)


@torch.no_grad()
def clipped_convolutions(network: nn.Module, example: Tensor) -> dict[str, str]:
    """Convolutions whose output a ReLU6 overwrites, each with that ReLU6.

    Which belong together shows when an image goes through. A ReLU6 that does not overwrite its
    input, or that is used more than once, is left alone: something else might read the same.

    Args:
        network: in evaluation mode.
        example: an input, ``(B, C, H, W)``.

    Returns:
        names of ReLU6 modules by names of convolutions.
    """
    made: dict[int, tuple[str, Tensor]] = {}  # tensors are kept, so that no identity comes twice
    found: dict[str, str] = {}
    used: Counter[str] = Counter()

    def done(name: str, inputs: tuple[Tensor], output: Tensor) -> None:
        made[id(output)] = (name, output)

    def clipped(name: str, inputs: tuple[Tensor], output: Tensor) -> None:
        used[name] += 1
        if output is inputs[0] and id(output) in made:
            found[made[id(output)][0]] = name

    kinds = {nn.Conv2d: done, nn.ReLU6: clipped}
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if type(module) in kinds:
                note = partial(kinds[type(module)], name)
                hook = module.register_forward_hook(lambda _m, i, o, note=note: note(i, o))
                stack.callback(hook.remove)
        network(example)
    return {conv: clip for conv, clip in found.items() if used[clip] == 1}


def put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module into a network in place of the one of a name."""
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)


def geometry(conv: nn.Conv2d) -> tuple[list[int], list[int], list[int], int]:
    """Padding, stride and dilation of a convolution, and its groups, as oneDNN takes them."""
    padding: Any = conv.padding
    return list(padding), list(conv.stride), list(conv.dilation), conv.groups
