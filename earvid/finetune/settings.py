"""What a fine-tuning run can be told, checked before anything is loaded."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from earvid.errors import UsageError
from earvid.models import DEFAULT_MODEL

RECIPES = ("image", "video")
PRECISIONS = ("no", "bf16", "fp16")
DEFAULT_MINUTES = 60.0
_NOT_IN_FINGERPRINT = ("save_every", "cache_bytes", "device")


@dataclass(frozen=True)
class FinetuneSettings:
    """How to fine-tune.

    Args:
        model: name in the zoo.
        recipe: ``image`` trains the image encoder and the mask decoder on single frames with
            jittered box prompts; ``video`` trains the memory too, on short clips. The prompt
            encoder is frozen in both.
        image_size: side of the input while a SAM 2.1 model is trained; None is the model's own.
        minutes: budget of time over all sessions, validations included; with neither budget, one
            hour.
        steps: budget of optimizer steps; the budget that is used up first ends the run.
        learning_rate: peak, for all but the image encoder; None is 1e-4 for nano models, 5e-5
            otherwise.
        encoder_rate: peak, for the image encoder; None is 0.6 of the other, as in MedSAM2.
        batch: clips, or single frames, per forward pass and process; None is 8 for the image
            recipe and 4 for the video recipe.
        length: frames per clip of the video recipe.
        accumulate: forward passes per step.
        precision: ``no``, ``bf16`` or ``fp16`` mixed precision.
        weight_decay: of AdamW.
        clip_norm: greatest norm of the gradient.
        warm_up: steps over which the rates rise.
        real_share: share of clips that are stretches of videos, where there are stores.
        replay_share: share of batches' clips that come from the replay data.
        validation: share of the subjects held out for validation, of the replay too; 0 holds none
            out.
        hold_out: shell patterns of names of the data to hold out instead; whole subjects go.
        subject: regular expression that finds the subject in a name; None is the rule of
            :func:`earvid.finetune.subjects.subject_of`.
        looks: validations over the whole run, evenly spread.
        patience: validations without a new best after which the run ends; 0 never ends it.
        min_score: least score of a mask of a store that was not corrected by hand.
        category: COCO category of ears, where a file has several.
        seed: of everything random.
        save_every: seconds between checkpoints.
        cache_bytes: memory for decoded photos and frames.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        UsageError: a value makes no sense.
    """

    model: str = DEFAULT_MODEL
    recipe: str = "video"
    image_size: int | None = None
    minutes: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
    encoder_rate: float | None = None
    batch: int | None = None
    length: int = 4
    accumulate: int = 1
    precision: str = "no"
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    warm_up: int = 50
    real_share: float = 0.7
    replay_share: float = 0.3
    validation: float = 0.2
    hold_out: tuple[str, ...] = ()
    subject: str | None = None
    looks: int = 20
    patience: int = 5
    min_score: float = 0.9
    category: str | None = None
    seed: int = 0
    save_every: float = 180.0
    cache_bytes: int = 2**30
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise UsageError(f"There is no recipe {self.recipe!r}; choose {' or '.join(RECIPES)}.")
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"There is no precision {self.precision!r}; choose from {', '.join(PRECISIONS)}."
            )
        counts = (self.looks, self.accumulate, self.steps or 1, self.batch or 1)
        if min(counts) < 1 or (self.minutes is not None and self.minutes <= 0):
            raise UsageError("Steps, minutes, looks, batch and accumulate must be above 0.")
        if not 0 <= self.validation < 1 or not 0 <= self.replay_share < 1:
            raise UsageError("The shares of validation and of replay must be at least 0, below 1.")
        if self.length < 2:
            raise UsageError(f"A clip needs at least 2 frames, not {self.length}.")
        self._check_subject()

    def _check_subject(self) -> None:
        try:
            re.compile(self.subject or "")
        except re.error as error:
            raise UsageError(
                f"The subject pattern {self.subject!r} is no regular expression: {error}."
            ) from error

    @property
    def is_video(self) -> bool:
        """Whether the memory is trained too."""
        return self.recipe == "video"

    @property
    def clips_per_pass(self) -> int:
        """Clips, or single frames, per forward pass and process."""
        return self.batch or (4 if self.is_video else 8)

    @property
    def time_limit(self) -> float | None:
        """Seconds of training, if time is a budget."""
        if self.minutes is None:
            return None if self.steps else 60 * DEFAULT_MINUTES
        return 60 * self.minutes

    @property
    def rates(self) -> tuple[float, float]:
        """Peak learning rates: of the image encoder, and of the rest."""
        rest = self.learning_rate or (1e-4 if self.model == DEFAULT_MODEL else 5e-5)
        return self.encoder_rate or 0.6 * rest, rest

    def decisive(self) -> dict[str, Any]:
        """All values that decide what weights come out, plain."""
        return {k: v for k, v in asdict(self).items() if k not in _NOT_IN_FINGERPRINT}
