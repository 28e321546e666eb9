"""Losing an ear, and finding it again and no other.

Three witnesses decide whether an ear is in view. The *memory* says on every frame whether the
object that it remembers is in the crop, and how good its mask is; but it takes any ear that turns
up in the right place for its own. So, where continuity is broken (the ear was away, the crop shows
another scene than a frame ago, the mask jumped, or another thing is in it), what it found is
*recognized*: described by a vector and compared with the keyframes and a few views gathered since,
and refused as a stranger when it is like none of them. And while the ear stays away, the crop waits
about where it was lost, and every few frames a *detector* looks over the whole frame for ears of
about its size; those that are recognized, the most alike first, are looked at with the memory in a
crop of their own, and the first that the memory confirms is the ear. The same search, now and then,
challenges a mask that has long been unlike its ear: an ear that turns away leaves others behind to
slide to. Two tracked ears never share a place: where two masks become one, the ear that is
recognized there keeps it and the other one is hidden. Without a :class:`Scout` only the first
witness is heard, in a crop that slowly widens.

The pieces are known: a detector that restarts a lost tracker from TLD (Kalal et al. 2012),
recognition by a learned embedding from DeepSORT (Wojke et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.tracker.results import Box
from earvid.tracker.roi import RoiState

Vector = NDArray[np.float32]
Image = NDArray[np.uint8]
GLIMPSE = 16  # pixels across a glimpse
USUAL = 0.95  # share of the usual likeness that is kept per frame


class Scout(Protocol):
    """What finds ears in whole frames and tells them apart."""

    @property
    def same(self) -> float:
        """Cosine from which two descriptions are of one ear."""

    def find(self, image: NDArray[np.uint8], extent: float) -> Sequence[Box]:
        """Find ears.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, the whole frame.
            extent: longer side of the ear that is missed, pixels; others may be left out that are
                less than half or more than twice as large.

        Returns:
            boxes ``x0, y0, x1, y1``, pixel centers, the surest first.
        """

    def describe(self, image: NDArray[np.uint8], box: Box) -> Vector:
        """Describe the ear in a box by ``(D,)`` numbers; the vector's length is 1."""


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
        shared: overlap of two ears' boxes (IoU) from which only one of them can be there.
        below: how far below its usual likeness an ear may come back.
        clearly: difference of cosines from which one ear is clearly less like what is seen.
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
    shared: float = 0.6
    below: float = 0.35
    clearly: float = 0.1
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
        doubtful: frames in a row on which it was not enough.
    """

    keyframes: dict[int, Vector] = field(default_factory=dict)
    views: list[Vector] = field(default_factory=list)
    glimpse: Vector | None = None
    box: Box | None = None
    last: Vector | None = None
    steady: int = 0
    likeness_now: float = 1.0
    usual: float = 1.0
    doubtful: int = 0

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
        return due and score >= settings.sure

    def gather(self, described: Vector, settings: ReentrySettings) -> None:
        """Keep a view, if it is surely of this ear and shows something new."""
        if settings.known <= self.likeness(described) < settings.alike:
            self.views = [*self.views, described][-settings.views :]

    def fresh(self) -> Looks:
        """What is known of keyframes alone, for another start."""
        return Looks(dict(self.keyframes))


class Guard:
    """Sees to it that what is tracked is the ear that was prompted.

    Args:
        scout: finds and describes ears.
        settings: when to doubt, and how to search.
    """

    def __init__(self, scout: Scout, settings: ReentrySettings = ReentrySettings()) -> None:
        self.scout, self.settings = scout, settings

    def meet(self, looks: Looks, index: int, image: Image, box: Box) -> None:
        """Learn how an ear looks on a keyframe."""
        looks.keyframes = {**looks.keyframes, index: self.scout.describe(image, box)}

    def begin(self, looks: Looks, index: int, crop: Vector, box: Box | None) -> None:
        """Take a keyframe as the frame before the next."""
        looks.glimpse, looks.box, looks.steady = crop, box, 0
        looks.last = looks.keyframes.get(index)

    def refuses(self, looks: Looks, image: Image, crop: Vector, box: Box) -> bool:
        """Whether something seen is a stranger; one is suspected only where continuity is broken.

        Args:
            looks: of the ear that it should be.
            image: ``(H, W, 3)`` uint8 RGB, the whole frame.
            crop: the glimpse of what the model looked at.
            box: of what it saw.
        """
        if not looks.keyframes:
            return False
        described = self.scout.describe(image, box)
        alike = looks.likeness(described)
        if alike < self.needed(looks) and looks.broken(crop, box, described, self.settings):
            return True
        self.accept(looks, described, alike)
        return False

    def needed(self, looks: Looks) -> float:
        """Likeness from which something is the ear again: the more constant its looks, the more."""
        return max(self.scout.same, looks.usual - self.settings.below)

    def accept(self, looks: Looks, described: Vector, alike: float) -> None:
        """Take what was seen for the ear, however like it is."""
        looks.last, looks.likeness_now = described, alike
        looks.usual = USUAL * looks.usual + (1 - USUAL) * alike
        looks.doubtful = looks.doubtful + 1 if alike < self.scout.same else 0

    def recognize(self, looks: Looks, image: Image, box: Box) -> None:
        """Take an ear that was found elsewhere for the one that was missed."""
        described = self.scout.describe(image, box)
        self.accept(looks, described, looks.likeness(described))

    def challenges(self, looks: Looks) -> bool:
        """Whether a better ear is to be looked for though one is seen: it may have slid off."""
        every = self.settings.challenge
        return looks.doubtful > 0 and looks.doubtful % every == 0

    def note(self, looks: Looks, crop: Vector, box: Box | None, score: float) -> None:
        """Take notice of how the ear looks on a tracked frame; ``box`` is ``None`` without ear."""
        looks.glimpse, looks.box = crop, box
        looks.steady = 0 if box is None else looks.steady + 1
        if looks.last is not None and box is not None and looks.gathers(score, self.settings):
            looks.gather(looks.last, self.settings)

    def candidates(
        self,
        image: Image,
        extent: float,
        looks: Looks,
        others: Iterable[Looks],
        seen: Box | None = None,
    ) -> list[Box]:
        """Ears of a frame that may be the one that is missed, the most alike first.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            extent: longer side of the ear when it was lost, pixels.
            looks: of the ear that is missed.
            others: looks of the other tracked ears; where one of them is, nobody else is.
            seen: where an ear is seen that is not much like it; others must be clearly more so.
        """
        rivals = list(others)
        taken = [rival.box for rival in rivals if rival.box is not None]
        least = self.needed(looks)
        if seen is not None:
            taken.append(seen)
            least = max(least, looks.likeness_now + self.settings.clearly)
        alike: list[tuple[float, Box]] = []
        for box in self.scout.find(image, extent):
            if any(overlap(box, one) >= 0.5 * self.settings.shared for one in taken):
                continue
            described = self.scout.describe(image, box)
            likeness = looks.likeness(described)
            rivaled = max((rival.likeness(described) for rival in rivals), default=-1.0)
            if likeness >= least and likeness > rivaled:
                alike.append((likeness, box))
        return [box for _, box in sorted(alike, key=lambda one: -one[0])[: self.settings.tries]]

    def hidden(self, image: Image, box: Box, rivals: Sequence[Looks]) -> int | None:
        """Which of two ears that are seen in one box is not there.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            box: where both are seen.
            rivals: looks of the two.

        Returns:
            0 or 1; ``None`` when what is there may well be both, as a part of an ear that is
            tracked beside the whole.
        """
        described = self.scout.describe(image, box)
        likeness = [rival.likeness(described) for rival in rivals]
        less = int(np.argmin(likeness))
        clearly = likeness[1 - less] - likeness[less] > self.settings.clearly
        return less if clearly or likeness[less] < self.scout.same else None


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
