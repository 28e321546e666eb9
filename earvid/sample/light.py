"""Light on a relief: soft shadows, ambient occlusion and scattering under the skin."""

from dataclasses import dataclass

import cv2
import numpy as np

from earvid.sample.params import EarParams
from earvid.sample.planes import Plane, blurred, normals
from earvid.sample.relief import PER_EAR, Relief

_AROUND = 12  # directions in which the horizon is measured
_ANGLES = np.arange(_AROUND) * (2 * np.pi / _AROUND)
_STEPS = 0.008 * 1.32 ** np.arange(15)  # how far out, in ear heights


@dataclass(frozen=True, eq=False)
class Lit:
    """Light arriving on a surface, over the relief's pixels.

    Args:
        color: (H, W, 3) irradiance, 1 on an open surface facing the lamp.
        gloss: (H, W) light mirrored towards the camera.
    """

    color: Plane
    gloss: Plane


def light_direction(params: EarParams) -> np.ndarray:
    """(3,) unit vector towards the light; x to the face, y down, z to the camera."""
    angle, height = np.radians([params.light_angle, params.light_height])
    flat = np.cos(height)
    return np.array([flat * np.cos(angle), -flat * np.sin(angle), np.sin(height)])


def light_up(relief: Relief, params: EarParams) -> tuple[Lit, Lit]:
    """Light on the ear, and on the flat head beside and behind it, in the ear's shadow."""
    around = np.where(relief.inside, relief.height, 0).astype(np.float32)
    ear, head = relief.height, np.zeros_like(around)
    rims = [_horizons([ear, head], around, angle) for angle in _ANGLES]
    blur = 0.02 + 0.02 * params.light_softness
    return (
        _lit(ear, [rim[0] for rim in rims], params, blur=0.0),
        _lit(head, [rim[1] for rim in rims], params, blur),
    )


def _lit(height: Plane, horizons: list[Plane], params: EarParams, blur: float) -> Lit:
    light = light_direction(params)
    normal = normals(height, PER_EAR)
    open_sky = _open_sky(horizons)
    shadow = _shadow(horizons, params)
    if blur:
        shadow = blurred(shadow, blur * PER_EAR)
    color = _scattered(_reddened(shade(normal, shadow, open_sky, params), open_sky))
    half = light + np.array([0, 0, 1])
    mirrored = (normal @ (half / np.linalg.norm(half)).astype(np.float32)).clip(0, 1)
    gloss = (mirrored**28 + 0.25 * mirrored**90) * (0.3 + 0.7 * shadow) * open_sky
    return Lit(color, gloss)


def shade(normal: Plane, shadow: Plane, open_sky: Plane, params: EarParams) -> Plane:
    """Light arriving from the lamp and from the sky, about 1 on an open, flat surface.

    Args:
        normal: (H, W, 3) unit vectors.
        shadow: (H, W) 0 where the lamp is hidden to 1.
        open_sky: (H, W) share of the sky that is seen.
        params: Where the light comes from.
    """
    light = light_direction(params).astype(np.float32)
    facing = normal @ light
    lamp = ((facing + 0.25) / 1.25).clip(0, None) * shadow / ((light[2] + 0.25) / 1.25)
    soft = 0.3 + 0.25 * params.light_softness
    sky = open_sky**1.5 * (1 - 0.35 * normal[..., 1])
    mixed: Plane = (1 - soft) * lamp + soft * sky
    return mixed


def _horizons(heights: list[Plane], around: Plane, angle: float) -> list[Plane]:
    """Tangent of the horizon in one direction as seen from surfaces, 0 where nothing rises."""
    rows, columns = around.shape
    highest = [np.zeros_like(height) for height in heights]
    for reach in _STEPS:
        shift = reach * PER_EAR * np.array([np.cos(angle), -np.sin(angle)])
        move = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]])
        seen = cv2.warpAffine(around, move, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
        for top, height in zip(highest, heights, strict=True):
            np.maximum(top, (seen - height) / np.float32(reach), out=top)
    return highest


def _open_sky(horizons: list[Plane]) -> Plane:
    """The cosine-weighted share of the sky above the horizon."""
    shares: Plane = np.mean([1 / (1 + horizon**2) for horizon in horizons], axis=0)
    return shares


def _shadow(horizons: list[Plane], params: EarParams) -> Plane:
    """0 in the shadow of the lamp to 1 outside; the softer the light, the wider its edge."""
    turn = params.light_angle / 360 * _AROUND % _AROUND
    share = turn % 1
    first, second = horizons[int(turn)], horizons[(int(turn) + 1) % _AROUND]
    rise = np.arctan(first * (1 - share) + second * share)
    above = np.radians(params.light_height) - rise
    width = 0.25 + 0.6 * params.light_softness
    lit: Plane = (0.5 + above / width).clip(0, 1)
    return lit


def _reddened(gray: Plane, open_sky: Plane) -> Plane:
    """Light that was mirrored between folds comes out redder than it went in."""
    closed = 1 - open_sky
    return np.stack([gray + closed * gain for gain in (0.13, 0.035, 0.025)], axis=-1)


def _scattered(color: Plane) -> Plane:
    """Light wanders under the skin, red light farthest."""
    near = blurred(color, 0.003 * PER_EAR)
    far = blurred(color, 0.018 * PER_EAR)
    share = np.array([0.4, 0.16, 0.1], np.float32)
    return near * (1 - share) + far * share
