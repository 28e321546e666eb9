"""What training runs of all kinds share: a clock, rates, averaged weights, files in a folder."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from earvid.errors import EarvidError

CHECKPOINT = "last.pt"
_LOG = "log.jsonl"
_FLOOR = 0.02  # of the peak rate, at the end of the cosine


class Clock:
    """Wall time of a run over all its sessions, as far as it was ticked.

    Args:
        minutes: how much there is.
        elapsed: seconds that earlier sessions took.
    """

    def __init__(self, minutes: float, elapsed: float = 0.0) -> None:
        self.limit, self.elapsed = 60 * minutes, elapsed
        self._last = time.monotonic()

    def start(self) -> None:
        """Begin to count from now."""
        self._last = time.monotonic()

    def tick(self) -> None:
        """Count what has passed, whatever was done meanwhile."""
        now = time.monotonic()
        self.elapsed += now - self._last
        self._last = now

    @property
    def minutes(self) -> float:
        """Minutes that have passed."""
        return self.elapsed / 60

    @property
    def progress(self) -> float:
        """Share of the time that is over, 0..1."""
        return min(1.0, self.elapsed / self.limit)


class Timer:
    """Tells when a stretch of time is over, again and again.

    Args:
        seconds: how long it is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Begin a new stretch."""
        self._began = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds since the stretch began."""
        return time.monotonic() - self._began

    @property
    def is_due(self) -> bool:
        """Whether it is over."""
        return self.passed > self._seconds


def set_rates(optimizer: torch.optim.Optimizer, progress: float, step: int) -> None:
    """Set learning rates to a linear rise over 100 steps and half a cosine over the run.

    Args:
        optimizer: from :func:`earvid.train.optimizer.adamw`.
        progress: share of the run that is over.
        step: number of the step, from 0.
    """
    rise = min(1.0, (step + 1) / 100)
    rate = rise * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * progress)))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate


@torch.no_grad()
def follow(average: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Move averaged weights a little towards those of a model, faster in the first steps.

    Args:
        average: by the names of the model's state dict; changed in place.
        model: after a step.
        decay: share of the average that stays.
        step: number of the step, from 0.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, share)
        else:
            average[name].copy_(value)


def write_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in a run's folder, whole or not at all."""
    temporary = run / f"{CHECKPOINT}.partial"
    torch.save(state, temporary)
    temporary.replace(run / CHECKPOINT)


def read_checkpoint(run: Path) -> dict[str, Any] | None:
    """Read the checkpoint in a run's folder, if there is one.

    Raises:
        EarvidError: it is damaged.
    """
    path = run / CHECKPOINT
    if not path.exists():
        return None
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise EarvidError(f"{path} is damaged; remove it to start this run anew.") from error


def append_log(run: Path, entry: dict[str, Any]) -> None:
    """Add a line to ``log.jsonl`` in a run's folder."""
    with (run / _LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
