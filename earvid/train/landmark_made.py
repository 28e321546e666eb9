"""Ears with exact landmarks: rendered from a mesh, or drawn by :mod:`earvid.sample`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.landmarks.guess.network import POINTS
from earvid.sample import make_clip, random_ear
from earvid.train.landmark_photos import HIDDEN, LandmarkPhoto, around_ear
from earvid.train.rendered import EarMesh, render_clip

Image = NDArray[np.uint8]
VERTICES_FILE = "landmark55_uhm_vertex_indices.txt"
_SIDE = 320  # pixels of a rendered picture
_ZOOM = (1.5, 1.9)  # of that side over the ear's height
_TURN = 0.45  # radians; farther turned, the rim hides behind itself and its vertices with it
_DRAWN_SIZE = (480, 360)
_DRAWN_SEED = 7000  # away from the seeds of the sample clip, of tests and of the detector


def rendered_ears(
    mesh: EarMesh, vertices: NDArray[np.int64], grounds: Sequence[Image], count: int, seed: int
) -> list[LandmarkPhoto]:
    """Render ears of varied shape, skin, light and pose.

    Args:
        mesh: the ear.
        vertices: ``(55,)`` which vertex each landmark is.
        grounds: photos to put behind.
        count: how many.
        seed: of all randomness.

    Raises:
        EarvidError: the mesh has no such vertices.
    """
    if vertices.max() >= len(mesh.vertices):
        raise EarvidError(f"The mesh has {len(mesh.vertices)} vertices, so none {vertices.max()}.")
    ears = []
    for index in range(count):
        rng = np.random.default_rng((seed, 2, index))
        ground = _square(rng, grounds)
        clip = render_clip(rng, mesh, ground, 1, float(rng.uniform(*_ZOOM)), turn=_TURN)
        points = clip.points[0, vertices]
        weight = np.where(clip.front[0, vertices], 1.0, HIDDEN)
        ears.append(around_ear(f"rendered/{index}", clip.images[0], points, weight))
    return ears


def _square(rng: np.random.Generator, grounds: Sequence[Image]) -> Image:
    if not grounds:
        return np.full((_SIDE, _SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    ground = grounds[int(rng.integers(len(grounds)))]
    return np.asarray(cv2.resize(ground, (_SIDE, _SIDE)), np.uint8)


def drawn_ears(count: int) -> list[LandmarkPhoto]:
    """Ears drawn with exact landmarks, those out of sight with little weight."""
    ears = []
    for seed in range(_DRAWN_SEED, _DRAWN_SEED + count):
        frame = next(make_clip(random_ear(seed), 1, *_DRAWN_SIZE, seed=seed, ear_height=0.55))
        weight = np.where(frame.visible, 1.0, HIDDEN)
        points = np.asarray(frame.landmarks, float)
        ears.append(around_ear(f"drawn/{seed}", frame.image, points, weight))
    return ears


def read_vertices(file: Path) -> NDArray[np.int64]:
    """Read which vertex of a mesh each of the 55 landmarks is, a number to a line.

    Raises:
        EarvidError: the file cannot be read or does not hold 55 numbers.
    """
    try:
        numbers = np.array([int(word) for word in file.read_text().split()], np.int64)
    except (OSError, ValueError) as error:
        raise EarvidError(f"{file} cannot be read as vertex numbers, one to a line.") from error
    if len(numbers) != POINTS or numbers.min() < 0:
        raise EarvidError(f"{file} must hold {POINTS} vertex numbers, one for each landmark.")
    return numbers
