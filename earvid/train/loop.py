"""The training loop: resumable at any time, one log line a minute, samples to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from earvid.errors import EarvidError
from earvid.models.nano import NanoConfig, build_nano
from earvid.models.weights import file_sha256, save_weights
from earvid.prefetch import Prefetch
from earvid.train.calibrate import Calibration, apply_calibration, calibrate
from earvid.train.clips import ClipMaker, TrainingClip
from earvid.train.photo_files import photos_of
from earvid.train.photos import LazyStill, PhotoCache
from earvid.train.rendered import EarMesh
from earvid.train.run import (
    Clock,
    Timer,
    append_log,
    follow,
    read_checkpoint,
    set_rates,
    write_checkpoint,
)
from earvid.train.settings import TrainSettings
from earvid.train.start import new_model, new_optimizer
from earvid.train.step import collate, run_clips
from earvid.train.stills import Still, StillRef
from earvid.train.validate import ValidationReport, held_maker, sample_sheet, validate


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
        self._cache: PhotoCache[Still] = PhotoCache(settings.cache_bytes)
        self.train_stills = self._stills(train)
        self.meshes = [EarMesh.load(path) for path in meshes]
        self.held_stills = self._stills(held_out)
        if not self.train_stills:
            raise EarvidError("No mask of the training photos holds an ear of at least 60 pixels.")
        self.seasoned = start_weights is not None
        self.model = new_model(config, settings, trunk_weights, start_weights)
        # What decides which photos the weights have learned from; a resumed run must not differ.
        self.data = {
            "train": sorted(ref.name for ref in train),
            "start": None if start_weights is None else file_sha256(start_weights),
            "trunk": None if trunk_weights is None else file_sha256(trunk_weights),
        }
        self.optimizer = new_optimizer(self.model, settings)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.calibration: Calibration | None = None  # of the averaged weights as they are
        self.step, self.clock = 0, Clock(settings.minutes)
        run.mkdir(parents=True, exist_ok=True)
        self._resume()

    def _stills(self, refs: Sequence[StillRef]) -> list[Still]:
        """Photos with an ear, decoded when they are needed."""
        side = self.settings.clip.side
        return [LazyStill(photo, side, self._cache) for photo in photos_of(refs)]

    def fit(self, judges: Sequence[StillRef] = ()) -> ValidationReport | None:
        """Train until the time is over, and calibrate.

        Args:
            judges: photos to calibrate on; none leaves a calibration as it is.

        Returns:
            The validation of the weights as they are at the end, if photos were held out.

        Raises:
            EarvidError: no photo to calibrate on shows an ear, or a photo cannot be read.
        """
        # Gradients of saturated masks are full of denormals, which cost a CPU dearly.
        torch.set_flush_denormal(True)
        try:
            self._train()
        finally:
            torch.set_flush_denormal(False)
        self.save()
        if judges:
            self.calibrate(judges)
        return self.look()

    def _train(self) -> None:
        s = self.settings
        tell, save, look = Timer(60.0), Timer(s.save_every), Timer(s.look_every)
        recent: list[dict[str, float]] = []
        self.clock.start()
        for length, stop in self._stages():
            with self._batches(length) as batches:
                for clips in batches:
                    recent.append(self._train_step(clips))
                    self.clock.tick()
                    if tell.is_due:
                        self._tell(recent, tell.passed)
                        tell.restart()
                        recent = []
                    if save.is_due:
                        self.save()
                        save.restart()
                    if look.is_due:
                        self.look()
                        look.restart()
                        tell.restart()
                    if self.clock.progress >= stop:
                        break

    def _stages(self) -> Iterator[tuple[int, float]]:
        """Clip lengths still to come, each with the progress at which it ends."""
        lengths = self.settings.lengths
        for i, length in enumerate(lengths):
            stop = (i + 1) / len(lengths)
            if self.clock.progress < stop:
                yield length, stop

    def _batches(self, length: int) -> Prefetch[list[TrainingClip]]:
        """Batches by step number, so that a resumed run sees the clips it would have seen."""
        s = self.settings
        maker = ClipMaker(self.train_stills, replace(s.clip, length=length), s.seed, self.meshes)
        size = max(1, s.frames_per_step // length)
        return Prefetch(
            [maker.clip(step * 1000 + i) for i in range(size)] for step in count(self.step)
        )

    def _train_step(self, clips: list[TrainingClip]) -> dict[str, float]:
        rng = np.random.default_rng((self.settings.seed, 1, self.step))
        batch = collate(clips, rng, middle_share=0.3)
        set_rates(self.optimizer, self.clock.progress, self.step)
        self.model.train()
        self.model.image_encoder.trunk.eval()  # batch statistics stay those of the trunk's origin
        # Presence starts untrained, and would blind the memory; truth stands in until it is not.
        progress = self.clock.progress
        truth_share = 0.0 if self.seasoned else max(0.0, 1.0 - 2.0 * max(0.0, progress - 0.1))
        losses = run_clips(
            self.model,
            batch,
            self.settings.loss,
            force_presence=bool(progress < 0.6 and rng.random() < truth_share),
            mistakes=rng,
        )
        loss = torch.stack([x.total for x in losses]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        learning = [p for p in self.model.parameters() if p.requires_grad]
        norm = nn.utils.clip_grad_norm_(learning, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
            follow(self.average, self.model, self.settings.ema, self.step)
            self.calibration = None
        self.step += 1
        return {
            "loss": loss.item(),
            "first": losses[0].iou.nanmean().item(),
            "last": losses[-1].iou.nanmean().item(),
            "presence": torch.stack([x.presence for x in losses]).mean().item(),
        }

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        write_checkpoint(
            self.run,
            {
                "config": self.config.to_dict(),
                "model": self.model.state_dict(),
                "average": self.average,
                "calibration": self.calibration and asdict(self.calibration),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed": self.clock.elapsed,
                "data": self.data,
            },
        )
        weights = self._averaged_model().state_dict()
        notes = {
            "steps": self.step,
            "minutes": round(self.clock.minutes, 1),
            "alternatives": bool(self.settings.loss.alternatives),
            **({"calibration": asdict(self.calibration)} if self.calibration else {}),
        }
        save_weights(self.run / "weights.safetensors", weights, self.config.to_dict(), notes)

    def _resume(self) -> None:
        """Go on with the run that is in the folder, if there is one."""
        state = read_checkpoint(self.run)
        if state is None:
            return
        if state["config"] != self.config.to_dict():
            raise EarvidError(f"{self.run} is of another architecture; choose a new folder.")
        known = {**self.data, **state.get("data", {})}
        if any(known[key] != value for key, value in self.data.items()):
            raise EarvidError(
                f"{self.run} was begun with other photos to learn from, or another start; go on "
                "with the same, or choose a new folder."
            )
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        if state.get("calibration"):
            self.calibration = Calibration(**state["calibration"])
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except ValueError as error:
            raise EarvidError(
                f"{self.run} was begun with other frozen stages; choose a new folder."
            ) from error
        self.step, self.clock.elapsed = state["step"], state["elapsed"]
        self._log(f"resumed at step {self.step}, {self.clock.minutes:.1f} min")

    def look(self) -> ValidationReport | None:
        """Validate the averaged weights on held-out photos and draw samples."""
        if not self.held_stills:
            return None
        model = self._averaged_model()
        maker = held_maker(self.held_stills, self.settings.clip, seed=77)
        report = validate(model, maker, count=24)
        (self.run / "samples").mkdir(exist_ok=True)
        sample_sheet(model, maker, self.run / "samples" / f"{self.step:06d}.png")
        append_log(self.run, {"kind": "validation", "step": self.step, **asdict(report)})
        self._log(f"step {self.step}  held out: {report.sentence()}")
        return report

    def calibrate(self, refs: Sequence[StillRef]) -> Calibration:
        """Calibrate the confidences on photos that the run did not learn from, and save.

        Raises:
            EarvidError: none of them shows an ear, or one cannot be read.
        """
        stills = self._stills(refs)
        if not stills:
            raise EarvidError("No mask of the photos to calibrate on holds an ear.")
        self.calibration = None
        maker = held_maker(stills, self.settings.clip, seed=78)
        done = self.calibration = calibrate(self._averaged_model(), maker)
        self.save()
        append_log(self.run, {"kind": "calibration", "step": self.step, **asdict(done)})
        self._log(f"calibrated: {done}")
        return done

    def _averaged_model(self) -> SAM2Base:
        model = build_nano(self.config).to(memory_format=torch.channels_last)
        model.load_state_dict(self.average)
        if self.calibration is not None:
            apply_calibration(model, self.calibration)
        return model

    def _tell(self, recent: list[dict[str, float]], seconds: float) -> None:
        mean = {key: float(np.nanmean([r[key] for r in recent])) for key in recent[0]}
        frames = len(recent) * self.settings.frames_per_step
        entry = {
            "kind": "training",
            "step": self.step,
            "minutes": round(self.clock.minutes, 2),
            "frames_per_second": round(frames / seconds, 1),
            **{k: round(v, 4) for k, v in mean.items()},
        }
        append_log(self.run, entry)
        self._log(
            f"step {self.step}  {self.clock.minutes:5.1f} min  loss {mean['loss']:.3f}  IoU first "
            f"{mean['first']:.3f} last {mean['last']:.3f}  presence {mean['presence']:.3f}  "
            f"{frames / seconds:.1f} frames/s"
        )
