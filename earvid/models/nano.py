"""earvid-nano: the SAM 2 video architecture at the size of a laptop.

Every part is a module of pip ``sam2`` except the trunk, which is a small convolutional network. The
configuration is data, so that weights files can carry it and other sizes need no new code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.models.lite import EfficientNetLite

STRIDE = 16  # of the features that meet the memory, as in SAM 2
_STAGES = (1, 2, 4, 6)  # of EfficientNet-Lite0, that give strides 4, 8, 16 and 32
# ImageNet statistics of pixel values in 0..1, by which SAM 2 normalizes.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PAD_COLOR = (124, 116, 104)
"""RGB of what lies beyond an image: :data:`MEAN` in 0..255, about zero once normalized."""


@dataclass(frozen=True)
class NanoConfig:
    """Architecture of an earvid-nano model.

    Args:
        trunk: ``efficientnet_lite0``, or the name of any network of ``timm`` with features at
            strides 4, 8, 16 and 32.
        image_size: side of the square input, pixels; a multiple of 32.
        width: channels of the image features (``d_model`` of SAM 2).
        memory_width: channels of one memory map.
        attention_layers: memory-attention layers.
        feedforward: hidden width of their feed-forward blocks.
        memory_maps: memory maps a frame attends to, the keyframe's included.
        object_pointers: object pointers a frame attends to.
    """

    trunk: str = "efficientnet_lite0"
    image_size: int = 256
    width: int = 128
    memory_width: int = 64
    attention_layers: int = 2
    feedforward: int = 512
    memory_maps: int = 7
    object_pointers: int = 16

    def __post_init__(self) -> None:
        if self.image_size <= 0 or self.image_size % 32:
            raise ModelError(
                f"The image size of a nano model must be a multiple of 32, not {self.image_size}."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NanoConfig:
        """Build a configuration from plain values, naming keys that do not belong."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(
                f"The model configuration has an unknown key {unknown[0]!r}; "
                f"known are {', '.join(sorted(known))}."
            )
        for field in fields(cls):
            value = values.get(field.name, field.default)
            if type(value) is not type(field.default):
                raise ModelError(f"The model configuration has {field.name} = {value!r}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :meth:`from_dict` reads."""
        return asdict(self)


class ConvTrunk(nn.Module):
    """A convolutional network as a SAM 2 trunk: features of strides 4 to 32, finest first.

    Args:
        name: as in :class:`NanoConfig`.

    Raises:
        ModelError: there is no such network, or it has no such features.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.body: nn.Module
        if name == "efficientnet_lite0":
            self.body = EfficientNetLite(_STAGES)
            channels: Sequence[int] = self.body.channels
        else:
            self.body, channels = _timm_network(name)
        # SAM 2's neck lists channels coarsest first, and its features finest first.
        self.channel_list: list[int] = list(channels)[::-1]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map ``(B, 3, S, S)`` normalized images to four ``(B, C, S/s, S/s)`` maps."""
        features: list[Tensor] = self.body(image)
        return features


def _timm_network(name: str) -> tuple[nn.Module, Sequence[int]]:
    """A network of ``timm``, and the channels of its features."""
    try:
        import timm  # with torchvision: seconds, and as much memory as PyTorch; see ``lite``
    except ImportError as error:
        raise ModelError(
            f"The trunk {name!r} needs timm; install it with: pip install 'earvid[trunks]'."
        ) from error
    if ":" in name or not timm.is_model(name):  # timm would fetch "hf-hub:..." from the network
        raise ModelError(f"timm has no network named {name!r}.")
    try:
        body = timm.create_model(
            name, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)
        )
    except RuntimeError as error:
        raise ModelError(f"timm has no network named {name!r}: {error}.") from error
    if list(body.feature_info.reduction()) != [4, 8, 16, 32]:
        raise ModelError(f"The trunk {name!r} has no features at strides 4, 8, 16 and 32.")
    return body, body.feature_info.channels()


def build_nano(
    config: NanoConfig, model_class: type[SAM2Base] = SAM2Base, **extra: Any
) -> SAM2Base:
    """Build an untrained nano model.

    Args:
        config: the architecture.
        model_class: ``SAM2Base``, or a subclass such as stock ``SAM2VideoPredictor``, which then
            holds the same parameters under the same names.
        extra: further keyword arguments of ``model_class``.

    Returns:
        The model, in evaluation mode, on the CPU, in float32.
    """
    model = model_class(
        image_encoder=_image_encoder(config),
        memory_attention=_memory_attention(config),
        memory_encoder=_memory_encoder(config),
        num_maskmem=config.memory_maps,
        image_size=config.image_size,
        backbone_stride=STRIDE,
        max_obj_ptrs_in_encoder=config.object_pointers,
        **_sam21_settings(),
        **extra,
    )
    return model.eval()


def _sam21_settings() -> dict[str, Any]:
    """Settings of the SAM 2.1 configurations, with one mask per prompt instead of three.

    An ear is no ambiguous object: a click on it means the ear, so that the three-way guess of SAM
    would buy nothing there. The decoder computes the other three masks all the same; weights whose
    notes say ``alternatives`` have learned them, for memory policies that choose among masks.
    """
    return {
        "sigmoid_scale_for_mem_enc": 20.0,
        "sigmoid_bias_for_mem_enc": -10.0,
        "use_mask_input_as_output_without_sam": True,
        "directly_add_no_mem_embed": True,
        "no_obj_embed_spatial": True,
        "use_high_res_features_in_sam": True,
        "multimask_output_in_sam": False,
        "iou_prediction_use_sigmoid": True,
        "use_obj_ptrs_in_encoder": True,
        "add_tpos_enc_to_obj_ptrs": True,
        "proj_tpos_enc_in_obj_ptrs": True,
        "use_signed_tpos_enc_to_obj_ptrs": True,
        "only_obj_ptrs_in_the_past_for_eval": True,
        "pred_obj_scores": True,
        "pred_obj_scores_mlp": True,
        "fixed_no_obj_ptr": True,
        "use_mlp_for_obj_ptr_proj": True,
    }


def _positions(channels: int) -> PositionEmbeddingSine:
    return PositionEmbeddingSine(num_pos_feats=channels, normalize=True, warmup_cache=False)


def _image_encoder(config: NanoConfig) -> ImageEncoder:
    trunk = ConvTrunk(config.trunk)
    neck = FpnNeck(
        position_encoding=_positions(config.width),
        d_model=config.width,
        backbone_channel_list=trunk.channel_list,
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    return ImageEncoder(trunk=trunk, neck=neck, scalp=1)


def _memory_attention(config: NanoConfig) -> MemoryAttention:
    side = config.image_size // STRIDE

    def attention(**extra: Any) -> RoPEAttention:
        return RoPEAttention(
            embedding_dim=config.width, num_heads=1, feat_sizes=(side, side), dropout=0.0, **extra
        )

    layer = MemoryAttentionLayer(
        activation="relu",
        d_model=config.width,
        dim_feedforward=config.feedforward,
        dropout=0.0,
        pos_enc_at_attn=False,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=attention(),
        cross_attention=attention(rope_k_repeat=True, kv_in_dim=config.memory_width),
    )
    return MemoryAttention(
        d_model=config.width,
        pos_enc_at_input=True,
        layer=layer,
        num_layers=config.attention_layers,
    )


def _memory_encoder(config: NanoConfig) -> MemoryEncoder:
    # SAM 2 starts its fuser blocks at 1e-6, for runs of weeks; 0.1 lets a short run use them.
    block = CXBlock(dim=config.width, layer_scale_init_value=0.1)
    return MemoryEncoder(
        out_dim=config.memory_width,
        in_dim=config.width,
        mask_downsampler=MaskDownSampler(
            embed_dim=config.width, kernel_size=3, stride=2, padding=1
        ),
        fuser=Fuser(block, num_layers=2),
        position_encoding=_positions(config.memory_width),
    )


def normalize(image: Tensor) -> Tensor:
    """Scale ``(..., 3, H, W)`` RGB in 0..255 to the ImageNet statistics that SAM 2 expects."""
    mean, std = (image.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (image / 255.0 - mean) / std


def trunk_of(model: SAM2Base) -> nn.Module:
    """Return the convolutional network inside a nano model."""
    body: nn.Module = model.image_encoder.trunk.body
    return body


__all__ = [
    "MEAN",
    "PAD_COLOR",
    "STD",
    "STRIDE",
    "ConvTrunk",
    "NanoConfig",
    "build_nano",
    "normalize",
    "trunk_of",
]
