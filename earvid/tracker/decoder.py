"""Watching SAM 2's mask decoder: the predicted IoUs, and the masks that it does not hand out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Output = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Offer:
    """What the decoder offers for one object.

    Args:
        masks: ``(K, h, w)`` logits.
        scores: ``(K,)`` predicted IoUs.
        preferred: which one the model would take by itself.
    """

    masks: Tensor
    scores: Tensor
    preferred: int


class DecoderWatch:
    """Watches one pass through a model's mask decoder and, if asked to, redirects it.

    SAM 2 throws the predicted IoU away, and so it is collected on the way. A model that is set up
    to give several masks takes the one of highest IoU; with ``choose``, another one can take its
    place, and its token, from which the object pointer is made, comes along. A model that is set up
    to give one mask computes three more all the same; with ``alternatives`` they are on offer too.
    Only public hooks are used and nothing of the model is replaced: other threads may use the same
    model for other clips meanwhile.

    Args:
        model: whose decoder to watch.
        choose: picks from an offer; asked only when the object is in view. ``None`` leaves it to
            the model.
        alternatives: whether the three further masks of a one-mask model were trained.

    Attributes:
        score: predicted IoU of the mask that was taken.
    """

    def __init__(
        self,
        model: SAM2Base,
        choose: Callable[[Offer], int] | None = None,
        *,
        alternatives: bool = False,
    ) -> None:
        self.score = float("nan")
        self._decoder: Any = model.sam_mask_decoder
        self._choose = choose
        self._alternatives = alternatives and choose is not None
        self._parts: dict[str, Any] = {}
        self._thread = threading.get_ident()
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> DecoderWatch:
        self._handles.append(self._decoder.register_forward_hook(self._decoded))
        if self._alternatives:
            self._keep("tokens", self._decoder.transformer)
            self._keep("image", self._decoder.output_upscaling[-1])
            self._keep("scores", self._decoder.iou_prediction_head)
            for n, kernel in enumerate(self._decoder.output_hypernetworks_mlps):
                self._keep(f"kernel {n}", kernel)
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._parts.clear()

    def _keep(self, name: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if threading.get_ident() == self._thread:
                self._parts[name] = output

        self._handles.append(module.register_forward_hook(hook))

    def _decoded(self, _module: nn.Module, _inputs: Any, output: Output) -> Output | None:
        if threading.get_ident() != self._thread:
            return None
        if self._choose is None or float(output[3][0, 0]) <= 0:
            self.score = float(output[1].max())
            return None
        masks, scores, tokens = output[:3]
        preferred = int(scores[0].argmax())
        if self._alternatives and scores.shape[1] == 1:
            masks, scores, tokens = self._all_four()
        taken = self._choose(Offer(masks[0], scores[0], preferred))
        self.score = float(scores[0, taken])
        if taken == preferred:
            return None  # as the model would have it, to the bit
        one = slice(taken, taken + 1)
        # Models that make every pointer from the first token have only that one here.
        token = tokens if tokens.shape[1] == 1 else tokens[:, one]
        return masks[:, one], scores[:, one], token, output[3]

    def _all_four(self) -> tuple[Tensor, Tensor, Tensor]:
        """All masks, IoUs and tokens of this pass, the one that the model hands out first."""
        image: Tensor = self._parts["image"]
        count = len(self._decoder.output_hypernetworks_mlps)
        kernels = torch.stack([self._parts[f"kernel {n}"] for n in range(count)], dim=1)
        masks = (kernels @ image.flatten(2)).reshape(1, count, *image.shape[-2:])
        hidden: Tensor = self._parts["tokens"][0]
        first = 2 if self._decoder.pred_obj_scores else 1  # after those for IoU and object score
        return masks, self._parts["scores"], hidden[:, first : first + count]
