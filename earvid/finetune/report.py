"""What a run came to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earvid import __version__
from earvid.finetune.checkpoint import Progress
from earvid.finetune.gather import Split
from earvid.finetune.settings import FinetuneSettings
from earvid.finetune.start import Start
from earvid.finetune.tally import tally

FILE = "report.json"
DECIMALS = 4


@dataclass(frozen=True)
class FinetuneReport:
    """What a run came to.

    Args:
        weights: file of the best weights.
        improved: whether they are better than those of the start; None without validation.
        progress: marks before and after, steps, why it ended.
        document: all of it, and settings and data, as plain values.
    """

    weights: Path
    improved: bool | None
    progress: Progress
    document: dict[str, Any]

    def sentence(self) -> str:
        """All that matters, on one line."""
        p = self.progress
        if self.improved is None or p.before is None or p.best is None:
            return f"{self.weights}: {p.step} steps, not validated, for nothing was held out."
        before, best = _text(p.before), _text(p.best)
        if not self.improved:
            return (
                f"{self.weights}: the weights it started from, for nothing better was found in "
                f"{p.step} steps ({before} of held-out subjects)."
            )
        end = ", stopped early" if p.ended == "no progress" else ""
        return f"{self.weights}: {before} -> {best} (step {p.best_step} of {p.step}{end})" + (
            f"; replay {_text(p.replay_before)} -> {_text(p.replay_best)}."
            if p.replay_before and p.replay_best
            else "."
        )


def make_report(
    run: Path, start: Start, settings: FinetuneSettings, split: Split, progress: Progress
) -> FinetuneReport:
    """Sum a run up, and write ``report.json``."""
    improved = progress.best_step > 0 if progress.before is not None else None
    weights = run / start.file_name
    document = {
        "earvid": __version__,
        "weights": str(weights),
        "model": settings.model,
        "recipe": settings.recipe,
        "started_from": {"file": start.source.name, "sha256": start.sha256},
        "improved": improved,
        "ended": progress.ended,
        "steps": progress.step,
        "best_step": progress.best_step if improved is not None else progress.step,
        "minutes": round(progress.elapsed / 60, 2),
        "before": rounded(progress.before),
        "after": rounded(progress.best),
        "replay": {
            "before": rounded(progress.replay_before),
            "after": rounded(progress.replay_best),
        },
        "data": {
            "train": tally(split.train),
            "held_out": tally(split.held),
            "replay": tally(split.replay),
            "replay_held_out": tally(split.replay_held),
        },
        "settings": asdict(settings),
    }
    temporary = run / f"{FILE}.partial"
    temporary.write_text(json.dumps(document, indent=2, default=list) + "\n", encoding="utf-8")
    temporary.replace(run / FILE)
    return FinetuneReport(weights, improved, progress, document)


def rounded(marks: dict[str, Any] | None) -> dict[str, Any] | None:
    """Marks with the digits that mean something."""
    if marks is None:
        return None
    return {k: None if v is None else round(v, DECIMALS) for k, v in marks.items()}


def _text(marks: dict[str, Any] | None) -> str:
    if marks is None:
        return "not validated"
    kinds = {"photos": marks["photos"], "clips": marks["clips"]}
    return "IoU " + ", ".join(f"{v:.3f} on {k}" for k, v in kinds.items() if v is not None)
