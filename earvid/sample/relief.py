"""The height of an ear above the head: ridges and hollows along its contours."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from earvid.sample.curves import PER_SPAN, distance
from earvid.sample.planes import Plane, Points, blurred, step
from earvid.sample.shape import EarShape

PER_EAR = 224  # relief pixels per ear height: half a millimeter on a real ear

_LEFT, _TOP, _RIGHT, _BOTTOM = -0.62, -0.68, 0.62, 0.72


@dataclass(frozen=True, eq=False)
class Relief:
    """Height fields around one ear, `PER_EAR` pixels to the ear coordinate's unit.

    Args:
        x: (H, W) ear coordinates of the pixel centers.
        y: (H, W).
        height: (H, W) of the ear, smoothly continued beyond its outline.
        inside: (H, W) bool, within the outline.
        concha: (H, W) 0 to 1, how far into the bowl.
        rim: (H, W) 0 to 1, how near to the crest of the helix.
        front: (H, W) 0 on the edge at the cheek, 1 away from it.
    """

    x: Plane
    y: Plane
    height: Plane
    inside: npt.NDArray[np.bool_]
    concha: Plane
    rim: Plane
    front: Plane


def ear_relief(shape: EarShape, strength: float = 1.0) -> Relief:
    """Raise the folds of an ear from its contours.

    Args:
        shape: The contours.
        strength: Multiplies every height.
    """
    y, x = np.mgrid[_TOP : _BOTTOM : 1 / PER_EAR, _LEFT : _RIGHT : 1 / PER_EAR].astype(np.float32)
    inside = _inside(x, shape.outline)
    from_front, _ = distance(x, y, shape.front)
    front = step(np.where(inside, from_front, 0), 0.0, 0.08)
    bowl = _bowl(x, y, shape)
    tube = _helix(x, y, shape)
    flap = 0.07 * step(x, 0.26, 0.02) + _folds(x, y, shape) + _lobe(x, y, shape)
    height = _smooth_max(flap, 0.03 * step(x, 0.26, 0.02) + 0.17 * tube)
    height -= (_fossa(x, y, shape) + _rounded_edge(x, y, shape)) * (1 - tube)
    height += _bowl_parts(x, y, shape, bowl)
    height = blurred(height * strength, 0.004 * PER_EAR)
    height = (height + 0.07 * step(x, 0.28, -0.3)) * front
    return Relief(x, y, height, inside, bowl, tube, front)


def to_pixels(points: Points) -> Points:
    """Ear coordinates to pixels of the relief."""
    return (points - (_LEFT, _TOP)) * PER_EAR


def _inside(like: Plane, contour: Points) -> npt.NDArray[np.bool_]:
    drawn = np.zeros(like.shape, np.uint8)
    fixed = np.round(to_pixels(contour) * 16).astype(np.int32)
    cv2.fillPoly(drawn, [fixed], 1, shift=4)
    return drawn.astype(bool)


def _smooth_max(first: Plane, second: Plane, blend: float = 0.02) -> Plane:
    """The greater of two heights, with a fillet of `blend` where they meet."""
    share = (0.5 + 0.5 * (first - second) / blend).clip(0, 1)
    joined: Plane = second + (first - second) * share + blend * share * (1 - share)
    return joined


def _ridge(x: Plane, y: Plane, curve: Points, width: float) -> tuple[Plane, Plane]:
    """A ridge of height one, and the position along it."""
    gap, along = distance(x, y, curve)
    return np.exp(-((gap / width) ** 2)), along


def _helix(x: Plane, y: Plane, shape: EarShape) -> Plane:
    """The rolled rim, 0 at both edges and 1 at its crest, fading out above the lobe."""
    closed = np.vstack([shape.outline, shape.outline[:1]])
    inner, along = distance(x, y, shape.ridges["inner"])
    outer, _ = distance(x, y, closed)
    band = _inside(x, shape.helix)
    across = inner / np.maximum(inner + outer, 1e-6)
    tube = np.sin(np.pi * across**0.75).clip(0, 1) ** 0.65
    return np.where(band, tube, 0) * step(along, 1.0, 0.72) * step(along, 0.0, 0.12)


def _folds(x: Plane, y: Plane, shape: EarShape) -> Plane:
    """Antihelix and its two crura, with the hollows between them."""
    antihelix, along = _ridge(x, y, shape.ridges["antihelix"], 0.055)
    superior, upwards = _ridge(x, y, shape.ridges["superior"] + (0.02, 0.0), 0.065)
    inferior, forwards = _ridge(x, y, shape.ridges["inferior"], 0.045)
    body = 0.11 * antihelix * (0.6 + 0.4 * step(along, 0.0, 0.4))
    upper = 0.095 * superior * step(upwards, 1.2, 0.3) * step(upwards, -0.1, 0.25)
    lower = 0.1 * inferior * step(forwards, -0.1, 0.3) * step(forwards, 1.15, 0.8)
    return _smooth_max(_smooth_max(body, upper), lower)


def _fossa(x: Plane, y: Plane, shape: EarShape) -> Plane:
    """How deep the hollow between the two crura is."""
    across, down = x - shape.fossa[0], y - shape.fossa[1]
    depth: Plane = np.exp(-((across / 0.09) ** 2) - ((down + 0.3 * across) / 0.06) ** 2)
    return 0.06 * depth


def _lobe(x: Plane, y: Plane, shape: EarShape) -> Plane:
    center = shape.landmarks[[13, 14, 19, 39]].mean(axis=0)
    cushion: Plane = np.exp(-(((x - center[0]) / 0.12) ** 2) - ((y - center[1]) / 0.12) ** 2)
    return 0.03 * cushion


def _rounded_edge(x: Plane, y: Plane, shape: EarShape, radius: float = 0.07) -> Plane:
    """How much the free edge falls away: a quarter circle."""
    gap, along = distance(x, y, shape.outline[: 19 * PER_SPAN + 1])
    inwards = (1 - gap / radius).clip(0, 1)
    fall: Plane = 1 - np.sqrt(1 - inwards**2)
    return 0.06 * fall * step(along, 1.0, 0.95)


def _bowl(x: Plane, y: Plane, shape: EarShape) -> Plane:
    """0 outside the concha to 1 on its floor."""
    gap, _ = distance(x, y, np.vstack([shape.concha, shape.concha[:1]]))
    signed = np.where(_inside(x, shape.concha), gap, -gap)
    return step(signed, -0.02, 0.05)


def _bowl_parts(x: Plane, y: Plane, shape: EarShape, bowl: Plane) -> Plane:
    """Crus of the helix, tragus and antitragus, and the ear canal."""
    crus, along = _ridge(x, y, shape.ridges["crus"], 0.048)
    tragus, _ = _ridge(x, y, shape.ridges["tragus"], 0.05)
    antitragus, _ = _ridge(x, y, shape.ridges["antitragus"], 0.045)
    wall = 1 - step(bowl, 0.0, 0.5)
    gap = np.hypot(x - shape.canal[0], y - shape.canal[1])
    depth = 0.14 + 0.05 * step(gap, 0.24, 0.05) + 0.13 * step(gap, 0.075, 0.0)
    raised = 0.1 * crus * step(along, 1.05, 0.5) + (0.13 * tragus + 0.07 * antitragus) * wall
    return raised - depth * bowl
