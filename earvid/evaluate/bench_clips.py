"""Clips for the benchmark: drawn ears with exact truth, or a part of a clip that somebody gives.

``python -m earvid.evaluate.bench_clips FOLDER LINES SHOWN LENGTH...`` draws some.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earvid.errors import PromptError, UsageError
from earvid.evaluate.bench_rows import LEAST_FRAMES, Row
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import EarParams, SampleFrame, make_clip, random_ear
from earvid.video import Clip, VideoWriter

FPS = 30
EAR = 0.3  # height of an ear over that of the frame: about 3 % of a frame's area
DRAWN_BYTES = 256 * 2**20  # of distinct frames; longer clips play them back and forth
_TILES = {1: (1, 1), 2: (1, 2), 4: (2, 2)}  # rows and columns in which ears are shown
_CRF, _PRESET = 20, "veryfast"


@dataclass(frozen=True)
class BenchClip:
    """A clip to run on.

    Args:
        video: the file.
        prompt: its file; every ear has a box and landmarks on the first frame.
        truth: file of the exact masks, if they are known; see :class:`MaskTruth`.
    """

    video: Path
    prompt: Path
    truth: Path | None


@dataclass(frozen=True, eq=False)
class MaskTruth:
    """Exact masks of a clip.

    Args:
        packed: ``(D, E, H, W / 8)`` uint8 masks of distinct frames and ears, bits.
        order: ``(N,)`` which of them each frame shows.
        width: pixels across.
    """

    packed: NDArray[np.uint8]
    order: NDArray[np.int64]
    width: int

    def mask(self, index: int, ear: int) -> NDArray[np.bool_]:
        """``(H, W)`` of an ear, counted from 0, on a frame."""
        bits = self.packed[self.order[index], ear]
        return np.unpackbits(bits, axis=-1, count=self.width).astype(bool)

    @classmethod
    def load(cls, path: Path) -> MaskTruth:
        """Read what :func:`draw_clips` wrote."""
        with np.load(path) as stored:
            return cls(stored["packed"], stored["order"], int(stored["width"]))


def clip_key(row: Row) -> str:
    """Rows of one key run on the same clip."""
    return f"{row.lines}p-{row.shown}-{row.frames}"


def draw_clips(folder: Path, lines: int, shown: int, lengths: tuple[int, ...]) -> None:
    """Draw clips of several lengths that begin alike, and what belongs to them.

    Args:
        folder: where to.
        lines: height of the frames; they are 16:9.
        shown: ears in every frame: 1, 2 or 4.
        lengths: frames of each clip.
    """
    width = lines * 16 // 9 // 2 * 2
    distinct = max(1, min(max(lengths), DRAWN_BYTES // (3 * lines * width)))
    drawn = islice(_tiled(width, lines, shown, distinct), distinct)
    first = next(drawn)
    prompt = _prompt(first, width, lines)
    seen = [_joined(first), *map(_joined, drawn)]
    packed = np.stack([np.packbits(masks, axis=-1) for _, masks in seen])
    for length in lengths:
        name = f"{lines}p-{shown}-{length}"
        order = _back_and_forth(len(seen), length)
        np.savez(folder / f"{name}.npz", packed=packed, order=order, width=width)
        prompt.save(folder / f"{name}.json", overwrite=True)
        with VideoWriter(
            folder / f"{name}.mp4", width, lines, FPS, crf=_CRF, preset=_PRESET
        ) as video:
            for at in order:
                video.write(seen[at][0])


def drawn_clip(folder: Path, row: Row) -> BenchClip:
    """Where :func:`draw_clips` put the clip of a row."""
    name = clip_key(row)
    return BenchClip(folder / f"{name}.mp4", folder / f"{name}.json", folder / f"{name}.npz")


def cut_clip(source: Path, prompt: Prompt, target: Path, frames: int) -> BenchClip:
    """Copy a part of somebody's clip, from its first keyframe on.

    Args:
        source: the clip.
        prompt: of it; what it says about frames beyond the part is left out.
        target: the ``.mp4`` to write.
        frames: how many at most.

    Raises:
        PromptError: no ear is prompted within the part.
        UsageError: the part is too short for anything to be timed.
    """
    first = min(ear.first_keyframe for ear in prompt.objects)
    with Clip.open(source) as clip, ExitStack() as stack:
        info, stop = clip.info, min(len(clip), first + frames)
        if stop - first < LEAST_FRAMES:
            raise UsageError(
                f"{source} has {stop - first} frames from the first keyframe of its prompt on, and "
                f"the benchmark needs {LEAST_FRAMES}; prompt an earlier frame, or a longer clip."
            )
        video = stack.enter_context(
            VideoWriter(target, info.width, info.height, FPS, crf=_CRF, preset=_PRESET)
        )
        for frame in clip.frames(first, stop):
            video.write(frame.image)
    ears = [
        replace(ear, frames={t - first: f for t, f in ear.frames.items() if t < stop})
        for ear in prompt.objects
        if ear.first_keyframe < stop
    ]
    if not ears:
        raise PromptError(f"No ear of {source} is prompted on its first frames; prompt another.")
    Prompt(tuple(ears)).save(target.with_suffix(".json"), overwrite=True)
    return BenchClip(target, target.with_suffix(".json"), None)


def limited(prompt: Prompt, ears: int) -> Prompt:
    """The first ears of a prompt."""
    return Prompt(prompt.objects[:ears])


def _tiled(width: int, height: int, shown: int, frames: int) -> Iterator[list[SampleFrame]]:
    """Frames of clips that are shown beside one another, row after row."""
    rows, columns = _TILES[shown]
    tile_width, tile_height = width // columns, height // rows
    return (
        list(one)
        for one in zip(
            *(
                make_clip(
                    _params(n),
                    max(frames, 2 * FPS),
                    tile_width,
                    tile_height,
                    FPS,
                    seed=n,
                    ear_height=EAR * height / tile_height,
                )
                for n in range(shown)
            ),
            strict=True,
        )
    )


def _params(n: int) -> EarParams:
    return random_ear(11 + n)


def _joined(tiles: list[SampleFrame]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The whole frame, and the masks ``(E, H, W)`` of its ears."""
    rows, columns = _TILES[len(tiles)]
    image = _side_by_side([tile.image for tile in tiles], columns)
    blank = np.zeros_like(tiles[0].mask)
    masks = [
        _side_by_side([tile.mask if n == m else blank for m, tile in enumerate(tiles)], columns)
        for n in range(rows * columns)
    ]
    return np.ascontiguousarray(image), np.stack(masks)


def _side_by_side(parts: list[NDArray[np.generic]], columns: int) -> NDArray[np.generic]:
    lines = [np.hstack(parts[n : n + columns]) for n in range(0, len(parts), columns)]
    return np.vstack(lines)


def _prompt(tiles: list[SampleFrame], width: int, height: int) -> Prompt:
    """Box and landmarks of every ear on the first frame."""
    rows, columns = _TILES[len(tiles)]
    ears = []
    for n, tile in enumerate(tiles):
        corner = np.array([n % columns * (width // columns), n // columns * (height // rows)])
        y, x = np.nonzero(tile.mask)
        low, high = np.array([x.min(), y.min()]) + corner, np.array([x.max(), y.max()]) + corner
        points = tile.landmarks + corner
        marks = {
            str(k): (float(points[k, 0]), float(points[k, 1])) for k in np.flatnonzero(tile.visible)
        }
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        given = FramePrompt(box=box, landmarks=marks)
        ears.append(ObjectPrompt(id=n + 1, name=f"ear-{n + 1}", frames={0: given}))
    return Prompt(tuple(ears))


def _back_and_forth(distinct: int, length: int) -> NDArray[np.int64]:
    """Frame numbers 0, 1, … D-1, D-2, … 0, 1, …: the motion never jumps."""
    if distinct == 1:
        return np.zeros(length, np.int64)
    at = np.arange(length) % (2 * distinct - 2)
    return np.where(at < distinct, at, 2 * distinct - 2 - at)


if __name__ == "__main__":
    _lines, _shown, *_lengths = map(int, sys.argv[2:])
    draw_clips(Path(sys.argv[1]), _lines, _shown, tuple(_lengths))
