"""Putting eight-bit layers into a model."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import torch
from sam2.modeling.backbones.image_encoder import ImageEncoder
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.clipping import put
from earvid.models.int8 import Int8Conv, Int8Linear, check_int8
from earvid.models.int8_lite import ByteLite, ByteReader
from earvid.models.lite import EfficientNetLite
from earvid.models.nano import ConvTrunk

QUANTIZE = ("none", "int8")
_ALIKE = 0.9  # cosine of features, below which a trunk is not made for eight bits
_LEAST = 2**15  # weights of a linear map that is worth it


def check_quantize(quantize: str, device: str) -> None:
    """See that a model can be quantized.

    Args:
        quantize: ``none`` or ``int8``.
        device: where it computes.

    Raises:
        ModelError: it cannot.
    """
    if quantize not in QUANTIZE:
        raise ModelError(f"There is no quantize {quantize!r}; choose from {', '.join(QUANTIZE)}.")
    if quantize == "none":
        return
    if device != "cpu":
        raise ModelError(f"int8 is for CPUs; on {device} use --dtype bfloat16 instead.")
    check_int8()


@torch.no_grad()
def to_int8(model: SAM2Base, example: Tensor) -> None:
    """Compute the image encoder and the memory attention in eight bits, in place.

    The mask decoder and what makes object pointers stay as they are: they work on a handful of
    tokens, and errors in those would be remembered.

    Args:
        model: with its weights, on the CPU; without batch norms, unless they are those of an
            :class:`EfficientNetLite`.
        example: a normalized image ``(1, 3, S, S)``.

    Raises:
        ModelError: the trunk's features do not survive it.
    """
    encoder = model.image_encoder
    before = encoder(example)["backbone_fpn"]
    if isinstance(encoder.trunk, ConvTrunk) and isinstance(encoder.trunk.body, EfficientNetLite):
        _to_bytes(encoder)
    else:
        _round_trunk(encoder, example)
    for part in (encoder.trunk, model.memory_attention, model.memory_encoder):
        _replace_linears(part)
    _check(before, encoder(example)["backbone_fpn"])


def trunk_to_int8(trunk: EfficientNetLite, reader: nn.Conv2d) -> tuple[ByteLite, ByteReader]:
    """A trunk and the convolution that reads its only output, in eight bits.

    Args:
        trunk: in evaluation mode, with its weights and its batch norms.
        reader: the convolution.
    """
    body = ByteLite(trunk)
    (output,) = body.outputs
    return body, ByteReader(reader, output)


def takes_bytes(model: SAM2Base) -> bool:
    """Whether a model's image encoder takes uint8 pictures rather than normalized ones."""
    trunk = model.image_encoder.trunk
    return isinstance(trunk, ConvTrunk) and isinstance(trunk.body, ByteLite)


def _to_bytes(encoder: ImageEncoder) -> None:
    body = encoder.trunk.body = ByteLite(encoder.trunk.body)
    for conv, output in zip(reversed(encoder.neck.convs), body.outputs, strict=True):
        conv.conv = ByteReader(conv.conv, output)  # SAM 2's neck lists them coarsest first


def _round_trunk(encoder: ImageEncoder, example: Tensor) -> None:
    """Round what goes into each layer as it comes, which any trunk can stand."""
    if isinstance(encoder.trunk, ConvTrunk):
        _replace_convolutions(encoder.trunk, _clipped(encoder.trunk, example))
    for conv in encoder.neck.convs:
        conv.conv = Int8Conv(conv.conv, clipped=False)


def _replace_convolutions(network: nn.Module, clipped: Mapping[str, str]) -> None:
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d):
            put(network, name, Int8Conv(module, clipped=name in clipped))
    for name in clipped.values():  # rounding to bytes clips
        put(network, name, nn.Identity())


def _clipped(network: nn.Module, example: Tensor) -> dict[str, str]:
    """Convolutions whose output passes through a ReLU6 into another one, each with that ReLU6."""
    made: dict[int, tuple[str, Tensor]] = {}  # tensors are kept, so that no identity comes twice
    cut: dict[int, tuple[str, str]] = {}
    found: dict[str, str] = {}

    def taken(name: str, inputs: tuple[Tensor], output: Tensor) -> None:
        if id(inputs[0]) in cut:
            conv, clip = cut[id(inputs[0])]
            found[conv] = clip
        made[id(output)] = (name, output)

    def clipped(name: str, inputs: tuple[Tensor], output: Tensor) -> None:
        if id(inputs[0]) in made:
            cut[id(output)] = (made[id(inputs[0])][0], name)
            made[id(output)] = (name, output)

    kinds = {nn.Conv2d: taken, nn.ReLU6: clipped}
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if type(module) in kinds:
                note = partial(kinds[type(module)], name)
                hook = module.register_forward_hook(lambda _m, i, o, note=note: note(i, o))
                stack.callback(hook.remove)
        network(example)
    return found


def _replace_linears(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.Linear) and module.weight.numel() >= _LEAST:
                setattr(parent, name, Int8Linear(module))


def _check(before: list[Tensor], after: list[Tensor]) -> None:
    alike = [
        float(torch.cosine_similarity(a.flatten(), b.float().flatten(), 0))
        for a, b in zip(before, after, strict=True)
    ]
    if min(alike) < _ALIKE:
        raise ModelError(
            "The image encoder of this model does not survive int8; use it without --quantize."
        )
