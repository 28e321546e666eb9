"""What the benchmark runs: one row of its table each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from typing import Any, Literal

from earvid.errors import UsageError

Engine = Literal["stock", "earvid", "alone"]
FULL_MEMORY = 8  # frames after which SAM 2 attends to as many memories as it ever will
LEAST_FRAMES = FULL_MEMORY + 2
STANDARD = 720  # lines of a frame, where nothing else is asked for


@dataclass(frozen=True)
class Row:
    """One thing to be measured.

    Args:
        name: of the row.
        engine: ``stock`` is SAM 2's own ``SAM2VideoPredictor``; ``earvid`` is the way from clip to
            store; ``alone`` is earvid without decoding and writing, on frames in memory.
        model: name in the zoo. Only ``earvid-nano`` has its trained weights; others are random.
        image_size: side of the model's input where it is not the model's own, pixels.
        roi: ``follow`` or ``off``, as in ``earvid track``.
        lines: height of the frames, pixels.
        ears: how many are tracked.
        shown: how many the clip shows.
        frames: of the clip, tracked from the first to the last.
        dtype: as in :func:`~earvid.models.load_model`.
        quantize: likewise.
        device: ``cpu`` or ``cuda``.
        full: whether it takes long, and is left out unless asked for.
    """

    name: str
    engine: Engine = "earvid"
    model: str = "earvid-nano"
    image_size: int | None = None
    roi: str = "follow"
    lines: int = STANDARD
    ears: int = 1
    shown: int = 1
    frames: int = 200
    dtype: str = "float32"
    quantize: str = "none"
    device: str = "cpu"
    full: bool = False

    @property
    def trained(self) -> bool:
        """Whether its masks mean anything."""
        return self.model == "earvid-nano"

    @property
    def standard(self) -> bool:
        """Whether it can run on any clip, rather than on one made for it."""
        return (self.lines, self.ears, self.shown) == (STANDARD, 1, 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


_TINY: dict[str, Any] = {"model": "sam2.1-tiny", "image_size": 1024, "frames": 14}
_CROP: dict[str, Any] = {"model": "sam2.1-tiny", "image_size": 512, "frames": 24}

ROWS: tuple[Row, ...] = (
    Row("stock-tiny", "stock", roi="off", **_TINY),
    Row("nano"),
    Row("tiny-roi", **_CROP),
    Row("tiny-roi-bfloat16", dtype="bfloat16", **_CROP),
    Row("nano-alone", "alone"),
    Row("stock-nano", "stock", roi="off"),
    Row("nano-bfloat16", dtype="bfloat16"),
    Row("nano-int8", quantize="int8"),
    Row("nano-480p", lines=480, frames=100),
    Row("nano-1080p", lines=1080, frames=100),
    Row("ears-1", ears=1, shown=4, frames=100),
    Row("ears-2", ears=2, shown=4, frames=100),
    Row("ears-4", ears=4, shown=4, frames=100),
    Row("tiny-whole", roi="off", full=True, **_TINY),
    Row("tiny-roi-int8", quantize="int8", full=True, **_CROP),
    Row("nano-whole", roi="off", full=True),
    Row("stock-nano-1000", "stock", roi="off", frames=1000, full=True),
    Row("nano-5000", frames=5000, full=True),
    Row("nano-2160p", lines=2160, frames=100, full=True),
)


def choose_rows(
    patterns: Sequence[str] = (),
    *,
    full: bool = False,
    frames: int | None = None,
    devices: Sequence[str] = ("cpu",),
    own_clip: bool = False,
) -> tuple[Row, ...]:
    """Choose what to run.

    Args:
        patterns: names of rows, such as ``nano*``; all that do not take long by default.
        full: all rows.
        frames: most frames of a run.
        devices: where to run, each row on each of them.
        own_clip: leave out rows that need a clip of their own.

    Raises:
        UsageError: a pattern fits no row, or nothing is left.
    """
    for pattern in patterns:
        if not any(fnmatch(row.name, pattern) for row in ROWS):
            known = ", ".join(row.name for row in ROWS)
            raise UsageError(f"No row of the benchmark is named {pattern!r}; there are {known}.")
    chosen = [
        row
        for row in ROWS
        if (any(fnmatch(row.name, p) for p in patterns) if patterns else full or not row.full)
        and (row.standard or not own_clip)
    ]
    if not chosen:
        raise UsageError("None of these rows can run on a clip of your own; leave --clip out.")
    if frames is not None:
        chosen = [replace(row, frames=max(LEAST_FRAMES, min(row.frames, frames))) for row in chosen]
    return tuple(
        replace(row, device=device, name=row.name if device == "cpu" else f"{row.name}@{device}")
        for device in devices
        for row in chosen
    )
