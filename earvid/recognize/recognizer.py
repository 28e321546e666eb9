"""Describing the ear of an image by a vector."""

from __future__ import annotations

from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from earvid.errors import ModelError
from earvid.models.clipping import put
from earvid.models.device import pick_device
from earvid.models.int8_lite import ByteLite
from earvid.models.nano import PAD_COLOR, normalize
from earvid.models.quantizing import check_quantize, trunk_to_int8
from earvid.models.tuning import tune_network
from earvid.models.weights import file_sha256, load_into, read_weights
from earvid.models.zoo import shipped_file
from earvid.recognize.network import EarEmbedder, RecognizerConfig

RECOGNIZER_FILE = "ear-recognizer.safetensors"
Box = tuple[float, float, float, float]
_BESIDE = 2  # pixels beyond a crop from which its own are interpolated, and one for rounding


class EarRecognizer:
    """A network with its weights, ready to describe ears.

    Args:
        network: in evaluation mode, on its device.
        sha256: of the weights file; empty for weights that are in no file.
    """

    def __init__(self, network: EarEmbedder, sha256: str = "") -> None:
        self.network, self.sha256 = network.eval(), sha256
        self.config = network.config
        self._device = next(network.parameters()).device

    @property
    def same(self) -> float:
        """Cosine from which two descriptions are of one ear."""
        return self.config.same

    @torch.inference_mode()
    def describe(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Describe an ear.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            box: of the ear, ``x0, y0, x1, y1``, pixel centers.

        Returns:
            ``(D,)`` of length 1; the dot product of two is the cosine between them.
        """
        crop = ear_crop(image, box, self.config)
        batch = torch.from_numpy(crop).to(self._device).permute(2, 0, 1)[None]
        if not isinstance(self.network.trunk, ByteLite):
            batch = normalize(batch.float()).contiguous(memory_format=torch.channels_last)
        described = self.network(batch)
        return np.asarray(described[0].float().cpu().numpy(), np.float32)

    def reach(self, box: Box) -> tuple[int, int, int, int]:
        """The region of an image that :meth:`describe` looks at.

        Args:
            box: of the ear, ``x0, y0, x1, y1``, pixel centers.

        Returns:
            ``x0, y0, x1, y1``, half open; it may reach beyond the image.
        """
        x0, y0, x1, y1 = box
        half = self.config.margin * max(x1 - x0 + 1, y1 - y0 + 1) / 2 + _BESIDE
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        return floor(x - half), floor(y - half), ceil(x + half) + 1, ceil(y + half) + 1


def ear_crop(image: NDArray[np.uint8], box: Box, config: RecognizerConfig) -> NDArray[np.uint8]:
    """Cut the square around an ear that a recognizer looks at, ``(S, S, 3)`` uint8."""
    x0, y0, x1, y1 = box
    extent = config.margin * max(x1 - x0 + 1, y1 - y0 + 1)
    factor = config.side / extent
    if factor < 0.75:  # shrink what is needed first, so that nothing aliases
        grown = round(extent)
        left, top = round((x0 + x1 - extent) / 2), round((y0 + y1 - extent) / 2)
        shift = np.array([[1, 0, -left], [0, 1, -top]], np.float32)
        cut = cv2.warpAffine(
            image, shift, (grown, grown), flags=cv2.INTER_NEAREST, borderValue=PAD_COLOR
        )
        small = cv2.resize(cut, (config.side, config.side), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)
    middle = (config.side - 1) / 2
    matrix = np.array(
        [
            [factor, 0, middle - factor * (x0 + x1) / 2],
            [0, factor, middle - factor * (y0 + y1) / 2],
        ]
    )
    crop = cv2.warpAffine(image, matrix, (config.side, config.side), borderValue=PAD_COLOR)
    return np.asarray(crop, np.uint8)


def load_recognizer(
    path: Path | None = None,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    quantize: str = "none",
) -> EarRecognizer:
    """Load a recognizer.

    Args:
        path: its weights; those that ship with earvid by default.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``. On a CPU an ear takes a few milliseconds.
        dtype: in which to compute on a CPU, ``float32`` or ``bfloat16``.
        quantize: ``none``, or ``int8`` for its trunk, on a CPU.

    Raises:
        ModelError: the file is missing, damaged, or holds other weights, or it cannot be quantized.
    """
    file = path if path is not None else recognizer_file()
    weights, about = read_weights(file)
    if "config" not in about:
        raise ModelError(f"{file} is no ear recognizer: it holds no configuration of one.")
    network = EarEmbedder(RecognizerConfig.from_dict(about["config"])).eval()
    load_into(network, weights, str(file))
    side = network.config.side
    example = torch.linspace(-2, 2, 3 * side * side).view(1, 3, side, side)
    chosen = pick_device(device)
    check_quantize(quantize, chosen)
    if quantize == "int8":
        _to_int8(network)
    tune_network(network, example, device=chosen, dtype=dtype)
    return EarRecognizer(network, file_sha256(file))


def _to_int8(network: EarEmbedder) -> None:
    reader = network.squeeze[0]
    assert isinstance(reader, nn.Conv2d)
    for name, module in zip(
        ("trunk", "squeeze.0"), trunk_to_int8(network.trunk, reader), strict=True
    ):
        put(network, name, module)


def recognizer_file() -> Path:
    """Where the weights lie that ship with earvid.

    Raises:
        ModelError: they are missing.
    """
    return shipped_file(RECOGNIZER_FILE, "ear recognizer")
