"""Training the ear recognizer: resumable at any time, one log line a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earvid.errors import EarvidError
from earvid.models.nano import normalize
from earvid.models.weights import save_weights
from earvid.prefetch import Prefetch
from earvid.recognize import EarEmbedder, RecognizerConfig
from earvid.train.optimizer import adamw
from earvid.train.recognizer_contrast import contrast, unrelated
from earvid.train.recognizer_scores import RecognizerScores, score_pairs
from earvid.train.recognizer_views import KeptEar, ViewMaker
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

_EXAMINED = 6  # pairs of views per held-out ear
_TOGETHER = 0.6  # share of ears that are seen in company


@dataclass(frozen=True)
class RecognizerSettings:
    """How to train a recognizer.

    Args:
        minutes: wall time over all sessions of a run; the learning rate follows a cosine over it.
        learning_rate: peak, for everything but the trunk.
        trunk_factor: the trunk's share of it.
        frozen_stages: trunk stages that keep their initial weights, the stem with them.
        ears: different ears in a step, each seen twice.
        company: ears that share camera, light and, half of the time, surroundings.
        mirrored: share of ears whose mirror image is in the same step as another ear.
        temperature: of the contrast.
        weight_decay: of AdamW.
        ema: decay of the averaged weights, which are the ones that ship.
        seed: of everything random.
        save_every: seconds between checkpoints.
        threads: CPU threads, 0 = leave as is.
    """

    minutes: float = 25.0
    learning_rate: float = 2e-3
    trunk_factor: float = 0.3
    frozen_stages: int = 2
    ears: int = 40
    company: int = 4
    mirrored: float = 0.3
    temperature: float = 0.07
    weight_decay: float = 0.02
    ema: float = 0.995
    seed: int = 0
    save_every: float = 180.0
    threads: int = 0


@dataclass(frozen=True, eq=False)
class _Batch:
    images: NDArray[np.uint8]  # (2 N, S, S, 3), the two views of an ear N apart
    unrelated: NDArray[np.bool_]  # (N, N): pairs of ears that are surely two


class RecognizerTrainer:
    """One training run in a folder: ``last.pt``, ``weights.safetensors``, ``log.jsonl``.

    Args:
        run: the folder; an earlier run in it is continued.
        settings: how to train.
        ears: to learn from; ears of one subject are one ear.
        held_out: to measure on, and to fit the threshold on.
        config: the architecture.
        trunk: ImageNet weights of EfficientNet-Lite0, for a new run.
        log: receives one line of text at a time.

    Raises:
        EarvidError: there are too few ears, or the folder holds another or a damaged run.
    """

    def __init__(
        self,
        run: Path,
        settings: RecognizerSettings,
        ears: Sequence[KeptEar],
        held_out: Sequence[KeptEar],
        *,
        config: RecognizerConfig = RecognizerConfig(),  # noqa: B008 - frozen
        trunk: Path | None = None,
        log: Callable[[str], None] = print,
    ) -> None:
        if len({ear.subject for ear in ears if ear.family is None}) < 8:
            raise EarvidError("Learning to tell ears apart needs ears of at least eight people.")
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.run, self.settings, self.config, self._log = run, settings, config, log
        self.ears, self.held_out = list(ears), list(held_out)
        self._of = _by_subject(self.ears)
        self._families: dict[str, list[str]] = {}
        for subject, theirs in self._of.items():
            self._families.setdefault(theirs[0].family or subject, []).append(subject)
        self._views = ViewMaker(config, self.ears)
        self.network = _new_network(config, settings, trunk)
        self.optimizer = adamw(
            self.network,
            rate=settings.learning_rate,
            trunk="trunk.",
            trunk_factor=settings.trunk_factor,
            decay=settings.weight_decay,
        )
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step, self.clock = 0, Clock(settings.minutes)
        run.mkdir(parents=True, exist_ok=True)
        self._resume()

    def fit(self) -> RecognizerScores | None:
        """Train until the time is over; returns scores on the ears held out, if there are any."""
        tell, save = Timer(60.0), Timer(self.settings.save_every)
        losses: list[float] = []
        self.clock.start()
        with Prefetch(self._batch(step) for step in count(self.step)) as batches:
            for batch in batches:
                if self.clock.progress >= 1:
                    break
                losses.append(self.train_step(batch))
                self.clock.tick()
                if tell.is_due:
                    self._tell(float(np.mean(losses)))
                    tell.restart()
                    losses = []
                if save.is_due:
                    self.save()
                    save.restart()
        scores = self.examine() if self.held_out else None
        if scores is not None:
            self.config = replace(self.config, same=scores.same)
            self._log(f"step {self.step}  held out: {scores.sentence()}")
            append_log(self.run, {"kind": "validation", "step": self.step, **asdict(scores)})
        self.save()
        return scores

    def _batch(self, step: int) -> _Batch:
        rng = np.random.default_rng((self.settings.seed, step))
        drawn: list[tuple[KeptEar, KeptEar, bool]] = []
        for subject in self._subjects(rng):
            ears = self._of[subject]
            one, two = (ears[i] for i in rng.integers(len(ears), size=2))
            flipped = bool(rng.random() < 0.5)
            drawn.append((one, two, flipped))
            if rng.random() < self.settings.mirrored:
                drawn.append((one, two, not flipped))
        views = []
        for at, (one, two, flipped) in enumerate(drawn):
            if at % self.settings.company == 0:
                company = self._views.company(rng) if rng.random() < _TOGETHER else None
            views.append(self._views.pair(rng, (one, two), flipped, company))
        images = np.stack([pair[k] for k in (0, 1) for pair in views])
        return _Batch(images, unrelated(drawn))

    def _subjects(self, rng: np.random.Generator) -> list[str]:
        """Whose ears are in a step: members of a family together, for they are alike."""
        families = list(self._families.values())
        order = rng.permutation(len(families))
        return [name for k in order for name in families[k]][: self.settings.ears]

    def train_step(self, batch: _Batch) -> float:
        """Learn from one batch; returns the loss."""
        s = self.settings
        set_rates(self.optimizer, self.clock.progress, self.step)
        self.network.train()
        self.network.trunk.eval()  # batch statistics stay those of the trunk's origin
        loss = contrast(self.network(_tensor(batch.images)), batch.unrelated, s.temperature)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.requires_grad], 5.0)
        self.optimizer.step()
        follow(self.average, self.network, s.ema, self.step)
        self.step += 1
        return loss.item()

    def examine(self) -> RecognizerScores | None:
        """Measure the averaged weights on views of the held-out ears of at least two people."""
        network = EarEmbedder(self.config).eval()
        network.load_state_dict(self.average)
        rng = np.random.default_rng((self.settings.seed, 1, 1))
        views = ViewMaker(self.config, self.ears)
        ears = [ear for ear in self.held_out for _ in range(_EXAMINED)]
        pairs = [views.pair(rng, (ear, ear), False) for ear in ears]
        others = [views.pair(rng, (ear, ear), True)[0] for ear in ears]
        with torch.inference_mode():
            one, two, mirrored = (
                _described(network, images)
                for images in ([p[0] for p in pairs], [p[1] for p in pairs], others)
            )
        apart = unrelated([(ear, ear, False) for ear in ears])
        if not apart.any():
            self._log("The ears held out are not surely of two people; nothing is measured.")
            return None
        crossed = (one @ two.T).numpy()
        return score_pairs(
            true=(one * two).sum(1).numpy(),
            strangers=crossed[apart],
            mirrored=(one * mirrored).sum(1).numpy(),
        )

    def save(self) -> None:
        """Write the checkpoint and the averaged weights, each whole or not at all."""
        write_checkpoint(
            self.run,
            {
                "config": self._architecture(),
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed": self.clock.elapsed,
            },
        )
        notes = {"steps": self.step, "minutes": round(self.clock.minutes, 1)}
        save_weights(self.run / "weights.safetensors", self.average, self.config.to_dict(), notes)

    def _resume(self) -> None:
        """Go on with the run that is in the folder, if there is one."""
        state = read_checkpoint(self.run)
        if state is None:
            return
        if state.get("config") != self._architecture() or "network" not in state:
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

    def _architecture(self) -> dict[str, Any]:
        """The configuration without what is fitted at the end."""
        return replace(self.config, same=RecognizerConfig.same).to_dict()

    def _tell(self, loss: float) -> None:
        minutes = round(self.clock.minutes, 2)
        append_log(
            self.run, {"kind": "training", "step": self.step, "minutes": minutes, "loss": loss}
        )
        self._log(f"step {self.step}  {minutes:5.1f} min  loss {loss:.3f}")


def _by_subject(ears: Sequence[KeptEar]) -> dict[str, list[KeptEar]]:
    grouped: dict[str, list[KeptEar]] = {}
    for ear in ears:
        grouped.setdefault(ear.subject, []).append(ear)
    return grouped


def _described(network: EarEmbedder, images: Sequence[NDArray[np.uint8]]) -> Tensor:
    parts: Iterator[Tensor] = (
        network(_tensor(np.stack(images[i : i + 64]))) for i in range(0, len(images), 64)
    )
    return torch.cat(list(parts))


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return normalize(batch).contiguous(memory_format=torch.channels_last)


def _new_network(
    config: RecognizerConfig, settings: RecognizerSettings, trunk: Path | None
) -> EarEmbedder:
    torch.manual_seed(settings.seed)
    network = EarEmbedder(config)
    if trunk is not None:
        network.trunk.load_state_dict(trunk_weights(trunk, network.trunk.state_dict()))
        stages = list(network.trunk.blocks.children())[: settings.frozen_stages]
        for part in [network.trunk.conv_stem, network.trunk.bn1, *stages]:
            part.requires_grad_(False)
    return network.to(memory_format=torch.channels_last)
