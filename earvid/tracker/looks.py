"""How an ear looks: what is known of it, of other ears, and how constant that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.tracker.results import Box
from earvid.tracker.roi import RoiState

Vector = NDArray[np.float32]
Image = NDArray[np.uint8]
GLIMPSE = 16  # pixels across a glimpse
USUAL = 0.95  # share of the usual likeness that is kept per frame


@dataclass(frozen=True)
class ReentrySettings:
    """When to doubt, and how to search.

    Args:
        patience: frames without the ear before the whole frame is searched.
        interval: frames from one search to the next.
        tries: ears that are looked at in one search.
        cut: correlation of two crops in a row below which they show different scenes.
        change: cosine of two descriptions in a row below which another thing is seen.
        jump: overlap of two boxes in a row (IoU) below which the mask jumped.
        every: frames from one gathered view to the next.
        views: views gathered beside those of keyframes.
        sure: predicted IoU that a view must have to be gathered.
        known: cosine with what is known of the ear that a view must have to be gathered; far above
            what a stranger reaches, for one taken in would bring others like it.
        alike: cosine above which a view is nothing new.
        survey: frames from one look for other ears, beside the ear that is seen, to the next.
        strangers: views of such ears that are kept; none is this one, for it was seen elsewhere.
        shared: overlap (IoU) of the box of an ear with a place that is taken, from half of which
            on nobody looks for another ear there.
        below: how far below its usual likeness an ear may come back, at most; and
        least_below: at least, if its likeness has hardly changed so far.
        spreads: how far, in mean deviations of its likeness from the usual one.
        clearly: difference of cosines from which another ear is clearly more like what was tracked.
        apart: difference of cosines from which what is seen is not the ear that it is less like.
        challenge: frames of little likeness from one look for a better ear to the next.
        widest: side of the waiting crop over its usual side.
    """

    patience: int = 2
    interval: int = 4
    tries: int = 2
    cut: float = 0.5
    change: float = 0.5
    jump: float = 0.1
    every: int = 12
    views: int = 6
    sure: float = 0.8
    known: float = 0.75
    alike: float = 0.92
    survey: int = 24
    strangers: int = 6
    shared: float = 0.6
    below: float = 0.35
    least_below: float = 0.1
    spreads: float = 8.0
    clearly: float = 0.1
    apart: float = 0.03
    challenge: int = 8
    widest: float = 2.5

    def searches(self, state: RoiState) -> bool:
        """Whether the whole frame is to be searched now."""
        waited = state.absent - self.patience
        return waited >= 0 and waited % self.interval == 0


@dataclass(eq=False)
class Looks:
    """How one ear looked so far.

    Args:
        keyframes: descriptions ``(D,)`` on keyframes, by frame.
        views: descriptions gathered since, oldest first.
        glimpse: ``(256,)`` the last crop, tiny and normalized; ``None`` before there was one.
        box: of the last mask, ``x0, y0, x1, y1``; ``None`` while the ear is away.
        last: ``(D,)`` description on the last frame with the ear.
        steady: frames without a break.
        likeness_now: of what was seen last to what is known.
        usual: the same, averaged over the last frames.
        spread: mean deviation from that, likewise.
        doubtful: frames in a row on which it was not enough.
        strangers: descriptions of ears that were seen elsewhere at the same time, oldest first.
        contested: whether what was seen last is more like another ear.
        duplicate_of: the ear whose place it was last seen in and to which it yielded; 0 if there
            was none, or both have been seen apart since.
    """

    keyframes: dict[int, Vector] = field(default_factory=dict)
    views: list[Vector] = field(default_factory=list)
    glimpse: Vector | None = None
    box: Box | None = None
    last: Vector | None = None
    steady: int = 0
    likeness_now: float = 1.0
    usual: float = 1.0
    spread: float = 0.05
    doubtful: int = 0
    strangers: list[Vector] = field(default_factory=list)
    contested: bool = False
    duplicate_of: int = 0

    def likeness(self, described: Vector) -> float:
        """The largest cosine with anything that is known of the ear; -1 if nothing is."""
        known = [*self.keyframes.values(), *self.views]
        return max((float(np.dot(one, described)) for one in known), default=-1.0)

    def broken(
        self, glimpse: Vector, box: Box, described: Vector, settings: ReentrySettings
    ) -> bool:
        """Whether what is seen now does not continue what was seen a frame ago."""
        if self.glimpse is None or self.last is None or self.box is None:
            return True
        cut = float(np.dot(self.glimpse, glimpse)) < settings.cut
        changed = float(np.dot(self.last, described)) < settings.change
        return cut or changed or overlap(self.box, box) < settings.jump

    def gathers(self, score: float, settings: ReentrySettings) -> bool:
        """Whether this is a moment to gather a view."""
        due = self.steady > 0 and self.steady % settings.every == 0
        return due and score >= settings.sure and not self.contested

    def gather(self, described: Vector, settings: ReentrySettings) -> None:
        """Keep a view, if it is surely of this ear and shows something new."""
        if settings.known <= self.likeness(described) < settings.alike:
            self.views = [*self.views, described][-settings.views :]

    def strangeness(self, described: Vector, others: Iterable[Looks]) -> float:
        """The largest cosine with an ear that is another one; -1 if none is known."""
        strangers = [float(np.dot(one, described)) for one in self.strangers]
        return max([*strangers, *(other.likeness(described) for other in others)], default=-1.0)

    def avoid(self, described: Vector, settings: ReentrySettings) -> None:
        """Keep the view of an ear that is seen beside this one, if it shows something new."""
        if all(float(np.dot(one, described)) < settings.alike for one in self.strangers):
            self.strangers = [*self.strangers, described][-settings.strangers :]

    def forgive(self, described: Vector, settings: ReentrySettings) -> None:
        """Strike out strangers that a prompt shows to be this ear."""
        self.strangers = [
            one for one in self.strangers if float(np.dot(one, described)) < settings.alike
        ]
        self.contested, self.doubtful, self.likeness_now = False, 0, 1.0

    def accept(self, described: Vector, alike: float, *, contested: bool) -> None:
        """Take what was seen for the ear.

        Args:
            described: what was seen.
            alike: how much like the ear it is.
            contested: whether it is more like another ear.
        """
        self.last, self.likeness_now, self.contested = described, alike, contested
        self.spread = USUAL * self.spread + (1 - USUAL) * abs(alike - self.usual)
        self.usual = USUAL * self.usual + (1 - USUAL) * alike

    def fresh(self) -> Looks:
        """What is known of keyframes alone, for another start."""
        return Looks(dict(self.keyframes))


def glimpse(crop: NDArray[np.uint8]) -> Vector:
    """A crop ``(S, S, 3)`` as ``(256,)`` numbers of mean 0 and length 1; light plays no part."""
    small = cv2.resize(crop, (GLIMPSE, GLIMPSE), interpolation=cv2.INTER_AREA)
    flat = small.astype(np.float32).mean(2).ravel()
    flat -= flat.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)


def overlap(one: Box, other: Box) -> float:
    """IoU of two boxes ``x0, y0, x1, y1``, pixel centers."""
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    common = max(width, 0.0) * max(height, 0.0)
    return common / max(_area(one) + _area(other) - common, 1e-6)


def _area(box: Box) -> float:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
