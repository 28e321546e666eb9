"""How much there is of which data, for reports and for the log."""

from __future__ import annotations

from typing import Any

from earvid.finetune.gather import Collection, Split
from earvid.finetune.settings import FinetuneSettings


def tally(part: Collection) -> dict[str, Any]:
    """Count a part of the data, as plain values."""
    return {
        "photos": len(part.photos),
        "clips": len(part.stores),
        "frames_by_hand": sum(len(store.corrected) for store in part.stores),
        "frames_by_score": sum(len(store.scored) for store in part.stores),
        "subjects": part.subjects,
    }


def tell_data(split: Split, settings: FinetuneSettings) -> list[str]:
    """Say what a run learns from and what it is judged by, a line for each part of its data."""
    parts = (
        ("to learn from", split.train),
        ("held out", split.held),
        ("replay", split.replay),
        ("replay held out", split.replay_held),
    )
    lines = [f"{name}: {_text(part, settings)}" for name, part in parts if part.photos]
    if split.replay.photos and not split.replay_held.photos and settings.validation:
        lines.append(
            "replay held out: nobody, for fewer than two of its subjects are not in the data too; "
            "whether they are forgotten is not measured"
        )
    return lines


def _text(part: Collection, settings: FinetuneSettings) -> str:
    counts = tally(part)
    said = [f"{_some(counts['photos'], 'photo')} of {_some(len(part.subjects), 'subject')}"]
    if part.stores:
        said.append(
            f"{_some(counts['clips'], 'clip')} with {_some(counts['frames_by_hand'], 'frame')} "
            f"corrected by hand and {counts['frames_by_score']} others scored at least "
            f"{settings.min_score:g}"
        )
    return ", among them frames of ".join(said)


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
