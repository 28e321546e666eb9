"""Sharing a processor's cores among the parts of a computation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import torch

_HELD = threading.Lock()  # the numbers of threads are the process's, not a computation's
_ENOUGH = 4  # threads beyond which a network of a few million weights gets no faster


@dataclass(frozen=True)
class Share:
    """How a number of cores is used.

    Args:
        within: threads within one operation of PyTorch.
        beside: such operations that run side by side.
    """

    within: int
    beside: int

    @property
    def cores(self) -> int:
        """How many are used."""
        return self.within * self.beside

    @classmethod
    def of(cls, cores: int, *, small: bool) -> Share:
        """Share cores.

        A small network gains little from a second thread within its operations, and waits for that
        thread whenever landmarks, decoding or writing hold its core; the other half of the cores
        does these, and memories and further ears, at the same time. A large network is worth all
        cores at once.

        Args:
            cores: how many.
            small: whether the network has a few million weights.
        """
        within = max(1, min(_ENOUGH, cores // 2)) if small else cores
        return cls(within, max(1, cores // within))


@contextmanager
def sharing(*, small: bool) -> Iterator[Share]:
    """Share the threads that PyTorch may use, until the end of the context.

    How many these are is up to the process: all cores, or what ``OMP_NUM_THREADS`` or
    ``torch.set_num_threads`` say.

    Args:
        small: as in :meth:`Share.of`.
    """
    if not _HELD.acquire(blocking=False):  # another thread shares them already
        yield Share(torch.get_num_threads(), 1)
        return
    before = torch.get_num_threads(), cv2.getNumThreads()
    share = Share.of(before[0], small=small)
    torch.set_num_threads(share.within)
    cv2.setNumThreads(share.within)
    try:
        yield share
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
        _HELD.release()
