"""Loading a model, ready to track."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import ModelError
from earvid.models.device import pick_device
from earvid.models.nano import NanoConfig, build_nano
from earvid.models.precision import check_dtype
from earvid.models.quantizing import check_quantize
from earvid.models.sam21 import build_sam21
from earvid.models.tuning import tune
from earvid.models.weights import file_sha256, load_into, read_weights
from earvid.models.zoo import DEFAULT_MODEL, find_spec, weights_file


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to track.

    Args:
        model: in evaluation mode, on its device.
        name: its name in the zoo.
        weights: the file its weights came from.
        sha256: of that file.
        device: ``cpu``, ``cuda`` or ``mps``.
        dtype: in which it computes, ``float32`` or ``bfloat16``.
        quantize: ``none`` or ``int8``.
        tuned: whether it was rearranged for speed.
    """

    model: SAM2Base
    name: str
    weights: Path
    sha256: str
    device: str
    dtype: str = "float32"
    quantize: str = "none"
    tuned: bool = True

    @property
    def numbers(self) -> str:
        """The dtype of what is computed beside the model."""
        return "bfloat16" if self.quantize == "int8" else self.dtype

    @property
    def small(self) -> bool:
        """Whether it has a few million weights, unlike Meta's models."""
        return find_spec(self.name).config is None


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    checkpoint: Path | None = None,
    device: str = "auto",
    dtype: str = "float32",
    quantize: str = "none",
    model_class: type[SAM2Base] = SAM2Base,
    tuned: bool = True,
) -> LoadedModel:
    """Load a model with its weights.

    Args:
        name: of the zoo.
        checkpoint: weights to use instead of the ones found by name.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        dtype: ``float32`` or ``bfloat16``, which some processors compute twice as fast.
        quantize: ``none`` or ``int8``, for CPUs: see :mod:`earvid.models.int8`.
        model_class: ``SAM2Base`` or a subclass, such as stock ``SAM2VideoPredictor``.
        tuned: rearrange the model for speed; its logits, of order 10, stay the same to 2e-3.

    Raises:
        ModelError: the name, device, dtype or file does not exist, the weights do not fit, or the
            model cannot be quantized.
    """
    spec = find_spec(name)
    check_dtype(dtype)
    chosen = pick_device(device)
    check_quantize(quantize, chosen)
    path = weights_file(name, checkpoint)
    digest = file_sha256(path)
    if checkpoint is None and spec.sha256 not in (None, digest):
        raise ModelError(
            f"{path} is damaged (its sha256 is {digest[:12]}…, not {str(spec.sha256)[:12]}…); "
            f"remove it and run 'earvid download {name}'."
        )
    weights, about = read_weights(path)
    if spec.config is None:
        model = build_nano(NanoConfig.from_dict(about.get("config", {})), model_class)
    else:
        model = build_sam21(spec.config, spec.image_size, model_class)
    load_into(model, weights, str(path))
    model = tune(model, dtype, quantize, chosen) if tuned else model
    return LoadedModel(model.to(chosen), name, path, digest, chosen, dtype, quantize, tuned)


def random_model(
    name: str,
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    quantize: str = "none",
    model_class: type[SAM2Base] = SAM2Base,
    tuned: bool = True,
) -> LoadedModel:
    """Build one of Meta's models with random weights, by which time and memory can be measured.

    It takes objects for present, as a trained one does for most of a clip.

    Args:
        name: of the zoo.
        image_size: side of its input, if other than its own.
        device: as in :func:`load_model`.
        dtype: likewise.
        quantize: likewise.
        model_class: likewise.
        tuned: likewise.

    Raises:
        ModelError: there is no such model, device or dtype.
    """
    spec = find_spec(name)
    if spec.config is None:
        raise ModelError(f"{name} ships with its weights; load it instead.")
    check_dtype(dtype)
    chosen = pick_device(device)
    check_quantize(quantize, chosen)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_sam21(spec.config, image_size or spec.image_size, model_class)
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias += 10.0
    model = tune(model, dtype, quantize, chosen) if tuned else model
    digest = f"random, {model.image_size} pixels"
    return LoadedModel(
        model.to(chosen), name, Path("random"), digest, chosen, dtype, quantize, tuned
    )
