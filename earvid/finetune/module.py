"""Which parts of a model are trained, and the forward pass of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.finetune.settings import FinetuneSettings
from earvid.train.clips import TrainingClip
from earvid.train.losses import LossWeights
from earvid.train.optimizer import adamw
from earvid.train.prompts import to_point_inputs
from earvid.train.step import Batch, collate, run_clips

ENCODER = "image_encoder."
_DECODER = "sam_mask_decoder."
_PROMPTS = "sam_prompt_encoder."
JITTER = 5 / 256  # of the crop's side, as in the benchmark of SAM 2 on medical images

# Dice and cross-entropy alone, as in that benchmark; the heads of score and presence have no loss.
IMAGE_LOSS = LossWeights(iou=0.0, presence=0.0, alternatives=0.0)


def is_trained(name: str, recipe: str) -> bool:
    """Whether a recipe trains the parameter of this name.

    The image recipe is that of the 2024 benchmark of SAM 2 on medical images (Ma et al.,
    ``finetune_sam2_img.py``): image encoder and mask decoder. The video recipe adds everything
    that memories pass through. Neither touches the prompt encoder.
    """
    if recipe == "image":
        return name.startswith((ENCODER, _DECODER))
    return not name.startswith(_PROMPTS)


def freeze(model: SAM2Base, recipe: str) -> None:
    """Let only those parameters have gradients that the recipe trains."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_trained(name, recipe))


def make_optimizer(model: SAM2Base, settings: FinetuneSettings) -> torch.optim.AdamW:
    """AdamW with a rate of its own for the image encoder."""
    encoder, rest = settings.rates
    return adamw(
        model, rate=rest, trunk=ENCODER, trunk_factor=encoder / rest, decay=settings.weight_decay
    )


def train_mode(model: SAM2Base) -> None:
    """Switch to training; statistics of batch normalization stay those of the start."""
    model.train()
    for part in model.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


class ClipLoss(nn.Module):
    """The loss of a batch as one module, so that `accelerate` can wrap it.

    Args:
        model: what is trained.
        recipe: decides the loss.
    """

    def __init__(self, model: SAM2Base, recipe: str) -> None:
        super().__init__()
        self.model = model
        self._weights = LossWeights() if recipe == "video" else IMAGE_LOSS

    def forward(self, batch: Batch, mistakes: np.random.Generator | None) -> dict[str, Tensor]:
        """Track the batch's clips; returns the loss, and the IoU of first and last frames."""
        losses = run_clips(
            self.model, batch, self._weights, force_presence=False, mistakes=mistakes
        )
        return {
            "loss": torch.stack([x.total for x in losses]).mean(),
            "first": losses[0].iou.nanmean(),
            "last": losses[-1].iou.nanmean(),
        }


def boxed(clips: Sequence[TrainingClip], rng: np.random.Generator) -> Batch:
    """Stack clips, each prompted by a jittered box on its first frame."""
    boxes = np.stack([jittered_box(clip.masks[0], rng) for clip in clips])
    labels = np.tile(np.array([2, 3], np.int32), (len(clips), 1))
    batch = collate(list(clips), rng, mask_share=1.0)
    return replace(batch, points=to_point_inputs(boxes, labels))


def jittered_box(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """The box ``((x0, y0), (x1, y1))`` of a mask, each side grown a little, as people draw it."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    side = mask.shape[0]
    grow = rng.uniform(0, JITTER * side, 4) * (-1, -1, 1, 1)
    box = np.clip(np.array([x, y, x + w - 1, y + h - 1]) + grow, 0, side - 1)
    return box.reshape(2, 2).astype(np.float32)


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    return replace(batch, **{f.name: _moved(getattr(batch, f.name), device) for f in fields(batch)})


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    return {k: v.to(device) for k, v in value.items()} if isinstance(value, dict) else value
