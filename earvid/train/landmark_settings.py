"""How a landmark network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from earvid.train.landmark_crops import CropSettings


@dataclass(frozen=True)
class LandmarkSettings:
    """How to train a landmark network.

    Args:
        minutes: training time over all sessions of a run; the learning rate follows a cosine
            over it.
        learning_rate: peak, for everything but the trunk.
        trunk_factor: the trunk's share of it.
        frozen_stages: trunk stages that keep their initial weights, the stem with them.
        batch: crops in a step.
        made_share: share of crops of rendered and drawn ears.
        pseudo_share: share of crops of ears without landmarks, once they have been guessed.
        pseudo_count: how many ears without landmarks are guessed, at most.
        guess_at: progress, 0 to 1, at which these are guessed (again).
        weight_decay: of AdamW.
        ema: decay of the averaged weights, which are the ones that ship.
        seed: of crops.
        save_every: seconds between checkpoints.
        look_every: seconds between validations with samples.
        threads: CPU threads, 0 = leave as is.
        crop: how far crops are from the photos.
    """

    minutes: float = 40.0
    learning_rate: float = 1.2e-3
    trunk_factor: float = 0.4
    frozen_stages: int = 2
    batch: int = 8
    made_share: float = 0.16
    pseudo_share: float = 0.25
    pseudo_count: int = 200
    guess_at: tuple[float, ...] = (0.5,)
    weight_decay: float = 0.02
    ema: float = 0.998
    seed: int = 0
    save_every: float = 180.0
    look_every: float = 900.0
    threads: int = 0
    crop: CropSettings = field(default_factory=CropSettings)
