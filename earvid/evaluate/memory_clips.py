"""Scripted clips with exact truth, drawn frame by frame, so that none is too long for memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.memory_figures import Bools, Drawn, Figure, Image, Pose, lay
from earvid.evaluate.memory_paths import FPS, Path
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker.results import mask_box

_NOISE = 2.2  # gray values
_TILE = 1.25  # side of the noise over the frame's; each frame shows another part of it


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """A frame and the truth about it.

    Args:
        index: of the frame.
        image: ``(H, W, 3)`` uint8 RGB.
        ears: ``(H, W)`` bool masks of the tracked ears, by object id.
        visible: shares of them that are in view, 0..1, likewise.
        others: masks of the ears that are not tracked.
    """

    index: int
    image: Image
    ears: dict[int, Bools]
    visible: dict[int, float]
    others: tuple[Bools, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """A figure, how it moves, and whose ear it has.

    Args:
        figure: what is seen.
        path: where.
        object_id: of its ear if that is tracked, else ``None``.
    """

    figure: Figure
    path: Path
    object_id: int | None = None


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is behind all figures.

    Args:
        images: ``(H, W, 3)`` uint8, somewhat larger than the frames, over which they drift.
        cuts: frames on which the next image takes the place of the one before.
    """

    images: tuple[Image, ...]
    cuts: tuple[int, ...] = ()

    def at(self, t: int, width: int, height: int) -> Image:
        """Draw the backdrop of frame ``t``."""
        image = self.images[sum(t >= cut for cut in self.cuts)]
        spare = np.array([image.shape[1] - width, image.shape[0] - height]) / 2
        across, down = spare * (1 + np.sin(2 * np.pi * t / FPS * np.array([0.11, 0.07])))
        shift = np.array([[1, 0, -across], [0, 1, -down]])
        return np.asarray(cv2.warpAffine(image, shift, (width, height)), np.uint8)


class MemoryClip:
    """A clip whose frames are made when they are asked for, the same ones every time.

    Args:
        kind: what happens in it.
        name: of the clip.
        parts: figures, from back to front.
        backdrop: what is behind them.
        width: of the frames, pixels.
        height: of the frames, pixels.
        length: in frames.
        seed: of the sensor noise.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        parts: Sequence[Part],
        backdrop: Backdrop,
        size: tuple[int, int],
        length: int,
        seed: int,
    ) -> None:
        self.kind, self.name, self.length = kind, name, length
        self.width, self.height = size
        self._parts, self._backdrop = tuple(parts), backdrop
        self._seed = seed
        rows, columns = round(_TILE * self.height), round(_TILE * self.width)
        noise = np.random.default_rng([seed, 1]).standard_normal((rows, columns))
        grain = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 0.6)
        self._noise = np.round(_NOISE * grain / grain.std()).astype(np.int16)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the tracked ears."""
        return tuple(sorted(p.object_id for p in self._parts if p.object_id is not None))

    def frame(self, t: int) -> ClipFrame:
        """Make frame ``t``.

        Raises:
            IndexError: the clip has no such frame.
        """
        if not 0 <= t < self.length:
            raise IndexError(f"The clip {self.name} has frames 0 to {self.length - 1}, not {t}.")
        image = self._backdrop.at(t, self.width, self.height)
        hidden: list[tuple[Part, Pose, Bools | None]] = []
        for part in self._parts:
            pose = part.path.pose(t)
            if pose is None:
                continue
            drawn = part.figure.draw(pose, self.width, self.height)
            if drawn is not None:
                lay(image, drawn)
                _hide(hidden, drawn)
            hidden.append((part, pose, self._mask(drawn)))
        return self._with_truth(t, self._filmed(image, t), hidden)

    def prompt(self) -> Prompt:
        """The exact boxes of all tracked ears on frame 0."""
        first = self.frame(0)
        ears = []
        for object_id in self.object_ids:
            box = mask_box(first.ears[object_id])
            assert box is not None, f"ear {object_id} of {self.name} is not in view at first"
            given = {0: FramePrompt(box=box)}
            ears.append(ObjectPrompt(id=object_id, name=f"ear {object_id}", frames=given))
        return Prompt(tuple(ears))

    def _mask(self, drawn: Drawn | None) -> Bools | None:
        if drawn is None or drawn.ear is None:
            return None
        mask = np.zeros((self.height, self.width), bool)
        mask[drawn.window] = drawn.ear
        return mask

    def _with_truth(
        self, t: int, image: Image, seen: Sequence[tuple[Part, Pose, Bools | None]]
    ) -> ClipFrame:
        nothing = np.zeros((self.height, self.width), bool)
        ears, visible = dict.fromkeys(self.object_ids, nothing), dict.fromkeys(self.object_ids, 0.0)
        others = []
        for part, pose, mask in seen:
            if mask is None or not mask.any():
                continue
            if part.object_id is None:
                others.append(mask)
            else:
                ears[part.object_id] = mask
                share = np.count_nonzero(mask) / part.figure.whole(pose)
                visible[part.object_id] = min(1.0, float(share))
        return ClipFrame(t, image, ears, visible, tuple(others))

    def _filmed(self, image: Image, t: int) -> Image:
        """The image with the sensor's noise and a light that changes a little."""
        rng = np.random.default_rng([self._seed, 2, t])
        rows, columns = self._noise.shape
        y, x = rng.integers(rows - self.height + 1), rng.integers(columns - self.width + 1)
        noise = self._noise[y : y + self.height, x : x + self.width, None]
        light = 1 + 0.03 * np.sin(2 * np.pi * 0.13 * t / FPS)
        bright = cv2.convertScaleAbs(image, alpha=light).astype(np.int16)
        return np.asarray(np.clip(bright + noise, 0, 255), np.uint8)


def absences(visible: NDArray[np.float64], at_least: int = 1) -> list[tuple[int, int]]:
    """Spans of frames, half-open, in which an ear is wholly out of view.

    Args:
        visible: ``(N,)`` share of the ear in view.
        at_least: frames; shorter spans are left out.
    """
    gone = np.r_[False, visible == 0, False]
    edges = np.flatnonzero(gone[1:] != gone[:-1])
    spans = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [span for span in spans if span[1] - span[0] >= at_least]


def _hide(seen: Sequence[tuple[Part, Pose, Bools | None]], drawn: Drawn) -> None:
    """Take what a figure hides out of the ears behind it, in place."""
    hides = drawn.picture[..., 3] > 127
    for _, _, mask in seen:
        if mask is not None:
            mask[drawn.window] &= ~hides
