"""Losing an ear, and finding it again and no other.

Three witnesses decide whether an ear is in view. The *memory* says on every frame whether the
object that it remembers is in the crop, and how good its mask is; but it takes any ear that turns
up in the right place for its own. So, where continuity is broken (the ear was away, the crop shows
another scene than a frame ago, the mask jumped, or another thing is in it), what it found is
*recognized*: described by a vector and compared with the keyframes and a few views gathered since,
and refused as a stranger when it is less like them than is usual for this ear, or more like another
ear: one that is tracked, too, or one that was seen elsewhere while this one was in view. For that,
every now and then, a *detector* looks over the whole frame, and what else it finds is remembered.
While an ear stays away, the crop waits about where it was lost, and the detector looks for ears of
about its size every few frames; those that are recognized, the most alike first, are looked at with
the memory in a crop of their own, and the first that the memory confirms is the ear. The same
search, now and then, challenges a mask that has long been unlike its ear: an ear that turns away
leaves others behind to slide to. Two tracked ears never share a place: where two masks become one,
the ear that is recognized there keeps it and the other one yields whole. Without a :class:`Scout`
only the first witness is heard, in a crop that slowly widens.

The pieces are known: a detector that restarts a lost tracker from TLD (Kalal et al. 2012),
recognition by a learned embedding from DeepSORT (Wojke et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earvid.tracker.looks import Image, Looks, ReentrySettings, Vector, overlap
from earvid.tracker.results import Box

_ASIDE = 0.05  # IoU with an ear above which a box shows that ear


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


@runtime_checkable
class NearScout(Protocol):
    """A scout that says how much of a frame it looks at, so that no more of it is made."""

    def reach(self, box: Box) -> tuple[int, int, int, int]:
        """The region that :meth:`Scout.describe` looks at for an ear.

        Args:
            box: of the ear, ``x0, y0, x1, y1``, pixel centers.

        Returns:
            the region ``x0, y0, x1, y1``, half open; it may reach beyond the frame. Elsewhere in
            the image that is described, there may be anything.
        """


class Guard:
    """Sees to it that what is tracked is the ear that was prompted.

    Args:
        scout: finds and describes ears.
        settings: when to doubt, and how to search.
    """

    def __init__(self, scout: Scout, settings: ReentrySettings | None = None) -> None:
        self.scout, self.settings = scout, settings or ReentrySettings()

    def meet(self, looks: Looks, index: int, image: Image, box: Box) -> None:
        """Learn how an ear looks on a keyframe."""
        described = self.scout.describe(image, box)
        looks.keyframes = {**looks.keyframes, index: described}
        looks.forgive(described, self.settings)

    def begin(self, looks: Looks, index: int, crop: Vector, box: Box | None) -> None:
        """Take a keyframe as the frame before the next."""
        looks.glimpse, looks.box, looks.steady = crop, box, 0
        looks.last = looks.keyframes.get(index)

    def refuses(
        self, looks: Looks, described: Vector, crop: Vector, box: Box, others: Sequence[Looks]
    ) -> bool:
        """Whether something seen is a stranger; one is suspected only where continuity is broken.

        Args:
            looks: of the ear that it should be.
            described: what was seen, by :meth:`Scout.describe`.
            crop: the glimpse of what the model looked at.
            box: of what it saw.
            others: looks of the other ears of the clip.
        """
        if not looks.keyframes:
            return False
        alike = looks.likeness(described)
        contested = looks.strangeness(described, others) > alike
        strange = contested or alike < self.needed(looks)
        if strange and looks.broken(crop, box, described, self.settings):
            return True
        self._accept(looks, described, alike, contested)
        return False

    def needed(self, looks: Looks) -> float:
        """Likeness from which something is the ear again: the more constant its looks, the more."""
        s = self.settings
        below = float(np.clip(s.spreads * looks.spread, s.least_below, s.below))
        return max(self.scout.same, looks.usual - below)

    def _accept(self, looks: Looks, described: Vector, alike: float, contested: bool) -> None:
        looks.accept(described, alike, contested=contested)
        looks.doubtful = looks.doubtful + 1 if alike < self.scout.same else 0

    def recognize(self, looks: Looks, described: Vector) -> None:
        """Take an ear that was found elsewhere for the one that was missed."""
        self._accept(looks, described, looks.likeness(described), False)

    def challenges(self, looks: Looks) -> bool:
        """Whether a better ear is to be looked for though one is seen: it may have slid off."""
        every = self.settings.challenge
        return looks.doubtful > 0 and looks.doubtful % every == 0

    def surveys(self, looks: Looks) -> bool:
        """Whether this is a moment to learn what other ears look like, with this one in view."""
        sure = not looks.contested and looks.likeness_now >= self.needed(looks)
        return looks.box is not None and looks.steady % self.settings.survey == 1 and sure

    def survey(self, looks: Looks, image: Image, extent: float, others: Iterable[Looks]) -> None:
        """Learn what ears look like that are seen beside an ear, and so are not this one.

        Args:
            looks: of the ear, which is in view.
            image: ``(H, W, 3)`` uint8 RGB.
            extent: longer side of the ear, pixels.
            others: looks of the other tracked ears, which need no telling apart.
        """
        seen = [looks.box, *(other.box for other in others)]
        for box in self.scout.find(image, extent):
            if any(one is not None and overlap(box, one) > _ASIDE for one in seen):
                continue
            described = self.scout.describe(image, box)
            # What is as much like it as what is tracked may be it, and what is tracked another.
            if looks.likeness(described) < looks.likeness_now - self.settings.apart:
                looks.avoid(described, self.settings)

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
            if likeness >= least and likeness > looks.strangeness(described, rivals):
                alike.append((likeness, box))
        return [box for _, box in sorted(alike, key=lambda one: -one[0])[: self.settings.tries]]

    def yields(self, described: Sequence[Vector], rivals: Mapping[int, Looks]) -> int:
        """Which of two ears that are seen in one place is not there.

        The one that is less like what is seen; of two that are nearly as like it, the later one of
        the prompt. The one that yielded before does so again, unless the other one is not
        recognized any more and is clearly less like what is seen: an ear that was prompted twice
        is one and the same of the two all along, and does not change between them.

        Args:
            described: what is seen, as each of the two sees it.
            rivals: looks of the two, by object id, in the order of the prompt.

        Returns:
            the object id of the one that yields.
        """
        (one, mine), (other, theirs) = rivals.items()
        likeness = {n: max(r.likeness(d) for d in described) for n, r in rivals.items()}
        before = other if theirs.duplicate_of == one else one if mine.duplicate_of == other else 0
        if before:
            winner = one if before == other else other
            clearly = likeness[before] - likeness[winner] > self.settings.clearly
            unknown = likeness[winner] < self.needed(rivals[winner])
            return winner if clearly and unknown else before
        if abs(likeness[one] - likeness[other]) > self.settings.apart:
            return min(likeness, key=likeness.__getitem__)
        return other
