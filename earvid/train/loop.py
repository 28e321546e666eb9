"""The training loop: resumable at any time, one log line a minute, samples to look at."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from earvid.errors import EarvidError
from earvid.models.nano import NanoConfig, build_nano, trunk_of
from earvid.models.weights import file_sha256, load_into, read_weights, save_weights
from earvid.prefetch import Prefetch
from earvid.train.calibrate import Calibration, calibrate
from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.losses import LossWeights
from earvid.train.optimizer import adamw
from earvid.train.rendered import EarMesh
from earvid.train.step import collate, run_clips
from earvid.train.stills import Still, StillRef, load_still
from earvid.train.trunk_weights import load_trunk_weights
from earvid.train.validate import ValidationReport, sample_sheet, validate


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Args:
        minutes: training time over all sessions of a run; the learning rate follows a cosine
            over it.
        learning_rate: peak, for everything but the trunk.
        trunk_factor: the trunk's share of it.
        frozen_stages: trunk stages that keep their initial weights (0 = train all).
        frames_per_step: frames in a batch; clips get longer and fewer as training goes on.
        lengths: clip lengths, spread evenly over the run.
        weight_decay: of AdamW.
        ema: decay of the averaged weights, which are the ones that ship.
        seed: of clips and prompts.
        save_every: seconds between checkpoints.
        look_every: seconds between validations with samples.
        threads: CPU threads, 0 = leave as is.
    """

    minutes: float = 60.0
    learning_rate: float = 6e-4
    trunk_factor: float = 0.25
    frozen_stages: int = 2
    frames_per_step: int = 24
    lengths: tuple[int, ...] = (3, 4, 6, 8)
    weight_decay: float = 0.02
    ema: float = 0.998
    seed: int = 0
    save_every: float = 180.0
    look_every: float = 600.0
    threads: int = 0
    clip: ClipSettings = field(default_factory=ClipSettings)
    loss: LossWeights = field(default_factory=LossWeights)


class Trainer:
    """One training run in a folder: ``last.pt``, ``weights.safetensors``, ``log.jsonl``, samples.

    Args:
        run: the folder; an earlier run in it is continued.
        config: the architecture.
        settings: how to train.
        train: photos to learn from.
        held_out: photos for validation.
        trunk_weights: ImageNet weights to start the trunk from, for a new run.
        start_weights: weights to start the whole model from, for a new run.
        meshes: ear meshes to render, see :class:`~earvid.train.rendered.EarMesh`.
        log: receives one line of text at a time.

    Raises:
        EarvidError: a photo cannot be read, or the folder holds a run of another architecture.
    """

    def __init__(
        self,
        run: Path,
        config: NanoConfig,
        settings: TrainSettings,
        train: Sequence[StillRef],
        held_out: Sequence[StillRef],
        *,
        trunk_weights: Path | None = None,
        start_weights: Path | None = None,
        meshes: Sequence[Path] = (),
        log: Callable[[str], None] = print,
    ) -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.run, self.config, self.settings, self._log = run, config, settings, log
        self.train_stills = [s for s in map(load_still, train) if s is not None]
        self.meshes = [EarMesh.load(path) for path in meshes]
        self.held_stills = [s for s in map(load_still, held_out) if s is not None]
        if not self.train_stills:
            raise EarvidError("No mask of the training photos holds an ear of at least 60 pixels.")
        self.seasoned = start_weights is not None
        self.model = self._new_model(trunk_weights, start_weights)
        # What decides which photos the weights have learned from; a resumed run must not differ.
        self.data = {
            "train": sorted(ref.name for ref in train),
            "held_out": sorted(ref.name for ref in held_out),
            "start": None if start_weights is None else file_sha256(start_weights),
        }
        self.optimizer = self._new_optimizer()
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.step, self.elapsed = 0, 0.0
        run.mkdir(parents=True, exist_ok=True)
        if (run / "last.pt").exists():
            self._resume()

    @property
    def progress(self) -> float:
        """Share of the training time that is over, 0..1."""
        return min(1.0, self.elapsed / (60 * self.settings.minutes))

    def fit(self) -> ValidationReport | None:
        """Train until the time is over; returns the last validation, if photos were held out."""
        # Gradients of saturated masks are full of denormals, which cost a CPU dearly.
        torch.set_flush_denormal(True)
        try:
            return self._fit()
        finally:
            torch.set_flush_denormal(False)

    def _fit(self) -> ValidationReport | None:
        report = None
        saved = looked = told = time.monotonic()
        recent: list[dict[str, float]] = []
        for length, stop in self._stages():
            with self._batches(length) as batches:
                for clips in batches:
                    began = time.monotonic()
                    recent.append(self._train_step(clips))
                    now = time.monotonic()
                    self.elapsed += now - began
                    if now - told > 60:
                        self._tell(recent, now - told)
                        told, recent = now, []
                    if now - saved > self.settings.save_every:
                        self.save()
                        saved = time.monotonic()
                    if now - looked > self.settings.look_every:
                        report = self.look()
                        looked = told = time.monotonic()
                    if self.progress >= stop:
                        break
        self.save()
        return self.look() if self.held_stills else report

    def _stages(self) -> Iterator[tuple[int, float]]:
        """Clip lengths still to come, each with the progress at which it ends."""
        lengths = self.settings.lengths
        for i, length in enumerate(lengths):
            stop = (i + 1) / len(lengths)
            if self.progress < stop:
                yield length, stop

    def _batches(self, length: int) -> Prefetch[list[TrainingClip]]:
        """Batches by step number, so that a resumed run sees the clips it would have seen."""
        settings = self.settings
        maker = ClipMaker(
            self.train_stills, replace(settings.clip, length=length), settings.seed, self.meshes
        )
        size = max(1, settings.frames_per_step // length)
        return Prefetch(
            [maker.clip(step * 1000 + i) for i in range(size)] for step in count(self.step)
        )

    def _train_step(self, clips: list[TrainingClip]) -> dict[str, float]:
        rng = np.random.default_rng((self.settings.seed, 1, self.step))
        batch = collate(clips, rng, middle_share=0.3)
        self._set_rates()
        self.model.train()
        self.model.image_encoder.trunk.eval()  # batch statistics stay those of the trunk's origin
        # Presence starts untrained, and would blind the memory; truth stands in until it is not.
        truth_share = max(0.0, 1.0 - 2.0 * max(0.0, self.progress - 0.1)) * (not self.seasoned)
        losses = run_clips(
            self.model,
            batch,
            self.settings.loss,
            force_presence=bool(self.progress < 0.6 and rng.random() < truth_share),
            mistakes=rng,
        )
        loss = torch.stack([x.total for x in losses]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._trainable(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._update_average()
        self.step += 1
        return {
            "loss": loss.item(),
            "first": losses[0].iou.nanmean().item(),
            "last": losses[-1].iou.nanmean().item(),
            "presence": torch.stack([x.presence for x in losses]).mean().item(),
        }

    def _set_rates(self) -> None:
        warm = min(1.0, (self.step + 1) / 100)
        rate = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate

    def _update_average(self) -> None:
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)

    def _trainable(self) -> list[nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def _new_model(self, trunk: Path | None, start: Path | None) -> SAM2Base:
        torch.manual_seed(self.settings.seed)
        model = build_nano(self.config)
        if trunk is not None:
            load_trunk_weights(model, trunk)
        if start is not None:
            weights, _ = read_weights(start)
            load_into(model, weights, str(start))
        if self.settings.frozen_stages:
            body = trunk_of(model)
            stages = list(body.get_submodule("blocks").children())
            stem = [body.get_submodule("conv_stem"), body.get_submodule("bn1")]
            for part in stem + stages[: self.settings.frozen_stages]:
                part.requires_grad_(False)
        return model.to(memory_format=torch.channels_last)

    def _new_optimizer(self) -> torch.optim.AdamW:
        s = self.settings
        return adamw(
            self.model,
            rate=s.learning_rate,
            trunk="image_encoder.trunk.",
            trunk_factor=s.trunk_factor,
            decay=s.weight_decay,
        )

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        state = {
            "config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "data": self.data,
        }
        temporary = self.run / "last.pt.partial"
        torch.save(state, temporary)
        temporary.replace(self.run / "last.pt")
        weights = self.run / "weights.safetensors"
        save_weights(weights, self.average, self.config.to_dict(), self._notes())

    def _resume(self) -> None:
        path = self.run / "last.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise EarvidError(f"{path} is damaged; remove it to start this run anew.") from error
        if state["config"] != self.config.to_dict():
            raise EarvidError(
                f"{self.run} holds a run of another architecture; choose a new folder."
            )
        if state.get("data", self.data) != self.data:
            raise EarvidError(
                f"{self.run} was begun with other photos, held-out ones, or start; go on with the "
                "same, or choose a new folder."
            )
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except ValueError as error:
            raise EarvidError(
                f"{self.run} was begun with other frozen stages; choose a new folder."
            ) from error
        self.step, self.elapsed = state["step"], state["elapsed"]
        self._log(f"resumed at step {self.step}, {self.elapsed / 60:.1f} min")

    def look(self) -> ValidationReport | None:
        """Validate the averaged weights on held-out photos and draw samples."""
        if not self.held_stills:
            return None
        model = self._averaged_model()
        maker = ClipMaker(
            self.held_stills, replace(self.settings.clip, length=8, shapes=0.0), seed=77
        )
        report = validate(model, maker, count=24)
        (self.run / "samples").mkdir(exist_ok=True)
        sample_sheet(model, maker, self.run / "samples" / f"{self.step:06d}.png")
        self._write_log({"kind": "validation", "step": self.step, **asdict(report)})
        self._log(f"step {self.step}  held out: {report.sentence()}")
        return report

    def calibrate(self, refs: Sequence[StillRef]) -> Calibration:
        """Calibrate the weights file's confidences on photos that the run did not learn from."""
        model = self._averaged_model()
        stills = load_judges(refs)
        maker = ClipMaker(stills, replace(self.settings.clip, length=8, shapes=0.0), seed=78)
        done = calibrate(model, maker)
        notes = {**self._notes(), "calibration": asdict(done)}
        save_weights(
            self.run / "weights.safetensors", model.state_dict(), self.config.to_dict(), notes
        )
        self._write_log({"kind": "calibration", "step": self.step, **asdict(done)})
        self._log(f"calibrated: {done}")
        return done

    def _averaged_model(self) -> SAM2Base:
        model = build_nano(self.config).to(memory_format=torch.channels_last)
        model.load_state_dict(self.average)
        return model

    def _notes(self) -> dict[str, Any]:
        return {
            "steps": self.step,
            "minutes": round(self.elapsed / 60, 1),
            "alternatives": bool(self.settings.loss.alternatives),
        }

    def _tell(self, recent: list[dict[str, float]], seconds: float) -> None:
        mean = {key: float(np.nanmean([r[key] for r in recent])) for key in recent[0]}
        frames = len(recent) * self.settings.frames_per_step
        entry = {
            "kind": "training",
            "step": self.step,
            "minutes": round(self.elapsed / 60, 2),
            "frames_per_second": round(frames / seconds, 1),
            **{k: round(v, 4) for k, v in mean.items()},
        }
        self._write_log(entry)
        self._log(
            f"step {self.step}  {self.elapsed / 60:5.1f} min  loss {mean['loss']:.3f}  IoU first "
            f"{mean['first']:.3f} last {mean['last']:.3f}  presence {mean['presence']:.3f}  "
            f"{frames / seconds:.1f} frames/s"
        )

    def _write_log(self, entry: dict[str, Any]) -> None:
        with (self.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


def load_judges(refs: Sequence[StillRef]) -> list[Still]:
    """Decode photos to calibrate on.

    Raises:
        EarvidError: none of them shows an ear.
    """
    stills = [s for s in map(load_still, refs) if s is not None]
    if not stills:
        raise EarvidError("No mask of the photos to calibrate on holds an ear.")
    return stills
