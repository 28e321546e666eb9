"""The models: architectures, weights, and where to find them."""

from earvid.models.device import DEVICES, pick_device
from earvid.models.nano import NanoConfig, build_nano
from earvid.models.sam21 import build_sam21
from earvid.models.weights import read_weights, save_weights
from earvid.models.zoo import (
    DEFAULT_MODEL,
    ZOO,
    LoadedModel,
    ModelSpec,
    download,
    find_weights,
    load_model,
    weights_file,
)

__all__ = [
    "DEFAULT_MODEL",
    "DEVICES",
    "ZOO",
    "LoadedModel",
    "ModelSpec",
    "NanoConfig",
    "build_nano",
    "build_sam21",
    "download",
    "find_weights",
    "load_model",
    "pick_device",
    "read_weights",
    "save_weights",
    "weights_file",
]
