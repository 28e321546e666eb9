"""Drawn clips and photos in which ears are where the documentation says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from earvid.prompt import FramePrompt, ObjectPrompt, Prompt, path_beside
from earvid.sample import EarParams, SampleFrame, make_clip, random_ear, sample_path
from earvid.video import Clip, VideoWriter

WIDTH, HEIGHT = 640, 360
RIGHT, LEFT = (412, 160, 498, 301), (120, 166, 180, 290)  # boxes that the documentation gives
BETWEEN = 300  # column at which one head ends and the other begins
PERIOD = 10  # frames; at multiples of it the ears are in these boxes
PHOTO = (160, 120)
PEOPLE = 5  # of whom photos are drawn

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Scene:
    """Two heads on frame 0, and the truth about the ear on the right of the picture."""

    image: Picture
    mask: Picture
    landmarks: npt.NDArray[np.float64]


@cache
def scene() -> Scene:
    """Draw the scene, once."""
    right, left = EarParams(seed=5), EarParams(seed=11, flush=0.7, mirrored=True)
    image, mask, landmarks = _placed(right, RIGHT)
    image[:, :BETWEEN] = _placed(left, LEFT)[0][:, :BETWEEN]
    return Scene(image, mask, landmarks)


def _placed(
    ear: EarParams, box: tuple[int, int, int, int]
) -> tuple[Picture, Picture, npt.NDArray[np.float64]]:
    """Image, mask and landmarks of an ear that fills a box."""
    around = 2 * WIDTH, 2 * HEIGHT  # more of the head than the frame shows, wherever the ear is
    drawn = _still(ear, *around, height=(box[3] - box[1]) / around[1])
    rows, columns = np.nonzero(drawn.mask)
    low, high = (np.array([end(columns), end(rows)], float) for end in (np.min, np.max))
    scale = (np.array(box[2:]) - box[:2]) / (high - low)
    shift = box[:2] - scale * low
    matrix = np.column_stack([np.diag(scale), shift])
    image = cv2.warpAffine(drawn.image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    mask = cv2.warpAffine(drawn.mask.astype(np.uint8) * 255, matrix, (WIDTH, HEIGHT))
    return image, np.where(mask > 127, 255, 0).astype(np.uint8), drawn.landmarks * scale + shift


def _still(ear: EarParams, width: int, height_: int, *, height: float) -> SampleFrame:
    return next(iter(make_clip(ear, 1, width, height_, ear_height=height)))


def sway(frame: int) -> tuple[float, float]:
    """Pixels by which everything is moved on a frame."""
    along = 4 * float(np.sin(np.pi * frame / PERIOD))
    return along, along / 2


def write_clip(path: Path, frames: int) -> None:
    """Film the scene."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, WIDTH, HEIGHT, preset="ultrafast") as writer:
        for frame in range(frames):
            writer.write(_swayed(scene().image, frame))


def _swayed(picture: Picture, frame: int) -> Picture:
    matrix = np.column_stack([np.eye(2), sway(frame)])
    moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.uint8)


def prompt_at(*frames: int) -> Prompt:
    """The exact box of the ear on the right, on some frames."""
    boxes = {frame: tuple(np.array(RIGHT) + np.tile(sway(frame), 2)) for frame in frames}
    prompts = {frame: FramePrompt(box=box) for frame, box in boxes.items()}
    return Prompt((ObjectPrompt(id=1, name="ear", frames=prompts),))


def write_sample(folder: Path, frames: range) -> None:
    """Some frames of the sample clip, with its prompt beside them."""
    folder.mkdir(parents=True)
    with Clip.open(sample_path()) as clip:
        size = clip.info.width, clip.info.height
        with VideoWriter(folder / sample_path().name, *size, preset="ultrafast") as writer:
            for frame in clip.frames(frames.start, frames.stop):
                writer.write(frame.image)
    (ear,) = Prompt.load(path_beside(sample_path())).objects
    there = {index - frames.start: prompt for index, prompt in ear.frames.items()}
    moved = Prompt((replace(ear, frames=there),))
    moved.save(path_beside(folder / sample_path().name))


def write_mask(path: Path, frame: int = 0) -> None:
    """The mask of that ear on a frame, by default on those that are multiples of the period."""
    mask = _swayed(scene().mask, frame)
    cv2.imwrite(str(path), np.where(mask > 127, 255, 0).astype(np.uint8))


def write_pts(path: Path, points: npt.NDArray[np.float64] | None = None) -> None:
    """Landmarks, by default those of that ear on such frames."""
    rows = "\n".join(f"{x:.2f} {y:.2f}" for x, y in scene().landmarks if points is None)
    rows = rows or "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)  # type: ignore[union-attr]
    path.write_text(f"version: 1\nn_points: 55\n{{\n{rows}\n}}\n")


def write_photos(folder: Path, *names: str, landmarks: bool = False) -> None:
    """Photos with ``images/``, ``masks/`` and perhaps ``landmarks/``."""
    for part in ("images", "masks", *(["landmarks"] if landmarks else [])):
        (folder / part).mkdir(parents=True)
    for number, name in enumerate(names):
        drawn, light = _person(number % PEOPLE), 1 - 0.1 * (number // PEOPLE)
        image = (drawn.image[..., ::-1] * light).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), drawn.mask.astype(np.uint8) * 255)
        if landmarks:
            write_pts(folder / "landmarks" / f"{name}.pts", drawn.landmarks.astype(float))


@cache
def _person(number: int) -> SampleFrame:
    return _still(random_ear(number), *PHOTO, height=0.55)


def write_mesh(path: Path) -> None:
    """A bent sheet with a texture and the numbers of its landmarks, as a mesh of an ear."""
    path.parent.mkdir(parents=True)
    side = 9
    u, v = (grid.ravel() for grid in np.meshgrid(*[np.linspace(-1, 1, side)] * 2))
    lines = [f"v {0.3 * (a * a + b * b)} {b} {-0.6 * a}" for a, b in zip(u, v, strict=True)]
    lines += [f"vt {(a + 1) / 2} {(b + 1) / 2}" for a, b in zip(u, v, strict=True)]
    for row in range(side - 1):
        for column in range(side - 1):
            a = row * side + column + 1
            for corners in ((a, a + 1, a + side), (a + 1, a + side + 1, a + side)):
                lines.append("f " + " ".join(f"{n}/{n}" for n in corners))
    path.write_text("\n".join(lines))
    cv2.imwrite(str(path.with_suffix(".png")), np.full((16, 16, 3), (60, 120, 200), np.uint8))
    numbers = "\n".join(map(str, range(55)))
    (path.parent / "landmark55_uhm_vertex_indices.txt").write_text(numbers)
