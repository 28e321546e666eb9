"""A small clip of two ears, cut from the sample, one of which is hidden for a while."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter

FRAMES, WIDTH, HEIGHT, FPS = 24, 320, 120, 30
FIRST = 30  # of the sample clip
KEYFRAME = 6
HIDDEN = range(14, 19)  # frames on which the left ear is behind something
HALF = WIDTH // 2


@dataclass(frozen=True, eq=False)
class TwoEars:
    """The clip, and where the ears are on its keyframe."""

    clip: Path
    boxes: dict[str, tuple[float, float, float, float]]
    landmarks: dict[str, np.ndarray]  # (55, 2) by ear


def make(folder: Path, name: str = "two.mp4") -> TwoEars:
    """Write the clip: the sample on the left, its mirror image on the right."""
    path = folder / name
    with Clip.open(sample_path()) as clip, VideoWriter(path, WIDTH, HEIGHT, FPS) as writer:
        for n, frame in enumerate(clip.frames(FIRST, FIRST + FRAMES)):
            half = cv2.resize(frame.image, (HALF, HEIGHT), interpolation=cv2.INTER_AREA)
            left = np.full_like(half, 90) if n in HIDDEN else half
            writer.write(np.ascontiguousarray(np.hstack([left, half[:, ::-1]])))
    truth, t = load_truth(), FIRST + KEYFRAME
    scale = truth.masks.shape[2] / HALF
    rows, columns = np.nonzero(truth.masks[t])
    x0, x1, y0, y1 = (
        float(v) / scale for v in (columns.min(), columns.max(), rows.min(), rows.max())
    )
    points = truth.landmarks[t] / scale
    turned = points * np.float32([-1, 1]) + np.float32([WIDTH - 1, 0])
    return TwoEars(
        path,
        {"left": (x0, y0, x1, y1), "right": (WIDTH - 1 - x1, y0, WIDTH - 1 - x0, y1)},
        {"left": points, "right": turned},
    )
