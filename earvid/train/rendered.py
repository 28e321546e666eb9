"""Rendered ears: one textured mesh, varied in shape, pose, skin and light, as training clips.

Photos cannot turn; a mesh can. It shows the model how an ear's outline changes as a head turns, and
gives masks and points that are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.train.geometry import Image
from earvid.train.motion import smooth

Float = NDArray[np.float64]
SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates


@dataclass(frozen=True, eq=False)
class EarMesh:
    """A textured ear, about one unit high, y up, z towards the viewer, its face to the right.

    Args:
        vertices: ``(V, 3)`` float64, centered on 0.
        triangles: ``(F, 3)`` vertex numbers.
        colors: ``(F, 3)`` float64 RGB of the triangles, 0..255.
    """

    vertices: Float
    triangles: NDArray[np.int64]
    colors: Float

    @classmethod
    def load(cls, path: Path) -> EarMesh:
        """Read a Wavefront OBJ with texture coordinates, and the PNG of the same name beside it.

        Raises:
            EarvidError: a file is missing or is no such mesh.
        """
        texture = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_COLOR)
        if texture is None:
            raise EarvidError(f"The mesh {path} needs its texture, a PNG of the same name.")
        try:
            vertices, places, triangles, corners = _read_obj(path)
            colors = _texture_colors(texture[..., ::-1], places[corners].mean(1))
        except (OSError, ValueError, IndexError) as error:
            raise EarvidError(f"{path} is no triangle mesh with texture coordinates.") from error
        vertices = vertices - (vertices.min(0) + vertices.max(0)) / 2
        vertices = _to_viewer(vertices, triangles)
        return cls(vertices / np.ptp(vertices[:, 1]), triangles, colors)


def _read_obj(path: Path) -> tuple[Float, Float, NDArray[np.int64], NDArray[np.int64]]:
    rows: dict[str, list[list[str]]] = {"v": [], "vt": [], "f": []}
    for line in path.read_text().splitlines():
        kind, *values = line.split() or [""]
        if kind in rows:
            rows[kind].append(values)
    faces = np.array([[[int(x) for x in c.split("/")[:2]] for c in f] for f in rows["f"]]) - 1
    if faces.ndim != 3 or faces.shape[1:] != (3, 2) or faces.min() < 0:
        raise ValueError("not all faces are textured triangles")
    vertices = np.array([v[:3] for v in rows["v"]], float)
    return vertices, np.array([v[:2] for v in rows["vt"]], float), faces[..., 0], faces[..., 1]


def _to_viewer(vertices: Float, triangles: NDArray[np.int64]) -> Float:
    """Turn an open surface about its upright axis until it opens towards the viewer."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    x, _, z = np.cross(b - a, c - a).sum(0)
    turned: Float = vertices @ _rotation(-float(np.arctan2(x, z)), 0.0, 0.0).T
    return turned


def _texture_colors(texture: NDArray[np.generic], places: Float) -> Float:
    height, width = texture.shape[:2]
    x = np.clip((places[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - places[:, 1]) * height).astype(int), 0, height - 1)
    return np.asarray(texture[y, x], np.float64)


@dataclass(frozen=True, eq=False)
class Person:
    """One person's variant of a mesh.

    Args:
        mesh: vertices bent, colors changed.
        light: ``(3,)`` direction towards the light, of length 1.
        ambient: share of the light that comes from everywhere, 0..1.
    """

    mesh: EarMesh
    light: Float
    ambient: float


def sample_person(rng: np.random.Generator, mesh: EarMesh) -> Person:
    """Draw a shape, a skin and a light; a mirrored ear in half of the cases."""
    points = _bent(rng, mesh.vertices) * np.exp(rng.normal(0, 0.1, 3))
    triangles = mesh.triangles
    if rng.random() < 0.5:
        points, triangles = points * [-1, 1, 1], triangles[:, ::-1]
    # From dark brown to pale: skin tones differ far more in lightness than in hue.
    tone = np.exp(rng.uniform(-1.3, 0.75)) * np.exp(rng.normal(0, 0.07, 3))
    mean = mesh.colors.mean(0)
    contrast = rng.uniform(0.7, 1.5)
    colors = np.clip((mean + contrast * (mesh.colors - mean)) * tone, 4, 250)
    light = np.array([rng.normal(0, 0.7), rng.normal(0.3, 0.6), rng.uniform(0.4, 1.2)])
    varied = EarMesh(points, triangles, colors)
    return Person(varied, light / np.linalg.norm(light), float(rng.uniform(0.3, 0.75)))


def _bent(rng: np.random.Generator, points: Float) -> Float:
    """Smooth random displacements, a few waves over the ear."""
    bent = points.copy()
    for _ in range(4):
        wave = rng.normal(0, 4.0, 3)
        bent += rng.normal(0, 0.018, 3) * np.sin(points @ wave + rng.uniform(0, 6.3))[:, None]
    return bent


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """A turning ear.

    Args:
        images: ``(T, S, S, 3)`` uint8 RGB.
        masks: ``(T, S, S)`` uint8, 0 or 255.
        points: ``(T, V, 2)`` pixel positions of all vertices.
        front: ``(T, V)`` bool, whether a vertex faces the viewer.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    points: Float
    front: NDArray[np.bool_]


def render_clip(
    rng: np.random.Generator,
    mesh: EarMesh,
    ground: Image,
    length: int,
    zoom: float,
    *,
    turn: float = 0.7,
    leave: bool = False,
) -> RenderedClip:
    """Render a person's ear as the head turns and drifts.

    Args:
        rng: the source of randomness.
        mesh: the ear.
        ground: ``(S, S, 3)`` uint8, what lies behind it; it drifts along.
        length: frames.
        zoom: crop side over ear height.
        turn: how far the head turns to either side, radians.
        leave: the ear drifts out of the picture.
    """
    side = ground.shape[0]
    person = sample_person(rng, mesh)
    yaw = rng.uniform(-0.3, 0.3) + smooth(rng, length, turn / 1.6)
    pitch, roll = rng.normal(0, 0.15) + smooth(rng, length, 0.1), smooth(rng, length, 0.25)
    size = side / zoom * np.exp(smooth(rng, length, 0.15))
    drift = rng.normal(0, 0.08, 2) + np.stack([smooth(rng, length, 0.1) for _ in range(2)], 1)
    if leave:
        drift[length // 2 :] += rng.choice([-1, 1], 2) * rng.uniform(0.6, 1.1, 2)
    ground = _with_skin(rng, ground, person)
    frames = []
    for t in range(length):
        pose = _rotation(np.clip(yaw[t], -turn, turn), pitch[t], roll[t])
        middle = (side - 1) / 2 + drift[t] * side
        shift = np.array([[1, 0, drift[t, 0] * side], [0, 1, drift[t, 1] * side]])
        behind = cv2.warpAffine(ground, shift, (side, side), borderMode=cv2.BORDER_REFLECT_101)
        frames.append(_render(person, pose, size[t], middle, np.asarray(behind, np.uint8)))
    return RenderedClip(*(np.stack(part) for part in zip(*frames, strict=True)))


def _with_skin(rng: np.random.Generator, ground: Image, person: Person) -> Image:
    """Put the ear on a cheek: skin in front of it, with a soft border to what lies behind."""
    side = ground.shape[0]
    skin = np.median(person.mesh.colors, axis=0) * rng.uniform(0.7, 1.1)
    ramp = np.linspace(-1, 1, side)
    # The mesh's face side is right; a mirrored mesh has its triangles reversed and faces left.
    toward = np.sign(person.mesh.vertices[np.argmax(person.mesh.vertices[:, 2]), 0]) or 1.0
    edge = ramp[None, :] * -toward + rng.uniform(-0.3, 0.3) + 0.2 * np.sin(3 * ramp[:, None])
    alpha = (1 / (1 + np.exp(-edge / rng.uniform(0.02, 0.2))))[..., None] * rng.uniform(0.6, 1.0)
    shade = 1 + 0.15 * np.sin(rng.uniform(1, 4) * ramp[:, None] + rng.uniform(0, 6))[..., None]
    return np.clip(ground * (1 - alpha) + skin * shade * alpha, 0, 255).astype(np.uint8)


def _rotation(yaw: float, pitch: float, roll: float) -> Float:
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _render(
    person: Person, pose: Float, size: float, middle: Float, ground: Image
) -> tuple[Image, Image, Float, NDArray[np.bool_]]:
    """Paint the triangles from back to front over ``ground``; orthographic."""
    mesh = person.mesh
    turned = mesh.vertices @ pose.T
    points = turned[:, :2] * (size, -size) + middle
    corners = turned[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    facing = normals[:, 2] > 0
    lit = np.clip(normals @ person.light, 0, 1) * (1 - person.ambient) + person.ambient
    shades = np.clip(mesh.colors * lit[:, None], 0, 255)
    front = np.zeros(len(points), bool)
    front[mesh.triangles[facing].ravel()] = True
    order = np.argsort(corners[:, :, 2].mean(1))
    fixed = np.round(points[mesh.triangles] * 2**SUBPIXEL).astype(np.int32)
    image, mask = ground.copy(), np.zeros(ground.shape[:2], np.uint8)
    for i in order:
        shade = shades[i] if facing[i] else 0.55 * shades[i]
        cv2.fillConvexPoly(image, fixed[i], tuple(shade), cv2.LINE_8, SUBPIXEL)
        cv2.fillConvexPoly(mask, fixed[i], 255, cv2.LINE_8, SUBPIXEL)
    edge = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    soft = cv2.GaussianBlur(image, (0, 0), max(0.4, size / 300))  # flat triangles show no facets
    mixed = soft * edge + ground * (1 - edge)
    return mixed.astype(np.uint8), mask, points, front
