"""The last state of a run on disk, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from earvid.errors import EarvidError
from earvid.finetune.gather import Split
from earvid.finetune.settings import FinetuneSettings
from earvid.finetune.start import Start

FILE = "last.pt"


@dataclass
class Progress:
    """How far a run is.

    Args:
        step: optimizer steps taken.
        elapsed: seconds of training.
        looks: validations made, that of the start not counted.
        before: marks of the weights that the run started from.
        best: marks of the best weights so far.
        best_step: the step that they are of; 0 for those of the start.
        stale: validations since then.
        replay_before: marks on replay data.
        replay_best: likewise, of the best weights.
        ended: why the run is over: ``budget`` or ``no progress``; empty while it is not.
    """

    step: int = 0
    elapsed: float = 0.0
    looks: int = 0
    before: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    best_step: int = 0
    stale: int = 0
    replay_before: dict[str, Any] | None = None
    replay_best: dict[str, Any] | None = None
    ended: str = ""
    skipped: int = field(default=0)

    def share(self, settings: FinetuneSettings) -> float:
        """Share of the budget that is used up, 0 to 1."""
        shares = [self.step / settings.steps] if settings.steps else []
        if settings.time_limit is not None:
            shares.append(self.elapsed / settings.time_limit)
        return min(1.0, max(shares))


def fingerprint(
    settings: FinetuneSettings, start: Start, split: Split, processes: int
) -> dict[str, str]:
    """What decides about the weights that come out, by the name it has in sentences."""
    values = json.dumps(settings.decisive(), sort_keys=True, default=list)
    return {
        "settings": hashlib.sha256(values.encode()).hexdigest(),
        "data": split.fingerprint(),
        "starting weights": start.sha256,
        "number of processes": str(processes),
    }


def write(
    run: Path, progress: Progress, marks: Mapping[str, str], tensors: Mapping[str, Any]
) -> None:
    """Replace the checkpoint of a run.

    Args:
        run: its folder.
        progress: how far it is.
        marks: see :func:`fingerprint`.
        tensors: states of model, optimizer and loss scaling.
    """
    state = {"progress": asdict(progress), "fingerprint": dict(marks), **tensors}
    temporary = run / f"{FILE}.partial"
    try:
        torch.save(state, temporary)
        temporary.replace(run / FILE)
    except (OSError, RuntimeError) as error:  # a full disk is either to PyTorch
        raise EarvidError(
            f"{run / FILE} cannot be written; make room and run the same command again."
        ) from error


def read(run: Path, marks: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the checkpoint of a run, if there is one.

    Raises:
        EarvidError: it is damaged, or of a run that was begun otherwise.
    """
    path = run / FILE
    if not path.exists():
        if any(
            (run / name).exists() for name in ("report.json", "weights.safetensors", "weights.pt")
        ):
            raise EarvidError(f"{run} holds something else than a run; choose a new folder.")
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        known = dict(state["fingerprint"])
        state["progress"] = Progress(**state["progress"])
    except OSError as error:
        raise EarvidError(f"{path} cannot be read: {error.strerror}.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError) as error:
        raise EarvidError(
            f"{path} is damaged or of another kind of run; choose a new folder, or remove it to "
            "start anew."
        ) from error
    for name, value in marks.items():
        if known.get(name) != value:
            verb = "settings were" if name == "settings" else f"{name} was"
            verb = "starting weights were" if name.startswith("starting") else verb
            raise EarvidError(
                f"{run} holds a run whose {verb} different; run it as before, or choose a new "
                "folder."
            )
    return dict(state)
