"""Training the ear detector: resumable at any time, one log line a minute, samples to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earvid.detect.calibration import fit_confidence
from earvid.detect.detector import EarDetector, load_detector
from earvid.detect.evaluate import DetectionScores, score_detector
from earvid.detect.network import DetectorConfig, EarNetwork
from earvid.errors import EarvidError
from earvid.models.nano import normalize
from earvid.models.weights import load_into, read_weights, save_weights
from earvid.prefetch import Prefetch
from earvid.train.detector_look import sample_sheet, truths
from earvid.train.detector_loss import detector_loss, make_targets
from earvid.train.detector_mining import false_alarms
from earvid.train.detector_photos import Photo, drawn_photos
from earvid.train.detector_scenes import Scene, SceneMaker, SceneSettings
from earvid.train.optimizer import adamw
from earvid.train.run import (
    Clock,
    Timer,
    append_log,
    follow,
    read_checkpoint,
    set_rates,
    write_checkpoint,
)
from earvid.train.trunk_weights import trunk_weights


@dataclass(frozen=True)
class DetectorSettings:
    """How to train a detector.

    Args:
        minutes: wall time over all sessions of a run, validations included; the learning rate
            follows a cosine over it. What comes before the first step, and after the last, is not
            counted.
        learning_rate: peak, for everything but the trunk.
        trunk_factor: the trunk's share of it.
        frozen_stages: trunk stages that keep their initial weights, the stem with them.
        batch: scenes in a step.
        drawn: photos drawn by :mod:`earvid.sample` to learn from, beside the real ones.
        drawn_share: share of photos in scenes that are drawn ones.
        weight_decay: of AdamW.
        ema: decay of the averaged weights, which are the ones that ship.
        seed: of scenes.
        save_every: seconds between checkpoints.
        look_every: seconds between validations with samples.
        threads: CPU threads, 0 = leave as is.
        scene: what scenes are made of.
    """

    minutes: float = 35.0
    learning_rate: float = 1.5e-3
    trunk_factor: float = 0.3
    frozen_stages: int = 2
    batch: int = 16
    drawn: int = 60
    drawn_share: float = 0.08
    weight_decay: float = 0.02
    ema: float = 0.998
    seed: int = 0
    save_every: float = 180.0
    look_every: float = 540.0
    threads: int = 0
    scene: SceneSettings = field(default_factory=SceneSettings)


class DetectorTrainer:
    """One training run in a folder: ``last.pt``, ``weights.safetensors``, ``log.jsonl``, samples.

    Args:
        run: the folder; an earlier run in it is continued.
        settings: how to train.
        groups: photos to learn from, one list per kind; every kind counts by the square root of
            its size, so that few good photos are neither drowned nor worn out.
        held_out: photos to validate on, and to fit the confidence on.
        config: the architecture.
        trunk: ImageNet weights of EfficientNet-Lite0, for a new run.
        start: weights of an earlier detector to begin a new run with, instead; what it takes for
            ears in the photos, and is none, is shown more often.
        log: receives one line of text at a time.

    Raises:
        EarvidError: there are no photos, or the folder holds another or a damaged run.
    """

    def __init__(
        self,
        run: Path,
        settings: DetectorSettings,
        groups: Sequence[Sequence[Photo]],
        held_out: Sequence[Photo],
        *,
        config: DetectorConfig = DetectorConfig(),  # noqa: B008 - frozen
        trunk: Path | None = None,
        start: Path | None = None,
        log: Callable[[str], None] = print,
    ) -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.run, self.settings, self.config, self._log = run, settings, config, log
        self.held_out = list(held_out)
        self.maker = _scene_maker(groups, settings)
        if start is not None:
            self.maker.alarms = false_alarms(load_detector(start), self.maker.photos)
            log(f"false alarms in {len(self.maker.alarms)} photos are shown again")
        self.network = self._new_network(trunk, start)
        self.optimizer = self._new_optimizer()
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step, self.clock = 0, Clock(settings.minutes)
        self._fitted = config  # with the confidence as it was fitted last
        run.mkdir(parents=True, exist_ok=True)
        self._resume()

    def fit(self) -> DetectionScores | None:
        """Train until the time is over; returns scores on the photos held out, if there are any."""
        # Gradients are full of denormals, which cost a CPU dearly.
        torch.set_flush_denormal(True)
        try:
            self._fit()
        finally:
            torch.set_flush_denormal(False)
        scores = self.look()
        self.save()
        return scores

    def _fit(self) -> None:
        s = self.settings
        tell, save, look = Timer(60.0), Timer(s.save_every), Timer(s.look_every)
        recent: list[dict[str, float]] = []
        batches = (
            [self.maker.scene(step * s.batch + i) for i in range(s.batch)]
            for step in count(self.step)
        )
        self.clock.start()
        with Prefetch(batches) as scenes:
            for batch in scenes:
                if self.clock.progress >= 1:
                    return
                recent.append(self.train_step(batch))
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

    def train_step(self, scenes: Sequence[Scene]) -> dict[str, float]:
        """Learn from one batch; returns the losses by name."""
        images = torch.from_numpy(np.stack([s.image for s in scenes])).permute(0, 3, 1, 2)
        set_rates(self.optimizer, self.clock.progress, self.step)
        self.network.train()
        self.network.trunk.eval()  # batch statistics stay those of the trunk's origin
        maps = self.network(normalize(images.float()).contiguous(memory_format=torch.channels_last))
        losses = detector_loss(maps, make_targets(scenes))
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(
            [p for p in self.network.parameters() if p.requires_grad], 5.0
        )
        if torch.isfinite(norm):
            self.optimizer.step()
            follow(self.average, self.network, self.settings.ema, self.step)
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _new_network(self, trunk: Path | None, start: Path | None) -> EarNetwork:
        torch.manual_seed(self.settings.seed)
        network = EarNetwork(self.config)
        if start is not None:
            load_into(network, read_weights(start)[0], str(start))
        if trunk is not None:
            network.trunk.load_state_dict(trunk_weights(trunk, network.trunk.state_dict()))
        if trunk is not None or start is not None:
            stages = list(network.trunk.blocks.children())[: self.settings.frozen_stages]
            for part in [network.trunk.conv_stem, network.trunk.bn1, *stages]:
                part.requires_grad_(False)
        return network.to(memory_format=torch.channels_last)

    def _new_optimizer(self) -> torch.optim.AdamW:
        s = self.settings
        return adamw(
            self.network,
            rate=s.learning_rate,
            trunk="trunk.",
            trunk_factor=s.trunk_factor,
            decay=s.weight_decay,
        )

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        write_checkpoint(
            self.run,
            {
                "config": self.config.to_dict(),
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed": self.clock.elapsed,
            },
        )
        notes = {"steps": self.step, "minutes": round(self.clock.minutes, 1)}
        save_weights(self.run / "weights.safetensors", self.average, self._fitted.to_dict(), notes)

    def _resume(self) -> None:
        """Go on with the run that is in the folder, if there is one."""
        state = read_checkpoint(self.run)
        if state is None:
            return
        if state["config"] != self.config.to_dict() or "network" not in state:
            raise EarvidError(f"{self.run} holds a run of another kind; choose a new folder.")
        try:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise EarvidError(
                f"{self.run} was begun with other weights of the trunk, or without; go on with the "
                "same, or choose a new folder."
            ) from error
        self.average = state["average"]
        self.step, self.clock.elapsed = state["step"], state["elapsed"]
        self._log(f"resumed at step {self.step}, {self.clock.minutes:.1f} min")

    def detector(self) -> EarDetector:
        """A detector with the averaged weights, its confidence fitted on the held-out photos."""
        network = EarNetwork(self.config).to(memory_format=torch.channels_last)
        network.load_state_dict(self.average)
        raw = EarDetector(network)
        fitted = fit_confidence(raw, truths(self.held_out))
        if fitted is None:
            self._log(f"step {self.step}  {_unfitted(self.held_out)}")
            return raw
        return fitted

    def look(self) -> DetectionScores | None:
        """Score the averaged weights on the held-out photos, and draw what is found in scenes."""
        detector = self.detector()
        self._fitted = detector.config
        sample_sheet(detector, self.maker, self.run / "samples" / f"{self.step:06d}.png")
        if not self.held_out:
            return None
        scores = score_detector(detector, truths(self.held_out))
        append_log(self.run, {"kind": "validation", "step": self.step, **asdict(scores)})
        self._log(f"step {self.step}  held out: {scores.sentence()}")
        return scores

    def _tell(self, recent: list[dict[str, float]], seconds: float) -> None:
        mean = {key: round(float(np.mean([r[key] for r in recent])), 4) for key in recent[0]}
        rate = round(len(recent) * self.settings.batch / seconds, 1)
        minutes = round(self.clock.minutes, 2)
        entry = {"kind": "training", "step": self.step, "minutes": minutes, **mean}
        append_log(self.run, {**entry, "scenes_per_second": rate})
        told = "  ".join(f"{name} {value:.3f}" for name, value in mean.items())
        self._log(f"step {self.step}  {minutes:5.1f} min  {told}  {rate:.1f} scenes/s")


def _unfitted(held_out: Sequence[Photo]) -> str:
    """Why the confidence stays as the network gives it, and what that means."""
    why = (
        "what is found on the photos held out is not ears and false alarms both"
        if held_out
        else "no photos are held out"
    )
    return f"the confidence is not fitted and no probability yet, for {why}"


def _scene_maker(groups: Sequence[Sequence[Photo]], settings: DetectorSettings) -> SceneMaker:
    real = [list(group) for group in groups if group]
    if not real:
        raise EarvidError("No mask of the training photos holds an ear of at least 60 pixels.")
    roots = [len(group) ** 0.5 for group in real]
    shares = [(1 - settings.drawn_share) * root / sum(roots) for root in roots]
    drawn = drawn_photos(settings.drawn)
    return SceneMaker([*real, drawn], [*shares, settings.drawn_share], settings.scene,
                      settings.seed)  # fmt: skip
