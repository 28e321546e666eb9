"""One model at several input sizes."""

from __future__ import annotations

from dataclasses import replace

from sam2.modeling.sam2_base import SAM2Base

from earvid.models import LoadedModel, NanoConfig, build_nano, build_sam21, read_weights
from earvid.models.tuning import tune
from earvid.models.weights import load_into
from earvid.models.zoo import find_spec


def model_at(loaded: LoadedModel, size: int) -> SAM2Base:
    """Build a model again for another input; its weights fit, for none depends on the size.

    SAM 2 is convolutional up to its positional codes, which are computed for any size (or, in
    Hiera, interpolated). That it runs does not mean that it sees well: it has learned at its own
    size, and what is larger or smaller in its input than it was then may be lost on it.

    Args:
        loaded: the model.
        size: side of the input, pixels; a multiple of 32.

    Raises:
        ModelError: the size is no such multiple.
    """
    if size == loaded.model.image_size:
        return loaded.model
    weights, about = read_weights(loaded.weights)
    spec = find_spec(loaded.name)
    if spec.config is None:
        config = NanoConfig.from_dict(about.get("config", {}))
        model = build_nano(replace(config, image_size=size))
    else:
        model = build_sam21(spec.config, size)
    load_into(model, weights, str(loaded.weights))
    model = tune(model, loaded.dtype, loaded.quantize) if loaded.tuned else model
    return model.to(loaded.device)
