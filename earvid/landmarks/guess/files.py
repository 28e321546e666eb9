"""The weights of the first guess: reading them safely, and guessing with those that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earvid.errors import ModelError
from earvid.landmarks.guess.crops import Box
from earvid.landmarks.guess.model import Guess, LandmarkModel, Side
from earvid.landmarks.guess.network import POINTS, LandmarkConfig, LandmarkNetwork
from earvid.landmarks.guess.shape import ShapePrior
from earvid.models.device import pick_device
from earvid.models.weights import file_sha256, load_into, read_weights
from earvid.models.zoo import shipped_file

LANDMARK_FILE = "ear-landmarks.safetensors"


class Weights(nn.Module):
    """Everything that is in the weights file: the network and the shape prior.

    Args:
        config: the architecture.
    """

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.network = LandmarkNetwork(config)
        self.register_buffer("shape_mean", torch.zeros(POINTS, 2))
        self.register_buffer("shape_basis", torch.zeros(2 * POINTS, config.modes))
        self.register_buffer("shape_variance", torch.zeros(config.modes + 1))

    def set_prior(self, prior: ShapePrior) -> None:
        """Store a shape prior."""
        for name in ("mean", "basis", "variance"):
            buffer: Tensor = getattr(self, f"shape_{name}")
            # Variances are far below what half precision can hold; their roots are not.
            value = np.sqrt(prior.variance) if name == "variance" else getattr(prior, name)
            buffer.copy_(torch.from_numpy(np.ascontiguousarray(value)))

    def prior(self) -> ShapePrior:
        """The stored shape prior."""
        parts = (self.shape_mean, self.shape_basis, self.shape_variance)
        mean, basis, deviation = (np.asarray(part.double().cpu()) for part in parts)
        return ShapePrior(mean, basis, deviation**2)


def load_landmark_model(path: Path | None = None, *, device: str = "cpu") -> LandmarkModel:
    """Load the model of the first guess.

    Args:
        path: its weights; those that ship with earvid by default.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``. The CPU takes a quarter of a second an ear.

    Raises:
        ModelError: the file is missing, damaged, or holds other weights.
    """
    file = path if path is not None else _shipped()
    chosen = pick_device(device)
    weights, about = read_weights(file)
    if "config" not in about:
        raise ModelError(f"{file} is no landmark model: it holds no configuration of one.")
    whole = Weights(LandmarkConfig.from_dict(about["config"]))
    load_into(whole, weights, str(file))
    network = whole.network.to(memory_format=torch.channels_last).to(chosen)
    return LandmarkModel(network, whole.prior(), file_sha256(file))


def landmark_digest() -> str:
    """sha256 of the weights that ship.

    Raises:
        ModelError: the file is missing.
    """
    return file_sha256(_shipped())


def _shipped() -> Path:
    return shipped_file(LANDMARK_FILE, "landmark model")


def guess_landmarks(
    image: NDArray[np.uint8],
    box: Box,
    *,
    side: Side | None = None,
    mask: NDArray[np.generic] | None = None,
    model: LandmarkModel | None = None,
) -> Guess:
    """Guess the iBUG-55 landmarks of an ear, as :meth:`LandmarkModel.guess` does.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        box: ``x0, y0, x1, y1`` around the ear, image pixels.
        side: whose ear it is, if it is known.
        mask: ``(H, W)``, anything but 0 is ear.
        model: the one that ships with earvid by default, loaded for this call; whoever has many
            ears loads it once.

    Raises:
        UsageError: this is no such image, or the box holds nothing.
        ModelError: the weights are missing or damaged.
    """
    chosen = model if model is not None else load_landmark_model()
    return chosen.guess(image, box, side=side, mask=mask)
