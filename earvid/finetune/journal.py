"""What a run tells while it lasts: lines for people, and ``log.jsonl`` for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from earvid.finetune.checkpoint import Progress
from earvid.finetune.gather import Split
from earvid.finetune.report import rounded
from earvid.finetune.settings import FinetuneSettings
from earvid.finetune.tally import tell_data

FILE = "log.jsonl"

Log = Callable[[str], None]


class Journal:
    """Keeps the log of a run.

    Args:
        run: its folder.
        log: receives one line of text at a time; None for processes that tell nothing.
    """

    def __init__(self, run: Path, log: Log | None) -> None:
        self._run, self._log = run, log

    def resumed(self, progress: Progress) -> None:
        """Tell that an earlier session is gone on with."""
        self._tell({"kind": "resumed", "step": progress.step}, f"resumed at step {progress.step}")

    def gathered(self, split: Split, settings: FinetuneSettings) -> None:
        """Tell what there is to learn from."""
        for line in tell_data(split, settings):
            self._tell({"kind": "data", "text": line}, line)

    def started(self, progress: Progress) -> None:
        """Tell how good the weights of the start are."""
        before, replay = rounded(progress.before), rounded(progress.replay_before)
        entry = {"kind": "start", "held_out": before, "replay": replay}
        self._tell(entry, f"start: {_words(progress.before, progress.replay_before)}")

    def trained(self, progress: Progress, recent: list[dict[str, float]]) -> None:
        """Tell about some steps.

        Args:
            progress: after them.
            recent: their means; empty ones were not taken.
        """
        taken = [means for means in recent if means]
        if not taken:
            return
        mean = {k: _mean([means[k] for means in taken]) for k in taken[0]}
        minutes = progress.elapsed / 60
        self._tell(
            {
                "kind": "training",
                "step": progress.step,
                "minutes": round(minutes, 2),
                **{k: round(v, 4) if math.isfinite(v) else None for k, v in mean.items()},
            },
            f"step {progress.step}  {minutes:5.1f} min  loss {mean['loss']:.3f}  IoU first "
            f"{mean['first']:.3f} last {mean['last']:.3f}",
        )

    def validated(
        self, progress: Progress, found: dict[str, Any], replay: dict[str, Any] | None
    ) -> None:
        """Tell about a validation."""
        is_best = progress.best_step == progress.step
        best = "best so far" if is_best else f"best was step {progress.best_step}"
        self._tell(
            {
                "kind": "validation",
                "step": progress.step,
                "best_step": progress.best_step,
                "held_out": rounded(found),
                "replay": rounded(replay),
            },
            f"step {progress.step}: {_words(found, replay)}, {best}",
        )

    def _tell(self, entry: dict[str, Any], line: str) -> None:
        if self._log is None:
            return
        with (self._run / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self._log(line)


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]  # a last frame may lack an ear
    return float(np.mean(finite)) if finite else math.nan


def _words(marks: dict[str, Any] | None, replay: dict[str, Any] | None) -> str:
    if marks is None:
        return "not validated"
    named = [("photos IoU", marks["photos"]), ("clips IoU", marks["clips"])]
    named += [("missed", marks["missed"]), ("replay", replay["score"] if replay else None)]
    return "held out: " + ", ".join(f"{name} {v:.3f}" for name, v in named if v is not None)
