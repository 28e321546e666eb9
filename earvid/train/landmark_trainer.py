"""Training the first guess of landmarks: resumable at any time, a log, samples to look at."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from earvid.errors import EarvidError
from earvid.evaluate.landmark_guess import GuessScores, score_guesses
from earvid.landmarks.guess.files import Weights
from earvid.landmarks.guess.model import LandmarkModel
from earvid.landmarks.guess.network import LandmarkConfig, LandmarkNetwork
from earvid.landmarks.guess.shape import ShapePrior, fit_shape
from earvid.models.nano import normalize
from earvid.models.weights import save_weights
from earvid.prefetch import Prefetch
from earvid.train.landmark_crops import CropMaker, TrainingCrop
from earvid.train.landmark_data import LandmarkData
from earvid.train.landmark_fit import fit_confidence
from earvid.train.landmark_look import sample_sheet
from earvid.train.landmark_loss import landmark_loss, make_targets
from earvid.train.landmark_photos import LandmarkPhoto, read_truth
from earvid.train.landmark_pseudo import pack, pseudo_photos, unpack
from earvid.train.landmark_settings import LandmarkSettings
from earvid.train.optimizer import adamw
from earvid.train.trunk_weights import trunk_weights


class LandmarkTrainer:
    """One training run in a folder: ``last.pt``, ``weights.safetensors``, ``log.jsonl``, samples.

    Args:
        run: the folder; an earlier run in it is continued.
        settings: how to train.
        data: what to learn from.
        config: the architecture.
        trunk: ImageNet weights of EfficientNet-Lite0, for a new run.
        log: receives one line of text at a time.

    Raises:
        EarvidError: there are no photos, or the folder holds another or a damaged run.
    """

    def __init__(
        self,
        run: Path,
        settings: LandmarkSettings,
        data: LandmarkData,
        *,
        config: LandmarkConfig = LandmarkConfig(),  # noqa: B008 - frozen
        trunk: Path | None = None,
        log: Callable[[str], None] = print,
    ) -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)
        if not data.labelled:
            raise EarvidError("There are no photos with landmarks to learn from.")
        self.run, self.settings, self.data, self._log = run, settings, data, log
        self.config = config
        self.prior = fit_shape([photo.points for photo in data.labelled], config.modes)
        self.pseudo: list[LandmarkPhoto] = []
        self.network = self._new_network(trunk)
        self.optimizer = self._new_optimizer()
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step, self.elapsed, self.guessed = 0, 0.0, 0
        run.mkdir(parents=True, exist_ok=True)
        if (run / "last.pt").exists():
            self._resume()

    @property
    def progress(self) -> float:
        """Share of the training time that is over, 0..1."""
        return min(1.0, self.elapsed / (60 * self.settings.minutes))

    def fit(self) -> GuessScores | None:
        """Train until the time is over; returns scores on the photos held out, if there are any."""
        # Gradients are full of denormals, which cost a CPU dearly.
        torch.set_flush_denormal(True)
        try:
            for stop in self._stages():
                self._fit(stop)
        finally:
            torch.set_flush_denormal(False)
        scores = self.look()
        self.config = fit_confidence(self.model(), self.data.calibration, self.settings.seed)
        self.save()
        return self.look() if self.data.calibration else scores

    def _stages(self) -> Iterator[float]:
        """Progress at which each stage ends; between stages, ears with masks alone are guessed."""
        turns = [at for at in self.settings.guess_at if self.data.masked and 0 < at < 1]
        for number, stop in enumerate([*turns, 1.0]):
            if self.progress < stop:
                if number > self.guessed:
                    self._guess_masked()
                    self.guessed = number
                yield stop

    def _guess_masked(self) -> None:
        order = np.random.default_rng((self.settings.seed, 6)).permutation(len(self.data.masked))
        ears = [self.data.masked[i] for i in order[: self.settings.pseudo_count]]
        self.pseudo = pseudo_photos(self.model(), ears)
        self._log(f"{len(self.pseudo)} of {len(ears)} guesses fit the ears' masks")
        self.save()

    def maker(self) -> CropMaker:
        """What makes the crops of the current stage."""
        s = self.settings
        pseudo = s.pseudo_share if self.pseudo else 0.0
        made = s.made_share if self.data.made else 0.0
        groups = [self.data.labelled, self.data.made, self.pseudo]
        shares = [1 - pseudo - made, made, pseudo]
        grounds = self.data.grounds
        settings = replace(s.crop, side=self.config.side)
        return CropMaker(groups, shares, grounds, self.prior.mean, settings, s.seed)

    def _fit(self, stop: float) -> None:
        saved = looked = told = time.monotonic()
        recent: list[dict[str, float]] = []
        maker, size = self.maker(), self.settings.batch
        batches = ([maker.crop(s * size + i) for i in range(size)] for s in count(self.step))
        with Prefetch(batches) as crops:
            for batch in crops:
                if self.progress >= stop:
                    return
                began = time.monotonic()
                recent.append(self.train_step(batch))
                now = time.monotonic()
                self.elapsed += now - began
                if now - told > 60:
                    self._tell(recent, now - told)
                    told, recent = now, []
                if now - saved > self.settings.save_every:
                    self.save()
                    saved = time.monotonic()
                if now - looked > self.settings.look_every:
                    self.look()
                    looked = told = time.monotonic()

    def train_step(self, crops: Sequence[TrainingCrop]) -> dict[str, float]:
        """Learn from one batch; returns the losses by name."""
        images = torch.from_numpy(np.stack([c.image for c in crops])).permute(0, 3, 1, 2)
        self._set_rates()
        self.network.train()
        self.network.trunk.eval()  # batch statistics stay those of the trunk's origin
        heat = self.network(normalize(images.float()).contiguous(memory_format=torch.channels_last))
        losses = landmark_loss(heat, make_targets(crops))
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(
            [p for p in self.network.parameters() if p.requires_grad], 5.0
        )
        if torch.isfinite(norm):
            self.optimizer.step()
            self._update_average()
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _set_rates(self) -> None:
        warm = min(1.0, (self.step + 1) / 100)
        rate = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate

    def _update_average(self) -> None:
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)

    def _new_network(self, trunk: Path | None) -> LandmarkNetwork:
        torch.manual_seed(self.settings.seed)
        network = LandmarkNetwork(self.config)
        if trunk is not None:
            network.trunk.load_state_dict(trunk_weights(trunk, network.trunk.state_dict()))
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

    def model(self) -> LandmarkModel:
        """A model with the averaged weights."""
        network = LandmarkNetwork(self.config).to(memory_format=torch.channels_last)
        network.load_state_dict(self.average)
        return LandmarkModel(network, self.prior)

    def look(self) -> GuessScores | None:
        """Score the averaged weights on the held-out photos, and draw them."""
        if not self.data.held_out:
            return None
        model = self.model()
        scores = score_guesses(model, (read_truth(ref) for ref in self.data.held_out))
        sample_sheet(model, self.data.held_out, self.run / "samples" / f"{self.step:06d}.png")
        self._write_log({"kind": "validation", "step": self.step, **asdict(scores)})
        self._log(f"step {self.step}  held out: {scores.sentence()}")
        return scores

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        state = {
            "config": _architecture(self.config),
            "prior": _as_tensors(self.prior),
            "pseudo": pack(self.pseudo),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "guessed": self.guessed,
        }
        temporary = self.run / "last.pt.partial"
        torch.save(state, temporary)
        temporary.replace(self.run / "last.pt")
        whole = Weights(self.config)
        whole.network.load_state_dict(self.average)
        whole.set_prior(self.prior)
        notes = {"steps": self.step, "minutes": round(self.elapsed / 60, 1)}
        weights = self.run / "weights.safetensors"
        save_weights(weights, whole.state_dict(), self.config.to_dict(), notes)

    def _resume(self) -> None:
        path = self.run / "last.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if state["config"] != _architecture(self.config):
                raise EarvidError(f"{self.run} holds a run of another kind; choose a new folder.")
            if not torch.equal(state["prior"][0], _as_tensors(self.prior)[0]):
                raise EarvidError(
                    f"{self.run} was begun with other photos; go on with the same, or choose a "
                    "new folder."
                )
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average, self.pseudo = state["average"], unpack(state["pseudo"])
            self.step, self.elapsed = state["step"], state["elapsed"]
            self.guessed = state["guessed"]
        except EarvidError:
            raise
        except Exception as error:
            raise EarvidError(
                f"{path} is damaged or of another kind of run; choose a new folder."
            ) from error
        self._log(f"resumed at step {self.step}, {self.elapsed / 60:.1f} min")

    def _tell(self, recent: list[dict[str, float]], seconds: float) -> None:
        mean = {key: round(float(np.mean([r[key] for r in recent])), 4) for key in recent[0]}
        rate = round(len(recent) * self.settings.batch / seconds, 1)
        minutes = round(self.elapsed / 60, 2)
        entry = {"kind": "training", "step": self.step, "minutes": minutes, **mean}
        self._write_log({**entry, "crops_per_second": rate})
        told = "  ".join(f"{name} {value:.3f}" for name, value in mean.items())
        self._log(f"step {self.step}  {minutes:5.1f} min  {told}  {rate:.1f} crops/s")

    def _write_log(self, entry: dict[str, Any]) -> None:
        with (self.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _architecture(config: LandmarkConfig) -> dict[str, Any]:
    """What must not change within a run; confidences are fitted at its end."""
    plain = config.to_dict()
    return {key: plain[key] for key in ("side", "width", "modes")}


def _as_tensors(prior: ShapePrior) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(x)) for x in (prior.mean, prior.basis, prior.variance)]
