"""One drawn head with its ear, as layers that a camera can move over."""

from dataclasses import dataclass

import numpy as np

from earvid.sample.hair import draw_hair, stray_hairs
from earvid.sample.light import shade
from earvid.sample.params import EarParams
from earvid.sample.pinna import draw_ear
from earvid.sample.planes import Picture, Plane, Points, blurred, normals, resized, step
from earvid.sample.scene import Scene
from earvid.sample.shape import EarShape, ear_shape
from earvid.sample.texture import encoded, linear, room, skin

_LAMP = np.array([1.0, 0.98, 0.94], np.float32)  # warm light; its mirror image is cool
_FORMS = (  # of the head: x, y, width and height of cheekbone, temple, jaw muscle and cheek
    (1.15, 0.12, 0.42, 0.06), (0.95, -0.38, 0.4, -0.05), (0.62, 0.72, 0.4, 0.04),
    (1.25, 0.75, 0.4, -0.05), (1.55, -0.3, 0.2, -0.08),
)  # fmt: skip
_BEYOND = 4  # background pixels per blurred pixel: it holds no detail


@dataclass(frozen=True, eq=False)
class Layers:
    """A head, drawn once.

    Args:
        person: (H, W, 4) uint8 RGB times cover, and cover.
        room: (h, w, 3) uint8 RGB, out of focus.
        to_pixels: (3, 3) ear coordinates to pixels of `person`, integer = pixel center.
        outline: (N, 2) contour of the ear, in ear coordinates.
        landmarks: (55, 2) in ear coordinates.
    """

    person: Picture
    room: Picture
    to_pixels: Points
    outline: Points
    landmarks: Points


def render_ear(params: EarParams, size: float = 256) -> Layers:
    """Draw a head with its ear.

    Args:
        params: Which ear, head and light.
        size: Height of the ear in pixels.
    """
    scene = Scene(size)
    rng = np.random.default_rng(params.seed)
    shape = ear_shape(params)
    light = _tinted(_head(scene, shape, params, rng), params)
    cover = scene.head(params.long_hair)
    color = encoded(light) * cover[..., None] * 255
    person = np.dstack([color, cover * 255]).round().astype(np.uint8)
    behind = encoded(room(rng, (scene.shape[0] // _BEYOND, scene.shape[1] // _BEYOND))) * 255
    return Layers(person, behind.astype(np.uint8), scene.matrix(), shape.outline, shape.landmarks)


def _head(scene: Scene, shape: EarShape, params: EarParams, rng: np.random.Generator) -> Plane:
    """(H, W, 3) light that the head sends to the camera."""
    body = _large_shade(scene, params)[..., None]
    albedo = skin(rng, scene.shape, params.skin, scene.size)
    hair, hair_cover = draw_hair(scene, params, rng)
    strays = stray_hairs(scene, rng)[..., None]
    dimmed = 1 - 0.45 * blurred(hair_cover, 0.06 * scene.size)[..., None]
    head = _dressed(albedo * dimmed * (1 - hair_cover[..., None]) + hair, scene, rng)
    ear = draw_ear(scene, shape, params, albedo)
    around = head[ear.window] * ear.beside
    head[ear.window] = around * (1 - ear.cover) + ear.color * ear.cover
    return (head * (1 - strays) + linear(params.hair) * strays) * body


def _large_shade(scene: Scene, params: EarParams) -> Plane:
    """(H, W) shade of the head as a whole: a ball, with the neck under the jaw."""
    x, y = scene.grid(4)
    height = -((x - 0.2) ** 2) / 4.6 - (y + 0.1) ** 2 / 5.0
    for across, down, width, raised in _FORMS:
        height += raised * np.exp(-((x - across) ** 2 + (y - down) ** 2) / width**2)
    open_sky = np.ones_like(x)
    ball = shade(normals(height, scene.size / 4), open_sky, open_sky, params)
    large = resized(ball, scene.shape, smooth=False)
    _, rows = scene.grid()
    return large * (1 - 0.38 * scene.neck() * step(rows, 0.4, 1.0))


def _dressed(head: Plane, scene: Scene, rng: np.random.Generator) -> Plane:
    cloth = linear(rng.uniform(0.05, 0.6) * (1 + rng.uniform(-0.3, 0.3, 3)).astype(np.float32))
    cover = scene.clothes()[..., None]
    return head * (1 - cover) + cloth * cover


def _tinted(light: Plane, params: EarParams) -> Plane:
    return 1.45 * light * _LAMP ** np.float32(2 * params.light_warmth)
