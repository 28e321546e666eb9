"""The ear itself as seen by the camera: skin over a lit relief."""

from dataclasses import dataclass

import cv2
import numpy as np

from earvid.sample.light import light_up
from earvid.sample.params import EarParams
from earvid.sample.planes import Plane, blurred, step
from earvid.sample.raster import coverage
from earvid.sample.relief import PER_EAR, Relief, ear_relief, to_pixels
from earvid.sample.scene import Scene
from earvid.sample.shape import EarShape
from earvid.sample.texture import linear

_WINDOW = np.array(((-0.61, -0.67), (0.61, 0.71)))  # within the relief
_BLOOD = np.array([0.02, 0.22, 0.20], np.float32)  # share of each color that it takes


@dataclass(frozen=True, eq=False)
class DrawnEar:
    """An ear, ready to be laid over a head.

    Args:
        window: Rows and columns of the scene that the other fields lie on.
        color: (h, w, 3) light.
        cover: (h, w, 1) share of each pixel that the ear covers.
        beside: (h, w, 3) factor on the light of the head around it.
    """

    window: tuple[slice, slice]
    color: Plane
    cover: Plane
    beside: Plane


def draw_ear(scene: Scene, shape: EarShape, params: EarParams, albedo: Plane) -> DrawnEar:
    """Draw an ear whose front runs seamlessly into the cheek.

    Args:
        scene: The pixels to draw on.
        shape: The contours.
        params: Color and light.
        albedo: (H, W, 3) reflected share of the light, over the whole scene.
    """
    relief = ear_relief(shape, params.relief)
    ear, head = light_up(relief, params)
    grown = step(relief.front, 0.0, 0.4)[..., None]
    light = _placed(scene, ear.color * grown + head.color * (1 - grown))
    gloss = _placed(scene, ear.gloss[..., None] * grown)[..., None]
    window = _window(scene)
    skin = albedo[window]
    rough = 1 + 4 * (skin.mean(axis=-1, keepdims=True) / linear(params.skin).mean() - 1)
    shine = 0.05 + 0.07 * params.skin[0] ** 2
    return DrawnEar(
        window=window,
        color=skin * _placed(scene, _flushed(relief, shape, params)) * light
        + shine * gloss * rough,
        cover=_cover(scene, shape),
        beside=_placed(scene, _feathered(head.color)),
    )


def _flushed(relief: Relief, shape: EarShape, params: EarParams) -> Plane:
    """(h, w, 3) redder where skin is thin: rim and lobe; the canal is dark."""
    lobe = step(relief.y, 0.22, 0.42)
    thin = (0.75 * relief.rim + 0.6 * lobe + 0.35 * relief.concha) * params.flush
    thin = blurred(thin * relief.front, 0.02 * PER_EAR)[..., None]
    gap = np.hypot(relief.x - shape.canal[0], relief.y - shape.canal[1])
    canal = 0.6 * np.exp(-((gap / 0.045) ** 2)) * relief.concha
    flushed: Plane = (1 - thin * _BLOOD) * (1 - canal[..., None])
    return flushed


def _cover(scene: Scene, shape: EarShape) -> Plane:
    rows, columns = _window(scene)
    outline = scene.to_pixels(shape.outline) - (columns.start, rows.start)
    return coverage([outline], columns.stop - columns.start, rows.stop - rows.start)[..., None]


def _feathered(color: Plane) -> Plane:
    """The shadow fades to plain light at the border of its window."""
    rows, columns = color.shape[:2]
    down = np.minimum(np.arange(rows), np.arange(rows)[::-1])[:, None]
    across = np.minimum(np.arange(columns), np.arange(columns)[::-1])[None]
    inner = step((np.minimum(down, across) / PER_EAR).astype(np.float32), 0.0, 0.15)[..., None]
    return 1 + (color - 1) * inner


def _window(scene: Scene) -> tuple[slice, slice]:
    """The pixels of the scene that the relief covers."""
    (left, top), (right, bottom) = np.round(scene.to_pixels(_WINDOW)).astype(int)
    return slice(top, bottom), slice(left, right)


def _placed(scene: Scene, field: Plane) -> Plane:
    """A field over the relief, resampled to the window's pixels."""
    rows, columns = _window(scene)
    to_relief = np.linalg.inv(scene.matrix())
    scale = PER_EAR * to_relief[0, 0]
    corner = to_pixels((to_relief @ (columns.start, rows.start, 1))[:2])
    move = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    if scale > 1.5:  # the scene is coarser than the relief
        field = blurred(field, 0.35 * scale)
    placed = cv2.warpAffine(field, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(placed, field.dtype)
