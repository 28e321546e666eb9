"""Guessing the 55 landmarks of an ear from one image and a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earvid.errors import UsageError
from earvid.landmarks.guess.contours import diagonal
from earvid.landmarks.guess.crops import Box, Float, Image, box_crop, shape_crop, take, to_source
from earvid.landmarks.guess.network import LandmarkNetwork, moments
from earvid.landmarks.guess.shape import ShapePrior
from earvid.models.nano import normalize

Side = Literal["left", "right"]

# Turns (radians) and zooms of the crops that are looked at: first around the box, then around the
# points that were found there.
_FIRST = ((0.0, 1.0), (0.0, 0.85), (-0.25, 0.95), (0.25, 0.95))
_SECOND = ((0.0, 1.0), (0.0, 0.9), (0.0, 1.1), (-0.1, 1.0), (0.1, 1.0))
_SHARP = 0.004  # deviation that every point has at least, in diagonals
_MEAN = 0.1  # variance of the mean of several heat maps, over that of their heat
_SPOT = 3.5  # deviation across the contour of a heat map that is certain, crop pixels
_FITS = (0.4, 2.5)  # diagonal of the points of an ear, over that of the box
_SLIM = 0.5  # width over height below which an ear is foreshortened
_WIDEST = 1.7  # factor by which such an ear is widened, at most
_SMALLEST = 4.0  # pixels of a box's longer side that can hold an ear
_OUTSIDE = 0.08  # diagonals beyond the mask at which a point is no longer believed


@dataclass(frozen=True, eq=False)
class Guess:
    """Landmarks of an ear.

    Args:
        points: ``(55, 2)`` float32 ``(x, y)``, image pixels, integer = pixel center, in the order
            of iBUG-55. A hidden point lies where it would be, and may lie outside the image.
        confidence: ``(55,)`` float32, probability that a point is within 4.5 % of the ear's
            diagonal of where a person would put it.
        sure: probability that the points are so on average.
        side: the person's ``left`` ear (the face looks to image-left) or ``right`` ear.
    """

    points: NDArray[np.float32]
    confidence: NDArray[np.float32]
    sure: float
    side: Side


@dataclass(frozen=True, eq=False)
class Look:
    """What the network made of an ear, before it is turned into confidences.

    Args:
        points: ``(55, 2)`` image pixels, in the mirrored image if ``facing`` is negative.
        doubt: ``(55,)`` logarithm of the deviation of each point, in diagonals.
        facing: logit: the face looks to image-right.
    """

    points: Float
    doubt: Float
    facing: float

    @property
    def overall(self) -> float:
        """Doubt about the whole guess."""
        return float(self.doubt.mean())


class LandmarkModel:
    """A network with its weights and its shape prior, ready to look at ears.

    Args:
        network: on its device.
        prior: what ears look like.
        sha256: of the weights file; empty for weights that are in no file.
    """

    def __init__(self, network: LandmarkNetwork, prior: ShapePrior, sha256: str = "") -> None:
        self.network, self.prior, self.sha256 = network.eval(), prior, sha256
        self.config = network.config

    def guess(
        self,
        image: NDArray[np.uint8],
        box: Box,
        *,
        side: Side | None = None,
        mask: NDArray[np.generic] | None = None,
    ) -> Guess:
        """Guess where the landmarks of the ear in a box are.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            box: ``x0, y0, x1, y1`` around the ear, image pixels.
            side: whose ear it is, if it is known; else it is looked at both ways.
            mask: ``(H, W)``, anything but 0 is ear; points far outside are trusted less.

        Returns:
            The same image always gives the same, and its mirror image the mirrored points.

        Raises:
            UsageError: this is no such image, or the box holds nothing.
        """
        check(image, box, side, mask)
        look, mirrored = self.look(image, box, side)
        points = look.points * [-1, 1] + [image.shape[1] - 1, 0] if mirrored else look.points
        trust = 1.0 if mask is None else _inside(points, mask)
        confidence = _sigmoid(self.config.point, look.doubt) * trust
        sure = _sigmoid(self.config.whole, np.array(look.overall)) * float(np.mean(trust))
        return Guess(
            points.astype(np.float32),
            confidence.astype(np.float32),
            float(sure),
            "left" if mirrored else "right",
        )

    def look(self, image: Image, box: Box, side: Side | None) -> tuple[Look, bool]:
        """Look at an ear, mirrored if it is a left one; tell whether it was."""
        width = image.shape[1]
        x0, y0, x1, y1 = box
        back = np.ascontiguousarray(image[:, ::-1])
        ways = {False: (image, box), True: (back, (width - 1 - x1, y0, width - 1 - x0, y1))}
        first = {m: self._first(*ways[m]) for m in ways if side in (None, ("right", "left")[m])}
        # Both are asked whether the face looks right; a tie leaves the image as it is.
        mirrored = max(first, key=lambda m: (first[m].facing, not m))
        look, (picture, (x0, y0, x1, y1)) = first[mirrored], ways[mirrored]
        size = diagonal(look.points) / float(np.hypot(x1 - x0, y1 - y0))
        # Points that do not fill the box are no ear's, and nothing to center a second look on.
        if _FITS[0] < size < _FITS[1]:
            look = self._second(picture, look, _widening((x0, y0, x1, y1)))
        return look, mirrored

    def _first(self, image: Image, box: Box) -> Look:
        x0, y0, x1, y1 = box
        wide = _widening(box)
        wider = (x0 * wide, y0, x1 * wide, y1)
        crops = [box_crop(wider, self.config.side, turn=t, zoom=z) for t, z in _FIRST]
        return self._seen(image, crops, wide)

    def _second(self, image: Image, first: Look, wide: float) -> Look:
        mean, side = self.prior.mean, self.config.side
        wider = first.points * [wide, 1]
        crops = [shape_crop(wider, mean, side, turn=t, zoom=z) for t, z in _SECOND]
        seen = self._seen(image, crops, wide)
        return Look(seen.points, seen.doubt, first.facing)

    def _seen(self, image: Image, wider: Sequence[Float], wide: float) -> Look:
        """What several crops of one ear say together, in image pixels.

        Args:
            image: the image.
            wider: ``(2, 3)`` maps to the crops from the image widened by ``wide``.
            wide: how much a foreshortened ear is widened.
        """
        scale = np.array([wide, 1.0])
        matrices = [np.column_stack([m[:, :2] * scale, m[:, 2]]) for m in wider]
        crops = np.stack([take(image, m, self.config.side) for m in matrices])
        mean, heat, facing = self._run(crops)
        back = np.stack([np.linalg.inv(m[:, :2]) for m in matrices])
        places = np.stack([to_source(p, m) for p, m in zip(mean, matrices, strict=True)])
        noise = np.einsum("nij,nkjl,nml->nkim", back, heat, back)
        points = places.mean(0)
        off = places - points
        total = noise.mean(0) + np.einsum("nki,nkj->kij", off, off) / len(off)
        size = diagonal(points)
        total = total + np.eye(2) * (_SHARP * size) ** 2
        upright = total * _MEAN * np.outer(scale, scale)
        refined = self.prior.refine(points * scale, upright) / scale
        spread = np.sqrt(np.trace(total, axis1=1, axis2=2))
        doubt = np.log(spread / max(diagonal(refined), 1e-6))
        return Look(refined, doubt, float(facing.mean()))

    @torch.inference_mode()
    def _run(self, crops: Image) -> tuple[Float, Float, Float]:
        """Means, covariances beyond that of a certain spot, and facings, of ``(N, S, S, 3)``."""
        device = next(self.network.parameters()).device
        batch = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float()
        heat = self.network(normalize(batch).contiguous(memory_format=torch.channels_last))
        mean, spread = moments(heat.maps.float())
        excess = _positive(spread - torch.eye(2, device=device) * _SPOT**2)
        parts = (mean, excess, heat.facing)
        found = [part.double().cpu().numpy() for part in parts]
        return found[0], found[1], found[2]


def _widening(box: Box) -> float:
    """How much to widen an ear that is seen so much from the front that its box is a sliver."""
    x0, y0, x1, y1 = box
    aspect = max(x1 - x0, 1.0) / max(y1 - y0, 1.0)
    return float(np.clip(_SLIM / aspect, 1.0, _WIDEST))


def _positive(matrices: Tensor) -> Tensor:
    """Symmetric matrices without their negative parts."""
    values, vectors = torch.linalg.eigh(matrices)
    kept: Tensor = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return kept


def _sigmoid(line: tuple[float, float], doubt: Float) -> Float:
    return np.asarray(1 / (1 + np.exp(-(line[0] + line[1] * doubt))))


def _inside(points: Float, mask: NDArray[np.generic]) -> Float:
    """1 for points in or near a mask, down to 0 for those far from it."""
    rows, columns = np.nonzero(mask)
    place = np.stack([columns, rows], 1).astype(float)
    size = diagonal(place)
    away = np.array([np.sqrt(((place - p) ** 2).sum(1).min()) for p in points])
    return np.clip(2 - away / max(_OUTSIDE * size, 1.0), 0, 1)


def check(
    image: NDArray[np.generic], box: Box, side: str | None, mask: NDArray[np.generic] | None
) -> None:
    """Refuse what cannot be looked at.

    Raises:
        UsageError: in one sentence, what is wrong.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"Landmarks are guessed in (H, W, 3) uint8 images, not {image.dtype} {image.shape}."
        )
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    if not (
        np.isfinite(box).all() and max(x1 - x0, y1 - y0) >= _SMALLEST and x1 >= x0 and y1 >= y0
    ):
        raise UsageError(f"The box {tuple(box)} holds no ear; give x0, y0, x1, y1 around one.")
    if x1 < 0 or y1 < 0 or x0 > width - 1 or y0 > height - 1:
        raise UsageError(f"The box {tuple(box)} lies outside the image of {width} x {height}.")
    if side not in (None, "left", "right"):
        raise UsageError(f"An ear's side is left or right, not {side!r}.")
    if mask is not None and (mask.shape != (height, width) or not np.any(mask)):
        raise UsageError(f"A mask must be ({height}, {width}), as the image, and not empty.")
