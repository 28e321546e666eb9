"""One forward pass of a SAM 2 model over a batch of short clips, memory included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from earvid.models.nano import normalize
from earvid.train.clips import TrainingClip
from earvid.train.losses import FrameLoss, LossWeights, frame_loss
from earvid.train.prompts import sample_points, to_point_inputs


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips of equal length, stacked.

    Args:
        images: ``(T, B, 3, S, S)`` uint8 RGB.
        masks: ``(T, B, 1, S, S)`` bool.
        present: ``(T, B)`` bool.
        points: SAM point prompts for frame 0, or ``None`` when the truth mask is the prompt.
    """

    images: Tensor
    masks: Tensor
    present: Tensor
    points: dict[str, Tensor] | None


def collate(clips: list[TrainingClip], rng: np.random.Generator, mask_share: float = 0.15) -> Batch:
    """Stack clips and draw the prompts; a share of batches is prompted by masks."""
    images = torch.from_numpy(np.stack([c.images for c in clips], 1)).permute(0, 1, 4, 2, 3)
    masks = torch.from_numpy(np.stack([c.masks for c in clips], 1))[:, :, None]
    present = torch.from_numpy(np.stack([c.present for c in clips], 1))
    points = None
    if rng.random() >= mask_share:
        drawn = [sample_points(rng, c.masks[0]) for c in clips]
        points = to_point_inputs(*(np.stack(part) for part in zip(*drawn, strict=True)))
    return Batch(images, masks, present, points)


@dataclass(eq=False)
class _Decoded:
    """Raw outputs of the mask decoder on the last call."""

    masks: Tensor
    iou: Tensor
    presence: Tensor


@contextmanager
def _watch_decoder(model: SAM2Base, forced: list[Tensor | None]) -> Iterator[list[_Decoded]]:
    """Keep the decoder's raw outputs, and let ``forced[0]`` overrule its presence downstream.

    SAM 2 replaces the logits of absent objects by -1024, which has no gradient, and throws the
    predicted IoU away; both are needed for the loss. While presence is still untrained, the truth
    (as logits) may take its place in what the memory sees.
    """
    seen: list[_Decoded] = []

    def hook(_module: Any, _inputs: Any, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        masks, iou, tokens, presence = output
        seen.append(_Decoded(masks, iou, presence))
        return masks, iou, tokens, presence if forced[0] is None else forced[0]

    handle = model.sam_mask_decoder.register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def run_clips(
    model: SAM2Base, batch: Batch, weights: LossWeights, *, force_presence: bool
) -> list[FrameLoss]:
    """Track a batch of clips from the prompt on frame 0 and score every frame.

    Args:
        model: the model; train or eval mode is the caller's choice.
        batch: the clips.
        weights: of the losses.
        force_presence: let the memory see true instead of predicted presence.

    Returns:
        One loss per frame; for mask prompts frame 0 has no loss, for it is the prompt.
    """
    losses = []
    for t, raw in _track(model, batch, force_presence):
        if t > 0 or batch.points is not None:
            truth, present = batch.masks[t].float(), batch.present[t]
            losses.append(frame_loss(raw.masks, raw.iou, raw.presence, truth, present, weights))
    return losses


@torch.inference_mode()
def predict_clips(
    model: SAM2Base, batch: Batch
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
    """Track a batch of clips and return masks ``(T, B, S, S)``, scores and presence ``(T, B)``."""
    side = batch.images.shape[-1]
    masks, scores, presence = [], [], []
    for _, raw in _track(model, batch, force_presence=False):
        full = F.interpolate(raw.masks, (side, side), mode="bilinear", align_corners=False)
        masks.append((full[:, 0] > 0).numpy())
        scores.append(raw.iou[:, 0].numpy())
        presence.append((raw.presence[:, 0] > 0).numpy())
    return np.stack(masks), np.stack(scores), np.stack(presence)


def _track(model: SAM2Base, batch: Batch, force_presence: bool) -> Iterator[tuple[int, _Decoded]]:
    """Track frame by frame; yields the frame number and the decoder's raw outputs."""
    length, size = batch.images.shape[0], batch.images.shape[1]
    flat = normalize(batch.images.flatten(0, 1).float()).contiguous(
        memory_format=torch.channels_last
    )
    encoded = model.forward_image(flat)
    bank: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    forced: list[Tensor | None] = [None]
    with _watch_decoder(model, forced) as decoded:
        for t in range(length):
            present = batch.present[t].float()
            forced[0] = (present * 20 - 10)[:, None] if force_presence else None
            decoded.clear()
            out = _track_frame(model, encoded, t, size, batch, bank, length)
            bank["cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"][t] = out
            yield t, decoded[-1]


def _track_frame(
    model: SAM2Base,
    encoded: dict[str, Any],
    t: int,
    size: int,
    batch: Batch,
    bank: dict[str, dict[int, Any]],
    length: int,
) -> dict[str, Any]:
    rows = slice(t * size, (t + 1) * size)
    frame = {
        "backbone_fpn": [f[rows] for f in encoded["backbone_fpn"]],
        "vision_pos_enc": [p[rows] for p in encoded["vision_pos_enc"]],
    }
    _, features, positions, sizes = model._prepare_backbone_features(frame)
    first = t == 0
    out: dict[str, Any] = model.track_step(
        frame_idx=t,
        is_init_cond_frame=first,
        current_vision_feats=features,
        current_vision_pos_embeds=positions,
        feat_sizes=sizes,
        point_inputs=batch.points if first else None,
        mask_inputs=batch.masks[0].float() if first and batch.points is None else None,
        output_dict=bank,
        # Pointer codes are scaled by the clip's length up to 16; inference always exceeds it.
        num_frames=max(length, model.max_obj_ptrs_in_encoder),
        run_mem_encoder=t < length - 1,
    )
    return out
