"""How well a recognizer tells ears apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STRANGERS = 0.01  # share of strangers that may be taken for the ear


@dataclass(frozen=True)
class RecognizerScores:
    """How well ears are told apart; cosines of pairs of views.

    Args:
        pairs: pairs of views of one ear that were compared.
        same: cosine above which two views are said to be of one ear.
        refused: share of such pairs below it.
        strangers: share of pairs of different people's ears that are above it.
        mirrored: share of pairs of an ear and its mirror image that are above it.
        equal_error: rate at which ears refused and strangers taken are equally frequent.
    """

    pairs: int
    same: float
    refused: float
    strangers: float
    mirrored: float
    equal_error: float

    def sentence(self) -> str:
        """One line for a log."""
        return (
            f"{self.pairs} pairs: at {self.same:.2f}, {self.refused:.1%} refused, "
            f"{self.strangers:.1%} strangers and {self.mirrored:.1%} mirror images taken; "
            f"equal error {self.equal_error:.1%}"
        )


def score_pairs(
    true: NDArray[np.float32], strangers: NDArray[np.float32], mirrored: NDArray[np.float32]
) -> RecognizerScores:
    """Choose the threshold, and measure at it.

    Args:
        true: cosines of two views of one ear.
        strangers: of ears of different people.
        mirrored: of an ear and its mirror image.
    """
    same = float(np.quantile(strangers, 1 - _STRANGERS))
    steps = np.linspace(-1, 1, 401)
    refused = (true[None] < steps[:, None]).mean(1)
    taken = (strangers[None] >= steps[:, None]).mean(1)
    equal = int(np.argmin(np.abs(refused - taken)))
    return RecognizerScores(
        pairs=len(true),
        same=round(same, 4),
        refused=float((true < same).mean()),
        strangers=float((strangers >= same).mean()),
        mirrored=float((mirrored >= same).mean()),
        equal_error=float((refused[equal] + taken[equal]) / 2),
    )
