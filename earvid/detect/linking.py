"""Which sightings on different frames are the same ear, and on whose head it is.

Sightings become chains, chains become ears, and ears become people, in that order:

- A *chain* is one thing over time. Each frame's sightings continue the chains that they fit best by
  place, size and side: a head that moves by its own width puts its right ear where its left one
  was.
- Chains of one side that are never seen together and lie near are an ear that was turned away in
  between, and are *joined*; so are chains of different sides that take turns in one place, for the
  side of a blurred ear is told wrongly now and then.
- A *person* has at most one left and one right ear. Of two things on one head that claim to be the
  same ear the better supported one is it, and the other one is *rejected*, with the reason; so is
  what lies on a head where its other ear cannot be, or has another size than the ear that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from earvid.detect.detector import Side
from earvid.detect.sampling import Sighting

# Lengths are in heights of the ear. An adult's ear is 6 cm high and a head 15 to 16 cm wide, so
# that the ears of a frontal head are 2.5 heights apart; those of children, further.
_REACH = 3.5  # way from one frame that was looked at to the next: a head's width and a half
_DRIFT = 8.0  # the same, when it was not seen for a while: a few heads
_RATIO = 2.2  # factor by which its height may change meanwhile
_OTHER_SIDE = 5.0  # way that a change of sides counts as, if both are certain: out of reach
_TOGETHER = (0.8, 6.5)  # between the ears of one head: nearly edge-on, and frontal of a child
_HEAD = 2.4  # within which two things that claim to be the same ear are on one head
_SIZES = 1.8  # factor between the heights of the ears of one head, seen at the same time
_SUPPORT = 3  # sightings that an ear's confidence is the mean of
_SURE_SIDE = 0.85  # probability from which a side is not turned around by the place on the head
_FAINT = 0.1  # confidence below which a sighting is more likely to mislead a chain than to lead it
_CLASH = 0.2  # share of a chain's confidence on frames on which the other one is elsewhere
_PLACE = 0.6  # way, in heights, within which two sightings in a row are in one place
_TURNS = 3  # changes between two chains in one place; a head that turns makes one or two


@dataclass(frozen=True)
class Ear:
    """One ear over the frames that were looked at.

    Args:
        sightings: in the order of the frames, at most one per frame.
        side: the person's ``left`` or ``right`` ear.
        side_confidence: probability of that side.
        support: sightings that the confidence is the mean of.
        person: whose it is, from 0, the person with the best supported ear.
        beside: whether the other ear of the same head was seen on one of the frames, too.
        rejected: why it is no ear, or not one that the head does not have already, in a few words
            that end a sentence beginning with its name; empty if nothing speaks against it.
    """

    sightings: tuple[Sighting, ...]
    side: Side
    side_confidence: float
    support: int = _SUPPORT
    person: int = 0
    beside: bool = False
    rejected: str = ""

    @property
    def confidence(self) -> float:
        """Mean over its three best sightings; one that was seen less often is less certain."""
        best = sorted((s.found.confidence for s in self.sightings), reverse=True)
        return sum(best[: self.support]) / self.support

    @property
    def weight(self) -> float:
        """By which two claims to one place on a head are compared: all its sightings together."""
        return sum(s.found.confidence for s in self.sightings)


@dataclass(eq=False)
class _Person:
    """A head, and the ears that it has."""

    ears: list[Ear] = field(default_factory=list)

    def of(self, side: Side) -> Ear | None:
        return next((ear for ear in self.ears if ear.side == side), None)


def link(sightings: Sequence[Sighting], looked_at: int) -> tuple[Ear, ...]:
    """Link sightings into ears, and ears into people, the most certain ear first.

    Args:
        sightings: of any frames.
        looked_at: frames that were looked at; on fewer than three no ear can be seen three times.

    Returns:
        all ears, those that are rejected, too.
    """
    support = max(1, min(_SUPPORT, looked_at))
    sightings = [s for s in sightings if s.found.confidence >= _FAINT]
    ears = [replace(_ear(c), support=support) for c in _joined(_chains(sightings))]
    ears.sort(key=lambda e: (-e.weight, e.sightings[0].frame, e.sightings[0].center))
    people: list[_Person] = []
    rejected: list[Ear] = []
    for ear in _opposed(ears):
        _seat(people, rejected, ear)
    whole = [ear for person in people for ear in _paired(person.ears)]
    return tuple(sorted([*whole, *rejected], key=lambda e: (bool(e.rejected), -e.confidence)))


def _chains(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Continue chains from frame to frame."""
    chains: list[list[Sighting]] = []
    for frame in sorted({s.frame for s in sightings}):
        seen = sorted(
            (s for s in sightings if s.frame == frame),
            key=lambda s: (-s.found.confidence, s.center),
        )
        pairs = sorted(
            (_apart(chain[-1], sighting), c, s)
            for c, chain in enumerate(chains)
            for s, sighting in enumerate(seen)
        )
        used_chains: set[int] = set()
        used: set[int] = set()
        for distance, c, s in pairs:
            if distance < _REACH and c not in used_chains and s not in used:
                chains[c].append(seen[s])
                used_chains.add(c)
                used.add(s)
        chains += [[sighting] for s, sighting in enumerate(seen) if s not in used]
    return chains


def _apart(one: Sighting, other: Sighting) -> float:
    """Distance in ear heights, sides included; infinite where the sizes do not fit."""
    if _ratio(one, other) > _RATIO:
        return float("inf")
    distance = _distance(one, other)
    if one.found.side != other.found.side:
        certain = min(one.found.side_confidence, other.found.side_confidence)
        distance += _OTHER_SIDE * (2 * certain - 1)
    return distance


def _distance(one: Sighting, other: Sighting) -> float:
    """Distance of the centers in ear heights."""
    scale = (one.height + other.height) / 2
    return float(np.hypot(*np.subtract(one.center, other.center))) / scale


def _ratio(one: Sighting, other: Sighting) -> float:
    """Factor between the heights."""
    return max(one.height, other.height) / min(one.height, other.height)


def _side(sightings: Sequence[Sighting]) -> Side:
    return "right" if _evidence(sightings) > 0 else "left"


def _joined(chains: Sequence[list[Sighting]]) -> list[list[Sighting]]:
    """Join chains that are one ear, which came back or whose side was told wrongly."""
    joined: list[list[Sighting]] = []
    for chain in sorted(chains, key=lambda c: (-sum(s.found.confidence for s in c), c[0].frame)):
        home = next((m for m in joined if _continues(m, chain)), None)
        if home is None:
            joined.append(list(chain))
        else:
            taken = {s.frame for s in home}  # by the better supported chain, which came first
            home += [s for s in chain if s.frame not in taken]
    return [sorted(chain, key=lambda s: s.frame) for chain in joined]


def _continues(chain: Sequence[Sighting], other: Sequence[Sighting]) -> bool:
    """Whether one chain can be the same ear as another, before or after it.

    The two may meet on a few frames, for the end of a chain may slip to something else.
    """
    weight = [sum(s.found.confidence for s in c) for c in (chain, other)]
    frames = {s.frame: s for s in chain}
    met = [(frames[s.frame], s) for s in other if s.frame in frames]
    clash = sum(min(a.found.confidence, b.found.confidence) for a, b in met)
    if clash > _CLASH * min(weight):
        return False
    if _side(chain) != _side(other):
        return _turns(chain, other) >= _TURNS
    return min(_apart(a, b) for a in chain for b in other) < _DRIFT


def _turns(chain: Sequence[Sighting], other: Sequence[Sighting]) -> int:
    """How often one chain goes on in the place of another."""
    mine = {s.frame for s in chain}
    both = sorted([*chain, *other], key=lambda s: s.frame)
    return sum(
        ((a.frame in mine) != (b.frame in mine))
        and _distance(a, b) < _PLACE
        and _ratio(a, b) < _SIZES
        for a, b in pairwise(both)
    )


def _evidence(sightings: Sequence[Sighting]) -> float:
    """For the right (positive) or left (negative) ear: log odds, weighted by confidence."""
    p = np.array([s.found.side_confidence for s in sightings]).clip(0.5, 0.999)
    sign = np.array([1 if s.found.side == "right" else -1 for s in sightings])
    weight = np.array([s.found.confidence for s in sightings])
    return float((sign * np.log(p / (1 - p)) * weight).sum() / weight.sum()) or 1e-9


def _ear(sightings: Sequence[Sighting]) -> Ear:
    evidence = _evidence(sightings)
    certain = float(1 / (1 + np.exp(-abs(evidence))))
    return Ear(tuple(sightings), "right" if evidence > 0 else "left", certain)


def _opposed(ears: Sequence[Ear]) -> list[Ear]:
    """Two ears of one head cannot be of one side: where doubtful, image-left is the right ear."""
    fixed = list(ears)
    for i in range(len(ears)):
        for k in range(i + 1, len(ears)):
            one, other = fixed[i], fixed[k]
            doubt = min(one.side_confidence, other.side_confidence) < _SURE_SIDE
            both = _both(one, other)
            if doubt and one.side == other.side and both and _fit(both):
                shift = float(_offset(both)[0])
                fixed[i] = replace(one, side="right" if shift > 0 else "left")
                fixed[k] = replace(other, side="left" if shift > 0 else "right")
    return fixed


def _seat(people: list[_Person], rejected: list[Ear], ear: Ear) -> None:
    """Give an ear to the person whose it is, or reject it; the better supported come first."""
    for number, person in enumerate(people):
        same, other = person.of(ear.side), person.of("left" if ear.side == "right" else "right")
        if same is not None and _on_one_head(same, ear):
            why = f"its head has a {ear.side} ear that is better to be seen"
            rejected.append(replace(ear, person=number, rejected=why))
            return
        if same is not None or other is None:
            continue
        both = _both(other, ear)
        if both and not _fit(both) and _on_one_head(other, ear):
            why = f"it is not where the {ear.side} ear of that head can be, or not as large"
            rejected.append(replace(ear, person=number, rejected=why))
            return
        if _fit(both) if both else _nearest(other, ear) < 2 * _DRIFT:
            person.ears.append(replace(ear, person=number))
            return
    people.append(_Person([replace(ear, person=len(people))]))


def _on_one_head(one: Ear, other: Ear) -> bool:
    """Whether two things are so near, when they are seen together, that one head has both."""
    both = _both(one, other)
    if not both:
        return _nearest(one, other) < _HEAD
    return float(np.median([_distance(a, b) for a, b in both])) < _HEAD


def _fit(both: Sequence[tuple[Sighting, Sighting]]) -> bool:
    """Whether two things, where they are seen together, can be the two ears of one head."""
    offset = _offset(both)
    sizes = float(np.median([_ratio(a, b) for a, b in both]))
    near = _TOGETHER[0] < abs(float(offset[0])) < _TOGETHER[1]
    return bool(near and abs(offset[1]) < abs(offset[0]) and sizes < _SIZES)


def _offset(both: Sequence[tuple[Sighting, Sighting]]) -> NDArray[np.float64]:
    """How far the second is to image-right of, and below, the first, in ear heights."""
    steps = [np.subtract(b.center, a.center) / ((a.height + b.height) / 2) for a, b in both]
    return np.asarray(np.median(steps, axis=0), np.float64)


def _both(one: Ear, other: Ear) -> list[tuple[Sighting, Sighting]]:
    frames = {s.frame: s for s in other.sightings}
    return [(s, frames[s.frame]) for s in one.sightings if s.frame in frames]


def _nearest(one: Ear, other: Ear) -> float:
    """Smallest distance in ear heights, whenever; infinite where the sizes never fit."""
    apart = (
        _distance(a, b) for a in one.sightings for b in other.sightings if _ratio(a, b) < _RATIO
    )
    return min(apart, default=float("inf"))


def _paired(ears: Sequence[Ear]) -> list[Ear]:
    """The ears of one person, which know whether they were seen together."""
    together = len(ears) == 2 and bool(_both(*ears))
    return [replace(ear, beside=together) for ear in ears]
