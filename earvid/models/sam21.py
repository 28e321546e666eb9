"""Meta's SAM 2.1 models, built from the configurations inside pip ``sam2``."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from sam2.modeling.sam2_base import SAM2Base

# What stock build_sam2_video_predictor() adds by default, except for hole filling: that needs a
# compiled extension which the wheel does not have.
_STOCK_SETTINGS: dict[str, Any] = {
    "sam_mask_decoder_extra_args": {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    },
    "binarize_mask_from_pts_for_mem_enc": True,
}


def build_sam21(
    config: str, image_size: int | None = None, model_class: type[SAM2Base] = SAM2Base
) -> SAM2Base:
    """Build a SAM 2.1 model without weights.

    The file is read directly instead of through Hydra's global state, which fails when another
    program part has initialized it.

    Args:
        config: name of the configuration, such as ``sam2.1_hiera_t``.
        image_size: side of the input, if other than 1024; a multiple of 32.
        model_class: ``SAM2Base`` or a subclass.

    Returns:
        The model, in evaluation mode, on the CPU.
    """
    text = files("sam2").joinpath(f"configs/sam2.1/{config}.yaml").read_text()
    settings = OmegaConf.create(text).model
    assert isinstance(settings, DictConfig)
    settings._target_ = f"{model_class.__module__}.{model_class.__qualname__}"
    merged = OmegaConf.merge(settings, _STOCK_SETTINGS)
    if image_size is not None:
        merged.image_size = image_size
        side = image_size // 16
        for attention in ("self_attention", "cross_attention"):
            merged.memory_attention.layer[attention].feat_sizes = [side, side]
    model: SAM2Base = instantiate(merged, _recursive_=True)
    return model.eval()
