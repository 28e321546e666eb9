"""The models: architectures, weights, and where to find them."""

from earvid.models.device import DEVICES, pick_device
from earvid.models.loading import LoadedModel, load_model, random_model
from earvid.models.nano import NanoConfig, build_nano
from earvid.models.precision import DTYPES
from earvid.models.quantizing import QUANTIZE, check_quantize
from earvid.models.sam21 import build_sam21
from earvid.models.weights import read_weights, save_weights
from earvid.models.zoo import (
    DEFAULT_MODEL,
    ZOO,
    ModelSpec,
    download,
    find_weights,
    weights_file,
)

__all__ = [
    "DEFAULT_MODEL",
    "DEVICES",
    "DTYPES",
    "QUANTIZE",
    "ZOO",
    "LoadedModel",
    "ModelSpec",
    "NanoConfig",
    "build_nano",
    "build_sam21",
    "check_quantize",
    "download",
    "find_weights",
    "load_model",
    "pick_device",
    "random_model",
    "read_weights",
    "save_weights",
    "weights_file",
]
