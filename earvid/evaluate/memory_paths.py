"""How figures move through a scripted clip, in closed form, so that any frame can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from earvid.evaluate.memory_figures import Figure, Pose
from earvid.sample.planes import ease

FPS = 30.0
RAMP = 18  # frames that coming and going take
_CALM = (0.25, 0.15, 0.05, 0.07, 0.06)  # ear sizes, ear sizes, log size, radians, log width
_LIVELY = (0.9, 0.45, 0.14, 0.14, 0.12)


class Path(Protocol):
    """How a figure moves."""

    def pose(self, t: int) -> Pose | None:
        """Where it is on frame ``t``; ``None`` when it takes no part."""


@dataclass(frozen=True)
class Spot:
    """A place on the frame.

    Args:
        x: pixels.
        y: pixels.
        size: longer side of an ear there, pixels.
    """

    x: float
    y: float
    size: float


class Waves:
    """Small motion about a place: five smooth random signals of mean 0.

    Args:
        rng: the source of randomness.
        lively: move a lot, as somebody who talks does.
    """

    def __init__(self, rng: np.random.Generator, lively: bool = False) -> None:
        self._rates = rng.uniform(0.08, 0.3, (5, 3))  # Hz
        self._phases = rng.uniform(0, 2 * np.pi, (5, 3))
        self._reach = np.array(_LIVELY if lively else _CALM)

    def about(self, spot: Spot, t: int) -> Pose:
        """The pose on frame ``t`` of what stays at ``spot``."""
        angles = 2 * np.pi * self._rates * t / FPS + self._phases
        signals = self._reach * (np.sin(angles) @ np.array([0.6, 0.3, 0.1]))
        right, down, growth, roll, turn = (float(value) for value in signals)
        return Pose(
            spot.x + right * spot.size,
            spot.y + down * spot.size,
            spot.size * float(np.exp(growth)),
            roll,
            float(np.exp(turn - self._reach[4])),
        )


@dataclass(frozen=True)
class Stay:
    """A time in view.

    Args:
        start: its first frame; on it the figure begins to come in, unless it is there at once.
        stop: the frame after its last.
        at: where it is, first.
        to: where it walks to meanwhile; ``None`` stays.
        comes: -1 in over the left border, 1 over the right one, 0 at once.
        goes: likewise out of view.
    """

    start: int
    stop: int
    at: Spot
    to: Spot | None = None
    comes: int = 0
    goes: int = 0

    def spot(self, t: int) -> Spot:
        """The place on frame ``t``, but for coming and going."""
        if self.to is None:
            return self.at
        share = ease((t - self.start) / max(1, self.stop - 1 - self.start))
        one, other = self.at, self.to
        return Spot(
            one.x + share * (other.x - one.x),
            one.y + share * (other.y - one.y),
            one.size + share * (other.size - one.size),
        )

    def shares_out(self, t: int) -> tuple[tuple[int, float], ...]:
        """Over which borders, and how far: 1 is out of view."""
        since, left = t - self.start, self.stop - 1 - t
        return tuple(
            (side, ease(1 - past / RAMP))
            for side, past in ((self.comes, since), (self.goes, left))
            if side and past < RAMP
        )


class Walk:
    """A figure that is in view for some stretches of a clip.

    Args:
        figure: which; its picture tells when it is out of view.
        stays: when and where, in order of time.
        waves: its small motion.
        width: of the frames.
    """

    def __init__(self, figure: Figure, stays: Sequence[Stay], waves: Waves, width: int) -> None:
        self.figure, self.stays = figure, tuple(stays)
        self._waves, self._width = waves, width

    def pose(self, t: int) -> Pose | None:
        """Where it is on frame ``t``."""
        for stay in self.stays:
            if stay.start <= t < stay.stop:
                return self._within(stay, t)
        return None

    def _within(self, stay: Stay, t: int) -> Pose:
        pose = self._waves.about(stay.spot(t), t)
        left, _, right, _ = self.figure.reach(pose)
        x = pose.x
        for side, share in stay.shares_out(t):
            x += share * (-right if side < 0 else self._width - left)
        return Pose(x, pose.y, pose.size, pose.roll, pose.squeeze)


@dataclass(frozen=True)
class Passing:
    """Once over an ear.

    Args:
        start: the first frame on which the ear is to be hidden.
        stop: the frame after the last one.
        comes: where from, radians.
        goes: where to, radians.
    """

    start: int
    stop: int
    comes: float
    goes: float


class Passer:
    """Something that passes over another figure's ear, and rests there.

    Args:
        over: the path of the other figure.
        passings: when, in order of time.
        far: how far away it comes from, pixels.
    """

    def __init__(self, over: Path, passings: Sequence[Passing], far: float) -> None:
        self._over, self.passings, self._far = over, tuple(passings), far

    def pose(self, t: int) -> Pose | None:
        """Where it is on frame ``t``."""
        for passing in self.passings:
            if passing.start - RAMP < t < passing.stop - 1 + RAMP:
                return self._near(passing, t)
        return None

    def _near(self, passing: Passing, t: int) -> Pose | None:
        pose = self._over.pose(t)
        if pose is None:
            return None
        early, late = passing.start - t, t - (passing.stop - 1)
        angle = passing.comes if early > 0 else passing.goes
        away = self._far * ease(max(early, late, 0) / RAMP)
        return Pose(pose.x + away * np.cos(angle), pose.y + away * np.sin(angle), pose.size)
