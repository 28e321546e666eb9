"""Finding the ears of one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone uses
from numpy.typing import NDArray
from torch import Tensor

from earvid.detect.boxes import iou, suppress
from earvid.detect.network import DEEPEST, STRIDE, DetectorConfig, EarNetwork, Maps
from earvid.errors import ModelError, UsageError
from earvid.models.device import pick_device
from earvid.models.nano import PAD_COLOR, normalize
from earvid.models.tuning import tune_network
from earvid.models.weights import file_sha256, load_into, read_weights
from earvid.models.zoo import shipped_file

DETECTOR_FILE = "ear-detector.safetensors"
Box = tuple[float, float, float, float]
Side = Literal["left", "right"]

MIN_CONFIDENCE = 0.05
"""Confidence below which a detection is not worth a mention."""

_PEAKS = 60  # cells looked at per scale
_OVERLAP = 0.45  # IoU from which two boxes are one ear
# Boxes on one ear that is thin or moves slip off each other to an IoU of 0.25, at 0.2 to 0.4 of its
# height; the two ears of a head are never nearer than 0.8, those of two people hardly.
_SLIP = 0.6  # distance of the centers, over the longer side of the larger box, that is one ear
_SAME_SIDE = 1.5  # the same, where both claim to be, say, the left one: a head has one of a kind
_SURE_SIDE = 0.8  # probability of a side that is such a claim
_SIZES = 2.2  # factor between longer sides beyond which neither is said of two boxes
_WITHIN = 0.75  # share of a box inside another from which it is a part of that ear
_LARGER = 0.85  # share of a part's confidence that the whole ear needs
_LONGEST = 230  # input pixels; larger ears are better seen at the next smaller size
_LARGEST_UPSCALE = 1.5  # more would only enlarge blur


@dataclass(frozen=True)
class Detection:
    """An ear in an image.

    Args:
        box: ``x0, y0, x1, y1`` in image pixels, integer = pixel center.
        confidence: probability that an ear is there, 0 to 1.
        side: the person's ``left`` ear (the face looks to image-left) or ``right`` ear.
        side_confidence: probability of that side, 0.5 to 1.
    """

    box: Box
    confidence: float
    side: Side
    side_confidence: float


class EarDetector:
    """A network with its weights, ready to look at images.

    Args:
        network: in evaluation mode, on its device.
        sha256: of the weights file; empty for weights that are in no file.
        config: how to read what the network gives; as the network has it by default.
    """

    def __init__(
        self, network: EarNetwork, sha256: str = "", config: DetectorConfig | None = None
    ) -> None:
        self.network, self.sha256 = network.eval(), sha256
        self.config = config or network.config

    def detect(
        self,
        image: NDArray[np.uint8],
        *,
        min_confidence: float = MIN_CONFIDENCE,
        sizes: Sequence[int] | None = None,
    ) -> tuple[Detection, ...]:
        """Find the ears of an image.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            min_confidence: detections below it are left out.
            sizes: longer sides to which the image is scaled, pixels; every one of
                :meth:`sizes_for` by default.

        Returns:
            The most confident first; the same image always gives the same.

        Raises:
            UsageError: this is no such image.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"Ears are looked for in (H, W, 3) uint8 images, not {image.dtype} {image.shape}."
            )
        found = torch.cat([self._look(image, size) for size in sizes or self.sizes_for(image)])
        kept = distinct(found[found[:, 4] >= min_confidence])
        return tuple(_detection(row, image.shape[1], image.shape[0]) for row in kept.tolist())

    def sizes_for(self, image: NDArray[np.uint8]) -> list[int]:
        """The sizes of the configuration that do not enlarge an image much."""
        longest = max(image.shape[:2])
        sizes = [size for size in self.config.sizes if size <= _LARGEST_UPSCALE * longest]
        return sizes or [min(self.config.sizes)]

    @torch.inference_mode()
    def _look(self, image: NDArray[np.uint8], size: int) -> Tensor:
        """Rows of ``x0, y0, x1, y1, confidence, facing`` (edges of boxes), image pixels."""
        height, width = image.shape[:2]
        scaled = _letterbox(image, size)
        device = next(self.network.parameters()).device
        batch = torch.from_numpy(scaled).to(device).permute(2, 0, 1)[None].float()
        maps = self.network(normalize(batch).contiguous(memory_format=torch.channels_last))
        rows = self._peaks(Maps(*(part.float().cpu() for part in maps)))
        if size != min(self.config.sizes):
            rows = rows[(rows[:, 2:4] - rows[:, :2]).amax(1) <= _LONGEST]
        longest = max(height, width)
        # Rounding a short side to whole pixels must not move the boxes.
        rows[:, [0, 2]] *= width / max(1, round(width * size / longest))
        rows[:, [1, 3]] *= height / max(1, round(height * size / longest))
        return rows

    def _peaks(self, maps: Maps) -> Tensor:
        """Rows as of :meth:`_look`, in pixels of the network's input from its upper left edge."""
        heat = maps.heat[0]
        highest = F.max_pool2d(heat[None, None], 3, stride=1, padding=1)[0, 0]
        score = torch.where(heat == highest, heat, -torch.inf).flatten()
        best = score.topk(min(_PEAKS, score.numel()))
        row, column = best.indices // heat.shape[1], best.indices % heat.shape[1]
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        left, top, right, bottom = maps.reach[0][:, row, column]
        confidence = torch.sigmoid(self.config.slope * best.values + self.config.offset)
        facing = torch.sigmoid(maps.facing[0, row, column])
        return torch.stack([x - left, y - top, x + right, y + bottom, confidence, facing], 1)


def _letterbox(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale to a longer side of ``size``, and fill up to sides that the network can halve."""
    height, width = image.shape[:2]
    factor = size / max(height, width)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    scaled = cv2.resize(image, shape, interpolation=how)
    right, bottom = -shape[0] % DEEPEST, -shape[1] % DEEPEST
    return np.asarray(
        cv2.copyMakeBorder(scaled, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=PAD_COLOR),
        np.uint8,
    )


def distinct(rows: Tensor) -> Tensor:
    """One row per ear, most confident first: no repetitions, no parts of ears.

    Args:
        rows: ``(N, 6)`` of ``x0, y0, x1, y1`` (edges), confidence, and the probability that the
            face looks to image-right.
    """
    kept = rows[suppress(rows[:, :4], rows[:, 4], _OVERLAP)]
    fused = [_fused(row, rows) for row in kept]
    whole = [row for row in fused if not any(_is_part(row, other) for other in fused)]
    apart: list[Tensor] = []
    for row in whole:
        if not any(_in_one_place(row, better) for better in apart):
            apart.append(row)
    return torch.stack(apart) if apart else kept[:0]


def _in_one_place(row: Tensor, other: Tensor) -> bool:
    """Whether two boxes are too near to be two ears."""
    sides = [float((r[2:4] - r[:2]).max()) for r in (row, other)]
    if max(sides) > _SIZES * min(sides):
        return False
    way = (row[:2] + row[2:4] - other[:2] - other[2:4]) / 2
    distance = float(way.norm()) / max(sides)
    one, two = float(row[5]), float(other[5])
    claim = min(one, two) >= _SURE_SIDE or max(one, two) <= 1 - _SURE_SIDE
    return distance < (_SAME_SIDE if claim else _SLIP)


def _fused(row: Tensor, rows: Tensor) -> Tensor:
    """A row with the mean box of all that found the same ear (Solovyev et al. 2021)."""
    same = rows[iou(row[None, :4], rows[:, :4])[0] >= _OVERLAP]
    box = (same[:, :4] * same[:, 4:5]).sum(0) / same[:, 4].sum()
    return torch.cat([box, row[4:]])


def _is_part(row: Tensor, other: Tensor) -> bool:
    """Whether a box is but a part of an ear, or so much around one that it is none itself."""
    if row is other or _share_within(row, other) < _WITHIN:
        return False
    small, large = sorted((row, other), key=lambda r: float((r[2:4] - r[:2]).prod()))
    loser = small if large[4] >= _LARGER * small[4] else large
    return loser is row


def _share_within(one: Tensor, other: Tensor) -> float:
    """The larger share that either box has inside the other."""
    low = torch.maximum(one[:2], other[:2])
    common = (torch.minimum(one[2:4], other[2:4]) - low).clamp(min=0).prod()
    smaller = torch.minimum((one[2:4] - one[:2]).prod(), (other[2:4] - other[:2]).prod())
    return float(common / smaller.clamp(min=1e-6))


def _detection(row: Sequence[float], width: int, height: int) -> Detection:
    """From edges to pixel centers, inside the image."""
    x0, y0, x1, y1, confidence, facing = row
    left, right = np.clip([x0, x1 - 1], 0, width - 1)
    top, bottom = np.clip([y0, y1 - 1], 0, height - 1)
    box = float(left), float(top), float(max(left, right)), float(max(top, bottom))
    return Detection(box, confidence, "right" if facing >= 0.5 else "left", max(facing, 1 - facing))


def load_detector(path: Path | None = None, *, device: str = "cpu") -> EarDetector:
    """Load an ear detector.

    Args:
        path: its weights; those that ship with earvid by default.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``. The CPU takes a tenth of a second a frame.

    Raises:
        ModelError: the file is missing, damaged, or holds other weights.
    """
    file = path if path is not None else detector_file()
    chosen = pick_device(device)
    weights, about = read_weights(file)
    if "config" not in about:
        raise ModelError(f"{file} is no ear detector: it holds no configuration of one.")
    network = EarNetwork(DetectorConfig.from_dict(about["config"])).eval()
    load_into(network, weights, str(file))
    side = min(network.config.sizes)
    tune_network(
        network, torch.linspace(-2, 2, 3 * side * side).view(1, 3, side, side), device=chosen
    )
    return EarDetector(network, file_sha256(file))


def detector_file() -> Path:
    """Where the weights lie that ship with earvid.

    Raises:
        ModelError: they are missing.
    """
    return shipped_file(DETECTOR_FILE, "ear detector")


def overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float32]:
    """IoU of every box with every other, ``(len(boxes), len(others))``."""
    a, b = (torch.tensor(list(x), dtype=torch.float32).reshape(-1, 4) for x in (boxes, others))
    grown = torch.tensor([0.0, 0.0, 1.0, 1.0])  # from pixel centers to edges
    return np.asarray(iou(a + grown, b + grown).numpy(), np.float32)
