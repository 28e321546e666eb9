"""Which sightings on different frames are the same ear, and whose ear it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from earvid.detect.detector import Side
from earvid.detect.sampling import Sighting

_REACH = 3.5  # ear heights that an ear may move between frames that were looked at
_DRIFT = 8.0  # the same, when it was not seen for a while
_RATIO = 2.2  # factor by which its height may change
_OTHER_SIDE = 5.0  # ear heights that a change of sides counts as, when both sides are certain
_TOGETHER = (0.8, 6.5)  # ear heights between the two ears of one head
_SUPPORT = 3  # sightings that an ear's confidence is the mean of
_SURE_SIDE = 0.85


@dataclass(frozen=True)
class Ear:
    """One ear over the frames that were looked at.

    Args:
        sightings: in the order of the frames, at most one per frame.
        side: the person's ``left`` or ``right`` ear.
        side_confidence: probability of that side.
        support: sightings that the confidence is the mean of.
        name: ``left``, ``right``, or of further people ``left_2``, ``right_2`` and so on.
        beside: name of the other ear of the same head, where both were seen on one frame.
    """

    sightings: tuple[Sighting, ...]
    side: Side
    side_confidence: float
    support: int = _SUPPORT
    name: str = ""
    beside: str = ""

    @property
    def confidence(self) -> float:
        """Mean over its three best sightings; one that was seen less often is less certain."""
        best = sorted((s.found.confidence for s in self.sightings), reverse=True)
        return sum(best[: self.support]) / self.support


def link(sightings: Sequence[Sighting], looked_at: int) -> tuple[Ear, ...]:
    """Link sightings into ears and name them, the most certain first.

    Args:
        sightings: of any frames.
        looked_at: frames that were looked at; on fewer than three no ear can be seen three times.
    """
    chains: list[list[Sighting]] = []
    for frame in sorted({s.frame for s in sightings}):
        _extend(chains, [s for s in sightings if s.frame == frame])
    support = min(_SUPPORT, looked_at)
    ears = [replace(_ear(chain), support=support) for chain in _merged(chains)]
    ears.sort(key=lambda e: (-e.confidence, e.sightings[0].frame, e.sightings[0].center))
    return _named(_opposed(ears))


def _extend(chains: list[list[Sighting]], seen: Sequence[Sighting]) -> None:
    """Append one frame's sightings to the chains that they fit best; others begin new ones."""
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


def _apart(one: Sighting, other: Sighting) -> float:
    """Distance in ear heights, sides included; infinite where the sizes do not fit."""
    ratio = max(one.height, other.height) / min(one.height, other.height)
    if ratio > _RATIO:
        return float("inf")
    scale = (one.height + other.height) / 2
    distance = float(np.hypot(*np.subtract(one.center, other.center))) / scale
    if one.found.side != other.found.side:
        certain = min(one.found.side_confidence, other.found.side_confidence)
        distance += _OTHER_SIDE * (2 * certain - 1)
    return distance


def _merged(chains: Sequence[list[Sighting]]) -> list[list[Sighting]]:
    """Join chains of one side that are never seen together and lie near: an ear came back."""
    merged: list[list[Sighting]] = []
    for chain in sorted(chains, key=lambda c: (-sum(s.found.confidence for s in c), c[0].frame)):
        frames = {s.frame for s in chain}
        home = next(
            (
                m
                for m in merged
                if not frames & {s.frame for s in m}
                and _evidence(m) * _evidence(chain) > 0
                and min(_apart(a, b) for a in m for b in chain) < _DRIFT
            ),
            None,
        )
        if home is None:
            merged.append(list(chain))
        else:
            home += chain
    return [sorted(chain, key=lambda s: s.frame) for chain in merged]


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
    for i, one in enumerate(ears):
        for k in range(i + 1, len(ears)):
            doubt = min(fixed[i].side_confidence, fixed[k].side_confidence) < _SURE_SIDE
            if doubt and fixed[i].side == fixed[k].side and _of_one_head(one, ears[k]):
                shift = _shift(one, ears[k])
                fixed[i] = replace(fixed[i], side="right" if shift > 0 else "left")
                fixed[k] = replace(fixed[k], side="left" if shift > 0 else "right")
    return fixed


def _of_one_head(one: Ear, other: Ear) -> bool:
    """Whether two ears can be of one head: beside one another, or never seen together."""
    both = _both(one, other)
    if not both:
        return min(_apart(a, b) for a in one.sightings for b in other.sightings) < 2 * _DRIFT
    scale = np.mean([(a.height + b.height) / 2 for a, b in both])
    offset = np.mean([np.subtract(b.center, a.center) for a, b in both], axis=0) / scale
    ratio = np.mean([max(a.height, b.height) / min(a.height, b.height) for a, b in both])
    near = _TOGETHER[0] < abs(float(offset[0])) < _TOGETHER[1]
    return bool(near and abs(offset[1]) < abs(offset[0]) and ratio < _RATIO)


def _both(one: Ear, other: Ear) -> list[tuple[Sighting, Sighting]]:
    frames = {s.frame: s for s in other.sightings}
    return [(s, frames[s.frame]) for s in one.sightings if s.frame in frames]


def _shift(one: Ear, other: Ear) -> float:
    """How far ``other`` lies to image-right of ``one``, in pixels."""
    both = _both(one, other) or [(one.sightings[0], other.sightings[0])]
    return float(np.mean([b.center[0] - a.center[0] for a, b in both]))


def _named(ears: Sequence[Ear]) -> tuple[Ear, ...]:
    """Name ears by side and person; the person with the most certain ear has no number."""
    people: list[dict[str, Ear]] = []
    for ear in ears:
        other = "left" if ear.side == "right" else "right"
        free = (p for p in people if ear.side not in p and _of_one_head(p[other], ear))
        person = next(free, None)
        if person is None:
            person = {}
            people.append(person)
        person[ear.side] = replace(
            ear, name=ear.side if person is people[0] else f"{ear.side}_{_number(people, person)}"
        )
    named = {id(e.sightings): e for person in people for e in _paired(person)}
    return tuple(named[id(ear.sightings)] for ear in ears)


def _paired(person: dict[str, Ear]) -> list[Ear]:
    """The ears of one person, which know of one another if they were seen together."""
    ears = list(person.values())
    if len(ears) == 2 and _both(*ears):
        return [replace(ears[0], beside=ears[1].name), replace(ears[1], beside=ears[0].name)]
    return ears


def _number(people: Sequence[dict[str, Ear]], person: dict[str, Ear]) -> int:
    return 1 + next(i for i, other in enumerate(people) if other is person)
