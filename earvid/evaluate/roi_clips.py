"""Clips by which crops are compared: frames, and the true masks of those that are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from earvid.errors import UsageError
from earvid.evaluate.memory_clips import Backdrop, ClipFrame, MemoryClip, Part
from earvid.evaluate.memory_figures import Bools, Floats, Image, Pose
from earvid.evaluate.memory_material import Material
from earvid.evaluate.memory_paths import FPS
from earvid.evaluate.memory_scripts import HEIGHT, WIDTH, make_clip
from earvid.prompt import Prompt
from earvid.train.clips import MIN_VISIBLE

KINDS = {
    "clean": "an ear that moves as that of somebody who talks",
    "occlusion": "something passes over the whole ear, twice",
    "fast": "an ear that moves by up to two fifths of its size per frame",
    "scale": "an ear that comes nearer and goes away, by up to 6 % per frame",
}
LENGTH = 60  # frames of a clip in which nothing passes
_SIZES = (56.0, 80.0)  # pixels, of an ear
_FAST, _NEARER = 0.4, 0.06  # ear sizes, and log size, per frame at most


@dataclass(frozen=True, eq=False)
class EarTruth:
    """Where an ear is on a frame.

    Args:
        mask: ``(H, W)`` bool; empty when the ear is out of view.
        ignore: ``(H, W)`` bool, pixels that are not judged, if any.
    """

    mask: Bools
    ignore: Bools | None = None


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """A frame and what is known of it.

    Args:
        index: of the frame.
        image: ``(H, W, 3)`` uint8 RGB.
        ears: the ears that are judged on it, by object id; most often none in recorded clips.
        damaged: whether it could not be decoded.
    """

    index: int
    image: Image
    ears: dict[int, EarTruth] = field(default_factory=dict)
    damaged: bool = False


class JudgedClip(Protocol):
    """A clip with truth, that can be gone through again and again."""

    @property
    def group(self) -> str:
        """What it is made of: ``drawn``, ``photos`` or ``recorded``."""

    @property
    def name(self) -> str:
        """Of the clip; no two of a group have the same."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""

    @property
    def length(self) -> int:
        """In frames."""

    def prompt(self) -> Prompt:
        """One box for each ear."""

    def forward(self) -> Iterator[JudgedFrame]:
        """Frames from the first keyframe on, up to the last one that is judged."""

    def backward(self) -> Iterator[JudgedFrame]:
        """Frames before the last keyframe, from there back to the first one that is judged."""


class ScriptedClip:
    """A clip that is drawn, frame by frame.

    Args:
        clip: with its ears in view on frame 0.
        group: ``drawn`` or ``photos``.
    """

    def __init__(self, clip: MemoryClip, group: str) -> None:
        self._clip, self.group = clip, group
        self.name, self.length = clip.name, clip.length
        self.size = (clip.width, clip.height)

    def prompt(self) -> Prompt:
        """The exact boxes on frame 0."""
        return self._clip.prompt()

    def forward(self) -> Iterator[JudgedFrame]:
        """All frames."""
        return (_judged(self._clip.frame(t)) for t in range(self.length))

    def backward(self) -> Iterator[JudgedFrame]:
        """None."""
        return iter(())


def make_roi_clip(
    kind: str, number: int, material: Material, group: str, seed: int = 0
) -> ScriptedClip:
    """Write and cast a clip; its frames are made when they are asked for.

    Args:
        kind: one of :data:`KINDS`; ``clean`` and ``occlusion`` are those by which memory policies
            are compared.
        number: of the clip; each has another person and other ways.
        material: what it is made of.
        group: what that is called.
        seed: the same one gives the same clips.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no kind of clip {kind!r}; choose from {', '.join(KINDS)}.")
    if kind in ("clean", "occlusion"):
        return ScriptedClip(make_clip(kind, number, material, seed), group)
    rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
    (person,) = material.people(rng, 1)
    part = Part(person, Swing(rng, fast=kind == "fast"), 1)
    large = round(1.12 * WIDTH), round(1.12 * HEIGHT)
    backdrop = Backdrop((material.background(rng, *large),))
    noise = int(rng.integers(2**31))
    name = f"{kind} {number + 1}"
    clip = MemoryClip(kind, name, [part], backdrop, (WIDTH, HEIGHT), LENGTH, noise)
    return ScriptedClip(clip, group)


class Swing:
    """A way to and fro about the frame's middle, or nearer and farther.

    Args:
        rng: of rates, phases and the ear's size.
        fast: move fast; else the ear changes its size.
    """

    def __init__(self, rng: np.random.Generator, fast: bool) -> None:
        self._size = float(rng.uniform(*_SIZES))
        self._phases = rng.uniform(0, 2 * np.pi, 3)
        # Two rates that have no small period in common; each is in radians per frame.
        self._rates = 2 * np.pi / FPS * rng.uniform(0.55, 0.9, 3)
        across = _FAST * self._size / self._rates[0]
        reach = (across, 0.25 * across, 0.04) if fast else (20.0, 12.0, _NEARER / self._rates[2])
        self._reach: Floats = np.array(reach)

    def pose(self, t: int) -> Pose:
        """Where the figure is on frame ``t``."""
        x, y, nearer = self._reach * np.sin(self._rates * t + self._phases)
        size = self._size * float(np.exp(nearer))
        return Pose(WIDTH / 2 + float(x), 0.45 * HEIGHT + float(y), size, 0.1 * float(x) / WIDTH)


def _judged(truth: ClipFrame) -> JudgedFrame:
    """A drawn frame; an ear of which hardly anything is in view is not judged."""
    ears = {
        object_id: EarTruth(mask)
        for object_id, mask in truth.ears.items()
        if not 0 < truth.visible[object_id] < MIN_VISIBLE
    }
    return JudgedFrame(truth.index, truth.image, ears)
