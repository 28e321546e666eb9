"""Pictures of held-out ears before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.finetune.exam import Answer

TILE, ACROSS = 192, 8
TRUTH, BEFORE, AFTER = (80, 220, 80), (0, 165, 255), (220, 60, 220)  # BGR


def save_masks(path: Path, answers: Sequence[Answer]) -> None:
    """Keep what the model found before its first step, for all later sheets."""
    arrays = {f"a{n}": np.packbits(answer.masks) for n, answer in enumerate(answers)}
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    temporary.replace(path)


def draw_sheet(path: Path, before: Path, answers: Sequence[Answer]) -> None:
    """Draw what was found before (orange, above) and is found now (magenta, below) as a PNG.

    The truth is green. Photos share rows; a clip has a row of its own.

    Args:
        path: the picture.
        before: file of :func:`save_masks`.
        answers: to the same questions.
    """
    rows: list[list[NDArray[np.uint8]]] = [[]]
    with np.load(before) as kept:
        for n, answer in enumerate(answers):
            count = answer.masks.size
            old = np.unpackbits(kept[f"a{n}"], count=count).reshape(answer.masks.shape) > 0
            tiles = [_pair(answer, old, t) for t in range(len(answer.masks))]
            if len(tiles) > 1 or len(rows[-1]) + len(tiles) > ACROSS:
                rows.append([])
            rows[-1] += tiles[:ACROSS]
    cv2.imwrite(str(path), np.vstack([_row(tiles) for tiles in rows if tiles]))


def _row(tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    blank = np.full_like(tiles[0], 32)
    return np.hstack(tiles + [blank] * (ACROSS - len(tiles)))


def _pair(answer: Answer, old: NDArray[np.bool_], t: int) -> NDArray[np.uint8]:
    upper = _tile(answer, t, old[t], BEFORE)
    return np.vstack([upper, _tile(answer, t, answer.masks[t], AFTER)])


def _tile(
    answer: Answer, t: int, mask: NDArray[np.bool_], color: tuple[int, int, int]
) -> NDArray[np.uint8]:
    image = cv2.resize(answer.clip.images[t], (TILE, TILE), interpolation=cv2.INTER_AREA)
    image = np.ascontiguousarray(image[..., ::-1])
    for layer, paint in ((answer.clip.masks[t], TRUTH), (mask, color)):
        small = cv2.resize(layer.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, contours, -1, paint, 1)
    return np.asarray(image, np.uint8)
