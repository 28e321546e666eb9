"""One frame through the modules of SAM 2: encode, attend, decode, remember."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from earvid.errors import UsageError
from earvid.models.nano import normalize
from earvid.models.precision import computing, dtype_of
from earvid.models.quantizing import takes_bytes
from earvid.tracker.candidates import Candidates, Choice, covered, extent
from earvid.tracker.decoder import DecoderWatch, Offer
from earvid.tracker.memory import MemoryEntry
from earvid.tracker.roi import Roi

Choose = Callable[[Candidates], Choice]
SIGNATURE_SIDE = 4  # an image is described by this many places each way


@dataclass(frozen=True, eq=False)
class Features:
    """One encoded image in the form that ``track_step`` takes."""

    vision: list[Tensor]
    positions: list[Tensor]
    sizes: list[tuple[int, int]]

    def signature(self) -> Tensor:
        """The image's coarsest features, averaged over a grid: ``(16 C,)`` float32, length 1."""
        coarsest = self.vision[-1].permute(1, 2, 0).reshape(1, -1, *self.sizes[-1])
        pooled = F.adaptive_avg_pool2d(coarsest.float(), SIGNATURE_SIDE)
        return F.normalize(pooled.flatten(), dim=0)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says about one object on one image.

    Args:
        logits: ``(h, w)`` float32 mask logits over the model's input, a quarter of its side;
            -1024 everywhere when the object is absent.
        score: predicted IoU, 0..1 (1 for a mask that was given).
        presence: object-score logit; above 0 the object is in view.
        entry: what to remember.
    """

    logits: NDArray[np.float32]
    score: float
    presence: float
    entry: MemoryEntry


class Engine:
    """Runs a SAM 2 model without its inference state; holds nothing of any clip.

    Args:
        model: a ``SAM2Base`` or subclass, in evaluation mode.
        frame_count: frames of the clip, or a large number for a stream without end. SAM 2 scales
            the time codes of object pointers by it up to 16, and so it must not change on the way.
        alternatives: whether a model that is set up to give one mask was trained to give three
            further ones, among which a policy may choose.
    """

    def __init__(self, model: SAM2Base, frame_count: int, *, alternatives: bool = False) -> None:
        self.model = model
        self.frame_count = frame_count
        self.alternatives = alternatives
        self.size: int = model.image_size
        self.device = model.device
        self._dtype = dtype_of(model)
        self._takes_bytes = takes_bytes(model)
        side = self.size // model.backbone_stride
        blank = torch.zeros(1, model.mem_dim, side, side, device=self.device)
        self.memory_position: Tensor = model.memory_encoder.position_encoding(blank)

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint8]) -> Features:
        """Encode one ``(S, S, 3)`` uint8 RGB image of the model's size."""
        tensor = torch.from_numpy(np.ascontiguousarray(image)).to(self.device)
        batch = tensor.permute(2, 0, 1)[None]
        batch = batch if self._takes_bytes else normalize(batch.float())
        with computing(self._dtype, self.device):
            backbone = self.model.forward_image(batch)
        _, vision, positions, sizes = self.model._prepare_backbone_features(backbone)
        return Features(vision, positions, sizes)

    @torch.inference_mode()
    def prompt(
        self,
        index: int,
        features: Features,
        region: Roi,
        points: NDArray[np.float32] | None,
        labels: NDArray[np.int32] | None,
        mask: NDArray[np.bool_] | None,
    ) -> Prediction:
        """Start from a prompt, without memory.

        Args:
            index: the frame.
            features: its encoding.
            region: the part of the frame that was encoded.
            points: ``(P, 2)`` in pixels of the model's input.
            labels: ``(P,)`` 1 ear, 0 background, 2 and 3 a box's corners.
            mask: ``(H, W)`` bool over the encoded region, any size; rules over points.

        Returns:
            The prediction, whose entry belongs into ``bank.keyframes``.
        """
        point_inputs = None
        if mask is None:
            assert points is not None and labels is not None
            point_inputs = {
                "point_coords": torch.from_numpy(points)[None].to(self.device),
                "point_labels": torch.from_numpy(labels)[None].to(self.device),
            }
        with computing(self._dtype, self.device), DecoderWatch(self.model) as watch:
            out = self._track_step(
                index,
                features,
                {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}},
                direction=1,
                point_inputs=point_inputs,
                mask_inputs=None if mask is None else self._mask_input(mask),
            )
        # Stock code encodes a keyframe's memory from its low-resolution logits, enlarged again.
        full = F.interpolate(
            out["pred_masks"], (self.size, self.size), mode="bilinear", align_corners=False
        )
        maps = self._memory(features, full, out, given=True)
        return _prediction(index, out, maps, region, 1.0 if mask is not None else watch.score)

    @torch.inference_mode()
    def track(
        self,
        index: int,
        features: Features,
        region: Roi,
        outputs: dict[str, Any],
        direction: int,
        choose: Choose | None = None,
        beside: Executor | None = None,
    ) -> Prediction:
        """Predict an object from its memories.

        Args:
            index: the frame.
            features: its encoding.
            region: the part of the frame that was encoded.
            outputs: the virtual output dictionary of :func:`virtual_outputs`.
            direction: 1 forwards, -1 backwards.
            choose: picks the mask when the object is in view; ``None`` leaves it to the model.
            beside: where the new memory is made while the caller goes on; here and now by default.
        """
        chosen = Choice(0)

        def pick(offer: Offer) -> int:
            nonlocal chosen
            assert choose is not None
            chosen = choose(_candidates(index, offer, region))
            if not 0 <= chosen.index < len(offer.scores):
                raise UsageError(
                    f"The policy chose mask {chosen.index} of {len(offer.scores)}; count from 0."
                )
            return chosen.index

        watching = DecoderWatch(
            self.model, pick if choose else None, alternatives=self.alternatives
        )
        with computing(self._dtype, self.device), watching as watch:
            out = self._track_step(index, features, outputs, direction, None, None)
        made = partial(self._memory, features, out["pred_masks_high_res"], out, given=False)
        maps = made() if beside is None else beside.submit(made)
        return _prediction(index, out, maps, region, watch.score, chosen.marks)

    @torch.inference_mode()
    def _memory(
        self, features: Features, masks: Tensor, out: Mapping[str, Any], *, given: bool
    ) -> Tensor:
        """What is to be remembered of a mask ``(1, 1, S, S)``, and whether it was given."""
        with computing(self._dtype, self.device):
            maps, _ = self.model._encode_new_memory(
                current_vision_feats=features.vision,
                feat_sizes=features.sizes,
                pred_masks_high_res=masks,
                object_score_logits=out["object_score_logits"],
                is_mask_from_pts=given,
            )
        # Stock code keeps memories in bfloat16; so must we, to see the same ones.
        kept: Tensor = maps.to(torch.bfloat16)
        return kept

    def _track_step(
        self,
        index: int,
        features: Features,
        outputs: dict[str, Any],
        direction: int,
        point_inputs: dict[str, Tensor] | None,
        mask_inputs: Tensor | None,
    ) -> dict[str, Any]:
        out: dict[str, Any] = self.model.track_step(
            frame_idx=index,
            is_init_cond_frame=not outputs["cond_frame_outputs"],
            current_vision_feats=features.vision,
            current_vision_pos_embeds=features.positions,
            feat_sizes=features.sizes,
            point_inputs=point_inputs,
            mask_inputs=mask_inputs,
            output_dict=outputs,
            num_frames=self.frame_count,
            track_in_reverse=direction < 0,
            run_mem_encoder=False,
        )
        return out

    def _mask_input(self, mask: NDArray[np.bool_]) -> Tensor:
        full = torch.from_numpy(mask)[None, None].float().to(self.device)
        if mask.shape == (self.size, self.size):
            return full
        small = F.interpolate(
            full, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
        )
        return (small >= 0.5).float()


def _candidates(index: int, offer: Offer, region: Roi) -> Candidates:
    return Candidates(
        index,
        (offer.masks > 0).cpu().numpy(),
        offer.scores.double().cpu().numpy(),
        offer.preferred,
        region,
    )


def _prediction(
    index: int,
    out: dict[str, Any],
    maps: Tensor | Future[Tensor],
    region: Roi,
    score: float,
    marks: Mapping[str, float] | None = None,
) -> Prediction:
    logits = out["pred_masks"][0, 0].float().cpu().numpy()
    presence = float(out["object_score_logits"][0, 0])
    entry = MemoryEntry(
        index=index,
        features=maps,
        pointer=out["obj_ptr"],
        score=score,
        presence=presence,
        area=covered(logits > 0, region),
        box=extent(logits > 0, region),
        marks=dict(marks or {}),
    )
    return Prediction(logits, score, presence, entry)
