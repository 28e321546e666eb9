"""What pulls the views of an ear together, and pushes those of two ears apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earvid.train.recognizer_views import KeptEar

NEAR = 12  # photos without names that lie closer than this may show one person


def contrast(described: Tensor, unrelated: NDArray[np.bool_], temperature: float) -> Tensor:
    """The normalized temperature-scaled cross-entropy of pairs (NT-Xent, Chen et al. 2020).

    Args:
        described: ``(2 N, D)`` of length 1, the two views of an ear ``N`` apart.
        unrelated: ``(N, N)`` which pairs of ears are surely two; only these are pushed apart.
        temperature: by which cosines are divided.
    """
    n = len(unrelated)
    logits = described @ described.T / temperature
    apart = torch.from_numpy(np.tile(unrelated, (2, 2)))
    target = torch.arange(2 * n).roll(n)
    wanted = torch.zeros_like(apart)
    wanted[torch.arange(2 * n), target] = True
    return nn.functional.cross_entropy(logits.masked_fill(~(apart | wanted), -1e4), target)


def unrelated(drawn: Sequence[tuple[KeptEar, KeptEar, bool]]) -> NDArray[np.bool_]:
    """``(N, N)`` which pairs of ears are surely two: of two people, or mirror images.

    Args:
        drawn: two photos of each ear, and whether they are mirrored.
    """
    subjects = np.array([f"{one.subject}{'m' if flipped else ''}" for one, _, flipped in drawn])
    people = np.array([one.subject for one, _, _ in drawn])
    order = np.array([np.nan if one.order is None else one.order for one, _, _ in drawn])
    near = np.abs(order[:, None] - order[None]) < NEAR  # never where a name tells people apart
    mirror = (people[:, None] == people[None]) & (subjects[:, None] != subjects[None])
    return np.asarray(mirror | ((people[:, None] != people[None]) & ~near))
