"""Hand-made entries, and a bank that is driven by a policy without any model."""

from dataclasses import dataclass

import numpy as np
import torch

from earvid.tracker import Candidates, MemoryBank, MemoryEntry, Moment, Roi

REGION = Roi(0, 0, 128, 128)
START = 1000


def entry(index, *, score=0.9, presence=5.0, area=100.0, box=(10.0, 10.0, 20.0, 20.0), **more):
    vector = more.pop("vector", (float(index), 1.0))
    seen = presence > 0
    return MemoryEntry(
        index,
        torch.tensor(vector, dtype=torch.bfloat16).reshape(1, -1, 1, 1),
        torch.full((1, 4), float(index)),
        score,
        presence,
        area if seen else 0.0,
        box if seen else None,
        **more,
    )


def remember(policy, bank, *entries):
    """Offer entries as a session does; returns which were admitted."""
    admitted = []
    for one in entries:
        if policy.admit(bank, one):
            bank.recent[one.index] = one
            policy.evict(bank)
            admitted.append(one.index)
    return admitted


@dataclass(frozen=True)
class Sight:
    """What there is to see on one frame of a made-up clip.

    Args:
        missing: the frame cannot be decoded.
        presence: object-score logit.
        score: predicted IoU of the mask that the model prefers.
        x: where the object is, of 32.
        other: where a lookalike is.
        seed: of the image.
    """

    missing: bool
    presence: float
    score: float
    x: int
    other: int
    seed: int


def square(x):
    mask = np.zeros((32, 32), bool)
    mask[10:16, x : x + 6] = True
    return mask


def candidates(index, sight):
    masks = np.stack([square(sight.x), square(sight.other), square(sight.x) | square(sight.other)])
    scores = np.array([sight.score, 0.9 * sight.score, 0.5 * sight.score])
    return Candidates(index, masks, scores, 0, REGION)


def drive(policy, direction, sights, keyframes=(0,)):
    """Run a policy over a made-up clip.

    Args:
        policy: which.
        direction: 1 or -1.
        sights: frame after frame.
        keyframes: frames from the start that are prompted, known from the beginning.

    Yields:
        for each frame the bank and the selection before it.
    """
    bank = MemoryBank(direction)
    for offset in keyframes:
        bank.keyframes[START + direction * offset] = entry(START + direction * offset)
    for step, sight in enumerate(sights, start=1):
        index = START + direction * step
        if sight.missing or index in bank.keyframes:
            continue
        look = torch.randn(8, generator=torch.Generator().manual_seed(sight.seed))
        yield bank, index, policy.select(bank, Moment(index, look if policy.compares else None))
        offer = candidates(index, sight)
        seen = sight.presence > 0
        choice = policy.choose(bank, offer) if policy.looks and seen else None
        taken = choice.index if choice else offer.preferred
        one = entry(
            index,
            score=float(offer.scores[taken]),
            presence=sight.presence,
            area=16.0 * float(offer.masks[taken].sum()),
            box=offer.boxes()[taken],
            vector=tuple(look.tolist()),
            marks=dict(choice.marks) if choice else {},
            signature=look if policy.compares else None,
        )
        remember(policy, bank, one)


def remembered(bank):
    """A bank's tracked entries in terms that do not depend on the direction."""
    return [
        ((e.index - START) * bank.direction, e.score, e.box, dict(e.marks))
        for e in (*bank.recent.values(), *bank.anchors.values())
    ]


def chosen_offsets(bank, selection):
    """A selection in terms that do not depend on the direction."""

    def offset(index):
        return (index - START) * bank.direction

    return (
        {ago: offset(e.index) for ago, e in sorted(selection.maps.items())},
        {ago: offset(e.index) for ago, e in sorted(selection.pointers.items())},
        None if selection.anchors is None else sorted(map(offset, selection.anchors)),
    )
