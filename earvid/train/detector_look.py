"""Looking at a detector in training: photos to score it on, and a sheet of scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.detect.detector import Box, EarDetector
from earvid.train.detector_photos import Photo
from earvid.train.detector_scenes import SceneMaker
from earvid.train.geometry import ear_box


def truths(photos: Sequence[Photo]) -> Iterator[tuple[NDArray[np.uint8], list[Box]]]:
    """Images with the boxes of their ears, one by one, as :mod:`earvid.detect.evaluate` takes them.

    A photo is decoded when its turn comes.
    """
    return ((photo.image, [ear_box(ear) for ear in photo.ears]) for photo in photos)


def sample_sheet(detector: EarDetector, maker: SceneMaker, path: Path, count: int = 24) -> None:
    """Draw what is found in scenes that are not trained on; true boxes are white."""
    tiles = []
    for index in range(count):
        scene = maker.scene(-1 - index & 0x7FFFFFFF)
        image = scene.image.copy()
        for x0, y0, x1, y1 in scene.boxes.round().astype(int).tolist():
            cv2.rectangle(image, (x0, y0), (x1, y1), (255, 255, 255), 1)
        for found in detector.detect(scene.image, min_confidence=0.3):
            x0, y0, x1, y1 = (round(v) for v in found.box)
            color = (0, 255, 0) if found.side == "right" else (255, 0, 0)
            cv2.rectangle(image, (x0, y0), (x1, y1), color, 1)
            text = f"{found.confidence:.2f}"
            cv2.putText(image, text, (x0, y0 + 8), cv2.FONT_HERSHEY_PLAIN, 0.7, color)
        tiles.append(image)
    rows = [np.hstack(tiles[i : i + 6]) for i in range(0, count, 6)]
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
