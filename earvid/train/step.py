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
        points: SAM point prompts for the keyframe, or ``None`` when the truth mask is the prompt.
        keyframe: where the prompt is.
    """

    images: Tensor
    masks: Tensor
    present: Tensor
    points: dict[str, Tensor] | None
    keyframe: int = 0


def collate(
    clips: list[TrainingClip],
    rng: np.random.Generator,
    mask_share: float = 0.15,
    middle_share: float = 0.0,
) -> Batch:
    """Stack clips and draw the prompts.

    Args:
        clips: clips of one length, the ear in view on frame 0.
        rng: the source of randomness.
        mask_share: share of batches prompted by masks.
        middle_share: share of batches with the keyframe in mid-clip, where all ears allow it.
    """
    keyframe = 0
    if rng.random() < middle_share:
        usable = np.flatnonzero(np.all([c.present for c in clips], axis=0))
        keyframe = int(rng.choice(usable)) if len(usable) else 0
    images = torch.from_numpy(np.stack([c.images for c in clips], 1)).permute(0, 1, 4, 2, 3)
    masks = torch.from_numpy(np.stack([c.masks for c in clips], 1))[:, :, None]
    present = torch.from_numpy(np.stack([c.present for c in clips], 1))
    points = None
    if rng.random() >= mask_share:
        drawn = [sample_points(rng, c.masks[keyframe]) for c in clips]
        points = to_point_inputs(*(np.stack(part) for part in zip(*drawn, strict=True)))
    return Batch(images, masks, present, points, keyframe)


@dataclass(eq=False)
class _Decoded:
    """Raw outputs of the mask decoder on the last call: all masks, the one in use first."""

    masks: Tensor
    iou: Tensor
    presence: Tensor


@dataclass
class _Overrule:
    """What the model is told instead of its own outputs, downstream of the decoder.

    Args:
        presence: object-score logits ``(B, 1)``, or ``None`` for its own.
        roll: how far its masks are displaced ``(rows, columns)``, logit pixels.
    """

    presence: Tensor | None = None
    roll: tuple[int, int] = (0, 0)


@contextmanager
def _watch_decoder(model: SAM2Base, overrule: _Overrule) -> Iterator[list[_Decoded]]:
    """Keep the decoder's raw outputs, and change what the rest of the model hears of them.

    SAM 2 replaces the logits of absent objects by -1024, which has no gradient, and throws the
    predicted IoU and all but one mask away; the losses need them.
    """
    seen: list[_Decoded] = []
    decoder = model.sam_mask_decoder
    predict = decoder.predict_masks

    def keep(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        masks, iou, tokens, presence = predict(*args, **kwargs)
        seen.append(_Decoded(masks, iou, presence))
        if any(overrule.roll):
            masks = masks.roll(overrule.roll, (-2, -1))
        return masks, iou, tokens, presence if overrule.presence is None else overrule.presence

    decoder.predict_masks = keep
    try:
        yield seen
    finally:
        del decoder.predict_masks


def run_clips(
    model: SAM2Base,
    batch: Batch,
    weights: LossWeights,
    *,
    force_presence: bool,
    mistakes: np.random.Generator | None = None,
) -> list[FrameLoss]:
    """Track a batch of clips from the prompt on its keyframe and score every frame.

    Args:
        model: the model; train or eval mode is the caller's choice.
        batch: the clips.
        weights: of the losses.
        force_presence: let the memory see true instead of predicted presence.
        mistakes: displaces some masks on their way into memory, so that the model learns not to
            believe all that it remembers.

    Returns:
        One loss per frame in the order of tracking, the keyframe first; for mask prompts the
        keyframe has no loss, for it is the prompt.
    """
    losses = []
    for t, raw in _track(model, batch, force_presence, mistakes):
        if t != batch.keyframe or batch.points is not None:
            truth, present = batch.masks[t].float(), batch.present[t]
            losses.append(frame_loss(raw.masks, raw.iou, raw.presence, truth, present, weights))
    return losses


@torch.inference_mode()
def predict_clips(
    model: SAM2Base, batch: Batch
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """Track a batch of clips.

    Returns:
        masks ``(T, B, S, S)``, predicted IoUs and presence logits ``(T, B)``, in order of time.
    """
    side = batch.images.shape[-1]
    found = {}
    for t, raw in _track(model, batch, force_presence=False):
        full = F.interpolate(raw.masks[:, :1], (side, side), mode="bilinear", align_corners=False)
        parts = full[:, 0] > 0, raw.iou[:, 0].float(), raw.presence[:, 0].float()
        found[t] = tuple(part.cpu().numpy() for part in parts)
    masks, scores, presence = zip(*(found[t] for t in sorted(found)), strict=True)
    return np.stack(masks), np.stack(scores), np.stack(presence)


def _track(
    model: SAM2Base,
    batch: Batch,
    force_presence: bool,
    mistakes: np.random.Generator | None = None,
) -> Iterator[tuple[int, _Decoded]]:
    """Track from the keyframe to the end, then back to the start, frame by frame.

    Yields:
        The frame number and the decoder's raw outputs.
    """
    length = batch.images.shape[0]
    flat = normalize(batch.images.flatten(0, 1).float()).contiguous(
        memory_format=torch.channels_last
    )
    encoded = model.forward_image(flat)
    bank: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    overrule = _Overrule()
    with _watch_decoder(model, overrule) as decoded:
        for t in [*range(batch.keyframe, length), *reversed(range(batch.keyframe))]:
            present = batch.present[t].float()
            overrule.presence = (present * 20 - 10)[:, None] if force_presence else None
            overrule.roll = _mistake(mistakes) if t != batch.keyframe else (0, 0)
            decoded.clear()
            out = _track_frame(model, encoded, t, batch, bank)
            prompted = t == batch.keyframe
            bank["cond_frame_outputs" if prompted else "non_cond_frame_outputs"][t] = out
            points = batch.points if prompted else None
            yield t, _in_use_first(decoded[-1], model._use_multimask(prompted, points))


def _in_use_first(raw: _Decoded, several: bool) -> _Decoded:
    """Put the mask first that tracking uses: mask 0, or the best of the others by predicted IoU.

    SAM 2.1 predicts three masks on tracked frames and keeps the one it believes in; earvid-nano
    predicts one.
    """
    if not several:
        return raw
    best = raw.iou[:, 1:].argmax(1) + 1
    order = torch.arange(raw.iou.shape[1], device=best.device).repeat(len(best), 1)
    order = torch.stack([row.roll(-int(k)) for row, k in zip(order, best, strict=True)])
    rows = torch.arange(len(best), device=best.device)[:, None]
    return _Decoded(raw.masks[rows, order], raw.iou[rows, order], raw.presence)


def _mistake(rng: np.random.Generator | None) -> tuple[int, int]:
    if rng is None or rng.random() > 0.08:
        return 0, 0
    rows, columns = rng.integers(-9, 10, 2)
    return int(rows), int(columns)


def _track_frame(
    model: SAM2Base,
    encoded: dict[str, Any],
    t: int,
    batch: Batch,
    bank: dict[str, dict[int, Any]],
) -> dict[str, Any]:
    length, size = batch.images.shape[:2]
    rows = slice(t * size, (t + 1) * size)
    frame = {
        "backbone_fpn": [f[rows] for f in encoded["backbone_fpn"]],
        "vision_pos_enc": [p[rows] for p in encoded["vision_pos_enc"]],
    }
    _, features, positions, sizes = model._prepare_backbone_features(frame)
    prompted = t == batch.keyframe
    last = 0 if batch.keyframe else length - 1
    out: dict[str, Any] = model.track_step(
        frame_idx=t,
        is_init_cond_frame=prompted,
        current_vision_feats=features,
        current_vision_pos_embeds=positions,
        feat_sizes=sizes,
        point_inputs=batch.points if prompted else None,
        mask_inputs=batch.masks[t].float() if prompted and batch.points is None else None,
        output_dict=bank,
        # Pointer codes are scaled by the clip's length up to 16; inference always exceeds it.
        num_frames=max(length, model.max_obj_ptrs_in_encoder),
        track_in_reverse=t < batch.keyframe,
        run_mem_encoder=t != last,
    )
    return out
