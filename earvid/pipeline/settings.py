"""How to track: what a user may set, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earvid.errors import UsageError
from earvid.models import DEFAULT_MODEL, DTYPES, QUANTIZE, LoadedModel, load_model
from earvid.tracker import Fifo, MemoryPolicy, policy
from earvid.video import ReaderName

ROIS = ("follow", "off")
REENTRIES = ("anywhere", "nearby")
LANDMARKS = ("auto", "prompt", "none")


@dataclass(frozen=True)
class TrackSettings:
    """How to track.

    Args:
        model: name in the zoo.
        checkpoint: weights to use instead of the model's own.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        dtype: ``float32`` or ``bfloat16``; see :func:`earvid.models.load_model`.
        quantize: ``none`` or ``int8``; likewise.
        roi: ``follow`` an ear with a crop, or ``off``: look at the whole frame as stock SAM 2.
        reentry: where a lost ear is looked for: ``anywhere`` in the frame, with a detector, and
            found only if it is recognized; or ``nearby``, by memory alone. See
            :mod:`earvid.tracker.reentry`. Without a crop it is always the latter.
        policy: of the memory bank, one of ``earvid.tracker.POLICIES``.
        policy_parameters: of that policy, by name; the others have their defaults, and ``maps`` and
            ``pointers`` those of the model.
        landmarks: ``auto``: those that the prompt has are followed, and those of an ear that has
            none are guessed first; ``prompt``: none are guessed; ``none``: none are followed, and
            they only tell where the ear is.
        reader: ``auto``, ``decord`` or ``pyav``.
        shard_bytes: memory for one shard of masks.

    Raises:
        UsageError: a name is unknown, or a parameter is out of its range.
    """

    model: str = DEFAULT_MODEL
    checkpoint: Path | None = None
    device: str = "auto"
    dtype: str = "float32"
    quantize: str = "none"
    roi: str = "follow"
    reentry: str = "anywhere"
    policy: str = Fifo.name
    policy_parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    landmarks: str = "auto"
    reader: ReaderName = "auto"
    shard_bytes: int = 64 * 2**20

    def __post_init__(self) -> None:
        if self.roi not in ROIS:
            raise UsageError(f"There is no roi {self.roi!r}; choose from {', '.join(ROIS)}.")
        if self.reentry not in REENTRIES:
            raise UsageError(
                f"There is no reentry {self.reentry!r}; choose from {', '.join(REENTRIES)}."
            )
        if self.landmarks not in LANDMARKS:
            raise UsageError(
                f"There are no landmarks {self.landmarks!r}; choose from {', '.join(LANDMARKS)}."
            )
        for what, value, known in (
            ("dtype", self.dtype, DTYPES),
            ("quantize", self.quantize, QUANTIZE),
        ):
            if value not in known:
                raise UsageError(f"There is no {what} {value!r}; choose from {', '.join(known)}.")
        self.make_policy()

    def load(self) -> LoadedModel:
        """Load the model.

        Raises:
            ModelError: it, its weights or the device are not there, or do not go together.
        """
        return load_model(
            self.model,
            checkpoint=self.checkpoint,
            device=self.device,
            dtype=self.dtype,
            quantize=self.quantize,
        )

    @property
    def follows_landmarks(self) -> bool:
        """Whether the landmarks of the prompt are followed."""
        return self.landmarks != "none"

    @property
    def scouts(self) -> bool:
        """Whether a detector and a recognizer take part."""
        return self.roi == "follow" and self.reentry == "anywhere"

    def make_policy(self, **sizes: int) -> MemoryPolicy:
        """Make the policy.

        Args:
            sizes: ``maps`` and ``pointers`` of the model, where they are not set.
        """
        return policy(self.policy, **{**sizes, **self.policy_parameters})


DEFAULTS = TrackSettings()
