"""What a training run can be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from earvid.train.clips import ClipSettings
from earvid.train.losses import LossWeights
from earvid.train.photos import CACHE_BYTES


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Args:
        minutes: wall time over all sessions of a run, validations included; the learning rate
            follows a cosine over it. What comes before the first step, and after the last, is not
            counted.
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
        cache_bytes: memory for decoded photos.
        clip: what clips are made of.
        loss: how the parts of the loss weigh.
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
    cache_bytes: int = CACHE_BYTES
    clip: ClipSettings = field(default_factory=ClipSettings)
    loss: LossWeights = field(default_factory=LossWeights)
