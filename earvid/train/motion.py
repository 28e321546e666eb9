"""Smooth random motion of a camera and a head, as homographies into a square crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True)
class MotionRanges:
    """How far things move; each range is sampled per clip.

    Args:
        zoom: crop side over ear side, from close-up to far away.
        shift: amplitude of the drift inside the crop, in crop sides.
        roll: amplitude of in-plane rotation, radians.
        scale: amplitude of log scale change.
        yaw: amplitude of foreshortening (log of the width's factor).
        tilt: amplitude of the perspective terms, per crop side.
        rate: angular speed of all paths, radians per frame, from slow clips to fast ones.
    """

    zoom: tuple[float, float] = (0.8, 7.0)
    shift: float = 0.13
    roll: float = 0.30
    scale: float = 0.22
    yaw: float = 0.35
    tilt: float = 0.16
    rate: tuple[float, float] = (0.03, 0.45)


@dataclass(frozen=True)
class Placement:
    """Where an ear lies in the crop, instead of a random place.

    Args:
        zoom: crop side over ear side.
        shift: mean offset ``(x, y)`` from the crop's center, in crop sides.
    """

    zoom: float
    shift: tuple[float, float]


def smooth(
    rng: np.random.Generator,
    length: int,
    amplitude: float,
    rate: tuple[float, float] = MotionRanges.rate,
) -> Float:
    """A smooth random path of ``length`` values around 0, with a random speed."""
    t = np.arange(length) * rng.uniform(*rate)
    path = np.zeros(length)
    for weight, pitch in ((1.0, 1.0), (0.5, 2.3)):
        phase = rng.uniform(0, 2 * np.pi)
        path += weight * rng.normal() * np.sin(pitch * t + phase)
    return amplitude * path / 1.3


def crop_homographies(
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    length: int,
    side: int,
    ranges: MotionRanges,
    leave: bool,
    placement: Placement | None = None,
) -> list[Float]:
    """Homographies from photo pixels to crop pixels, one per frame of a clip.

    Args:
        rng: the source of randomness.
        box: the ear's box ``x0, y0, x1, y1`` in the photo.
        length: frames.
        side: crop side, pixels.
        ranges: how far things move.
        leave: drift out of the crop, and sometimes back.
        placement: size and place of the ear; drawn when not given.

    Returns:
        ``length`` arrays ``(3, 3)``; a few are mirrored clips (all frames alike).
    """
    x0, y0, x1, y1 = box
    extent = max(x1 - x0, y1 - y0, 1.0)
    zoom = placement.zoom if placement else sample_zoom(rng, ranges.zoom)
    base = side / (zoom * extent)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    aspect = np.exp(rng.normal(0, 0.12))
    # Half the clips barely move: a hand-held camera on a still head.
    energy = float(rng.choice([0.25, 1.0, 1.7], p=[0.35, 0.45, 0.2]))

    def path(amplitude: float) -> Float:
        return smooth(rng, length, amplitude * energy, ranges.rate)

    mean = np.array(placement.shift) if placement else rng.normal(0, 0.10, 2)
    offset = mean[:, None] + np.stack([path(ranges.shift) for _ in range(2)])
    scale = base * np.exp(path(ranges.scale))
    if leave:
        way, growth = _departure(rng, length, zoom)
        offset += way
        scale *= growth
    roll = rng.normal(0, 0.25) + path(ranges.roll)
    yaw = np.exp(-np.abs(rng.normal(0, 0.2) + path(ranges.yaw)))
    tilt = np.stack([path(ranges.tilt) for _ in range(2)])
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return [
        _homography(
            center, side, scale[t], flip * aspect * yaw[t], roll[t], offset[:, t], tilt[:, t]
        )
        for t in range(length)
    ]


def sample_zoom(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Draw crop side over ear side."""
    # Mostly near 2, the size at which the tracker crops; tails for what goes wrong there.
    if rng.random() < 0.7:
        return float(np.clip(np.exp(rng.normal(np.log(2.1), 0.25)), *limits))
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def _departure(rng: np.random.Generator, length: int, zoom: float) -> tuple[Float, Float]:
    """A path ``(2, T)`` that carries the ear across the crop's border, and its growth ``(T,)``.

    An ear that comes back does so anywhere, and, since the search for it widens the crop, smaller.
    """
    angle = rng.uniform(0, 2 * np.pi)
    # From the center, half a crop plus half an ear hides the ear wholly.
    distance = (0.5 + 0.5 / zoom) * rng.uniform(0.6, 1.5)
    start = int(rng.integers(1, max(2, length - 1)))
    ramp = np.clip((np.arange(length) - start + 1) / int(rng.integers(1, 3)), 0, 1)
    path = distance * ramp * np.array([[np.cos(angle)], [np.sin(angle)]])
    growth = np.ones(length)
    back = start + int(rng.integers(1, max(2, length // 2) + 1))
    if back < length and rng.random() < 0.6:
        elsewhere = rng.uniform(-0.28, 0.28, 2) if rng.random() < 0.5 else np.zeros(2)
        path[:, back:] = elsewhere[:, None]
        growth[back:] = np.exp(rng.uniform(-0.9, 0.25)) if rng.random() < 0.5 else 1.0
    return path, growth


def _homography(
    center: Float, side: int, scale: float, stretch: float, roll: float, offset: Float, tilt: Float
) -> Float:
    to_ear = np.array([[1, 0, -center[0]], [0, 1, -center[1]], [0, 0, 1.0]])
    cos, sin = np.cos(roll), np.sin(roll)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    size = np.diag([scale * stretch, scale, 1.0])
    perspective = np.array([[1, 0, 0], [0, 1, 0], [tilt[0] / side, tilt[1] / side, 1.0]])
    mid = (side - 1) / 2
    to_crop = np.array([[1, 0, mid + offset[0] * side], [0, 1, mid + offset[1] * side], [0, 0, 1]])
    return np.asarray(to_crop @ perspective @ turn @ size @ to_ear)
