"""Hugging Face `accelerate` behind a small surface: precision, accumulation, several GPUs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from earvid.errors import EarvidError
from earvid.finetune.extra import need
from earvid.finetune.module import ClipLoss, freeze, make_optimizer, moved, train_mode
from earvid.finetune.settings import FinetuneSettings
from earvid.models import pick_device
from earvid.train.step import Batch

if TYPE_CHECKING:
    import numpy as np
    from accelerate import Accelerator


class Engine:
    """A model with its optimizer, on its device, among as many processes as there are.

    Args:
        model: what is trained; the recipe's frozen parts are frozen here.
        settings: recipe, rates, precision, accumulation, device.

    Raises:
        EarvidError: `accelerate` is missing, or the precision is not for this device.
    """

    def __init__(self, model: SAM2Base, settings: FinetuneSettings) -> None:
        self._settings = settings
        self._accelerator = _accelerator(settings)
        self.device = self._accelerator.device
        freeze(model, settings.recipe)
        self.model = model.to(self.device)
        optimizer = make_optimizer(self.model, settings)
        self._module, self._optimizer = self._accelerator.prepare(
            ClipLoss(self.model, settings.recipe), optimizer
        )

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and reports."""
        return bool(self._accelerator.is_main_process)

    @property
    def processes(self) -> int:
        """How many there are."""
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Number of this one."""
        return int(self._accelerator.process_index)

    def train_mode(self) -> None:
        """Get ready for steps after a validation."""
        train_mode(self.model)

    def set_rates(self, factor: float) -> None:
        """Set all learning rates to a share of their peaks."""
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * factor

    def step(
        self, batches: list[Batch], mistakes: np.random.Generator | None
    ) -> dict[str, float] | None:
        """Take one step of the optimizer over some batches.

        Returns:
            Means over the batches, of this process; None when a gradient was not finite and the
            step was not taken.
        """
        told: list[dict[str, Tensor]] = []
        for batch in batches:
            with self._accelerator.accumulate(self._module):
                out = self._module(moved(batch, self.device), mistakes)
                self._accelerator.backward(out["loss"])
                told.append({k: v.detach() for k, v in out.items()})
                if self._accelerator.sync_gradients:
                    taken = self._finish()
        means = {k: float(torch.stack([t[k] for t in told]).float().mean()) for k in told[0]}
        return means if taken else None

    def _finish(self) -> bool:
        limit = self._settings.clip_norm
        norm = self._accelerator.clip_grad_norm_(self._trained(), limit)
        scaled = self._accelerator.scaler is not None  # then it skips bad steps itself
        taken = scaled or bool(torch.isfinite(norm))
        if taken:
            self._optimizer.step()
            taken = not self._accelerator.optimizer_step_was_skipped
        self._optimizer.zero_grad()
        return taken

    def _trained(self) -> list[nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def agree(self, value: Any) -> Any:
        """What the main process has for ``value``, in all processes."""
        if self.processes == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def state(self) -> dict[str, Any]:
        """All that a checkpoint must hold, to go on exactly."""
        scaler = self._accelerator.scaler
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
        }

    def restore(self, state: dict[str, Any], path: Path) -> None:
        """Go back to a checkpoint.

        Raises:
            EarvidError: it does not fit.
        """
        try:
            self.model.load_state_dict(state["model"])
            self._optimizer.load_state_dict(state["optimizer"])
            if self._accelerator.scaler is not None and state["scaler"]:
                self._accelerator.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise EarvidError(f"{path} does not fit this model; choose a new folder.") from error


def _accelerator(settings: FinetuneSettings) -> Accelerator:
    need("accelerate")
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    device = pick_device(settings.device)
    if os.environ.get("WORLD_SIZE", "1") == "1":
        # Its settings are those of the process; a second run in a notebook brings its own.
        AcceleratorState._reset_state(reset_partial_state=True)
    if settings.precision == "fp16" and device != "cuda":
        raise EarvidError(f"fp16 needs a CUDA device, not {device}; use --precision bf16 or no.")
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision=settings.precision,
        gradient_accumulation_steps=settings.accumulate,
        # Which heads of the decoder have a part in the loss depends on the prompt.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
