"""The prompt that an earlier run found, so that the same call goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from earvid.detect.choose import Wanted, origin
from earvid.detect.detector import EarDetector
from earvid.errors import EarvidError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.store import Store
from earvid.video import Clip


def recall_prompt(
    store: Path, clip: Clip, detector: EarDetector, wanted: Wanted
) -> tuple[Prompt, dict[str, Any]] | None:
    """Read the prompt that was found for the same clip, by the same detector, as asked now.

    Finding it again would give the same on the same machine, but not to the last bit on another
    processor, and a store must be resumed from where it was begun.

    Args:
        store: of the earlier run, which may be incomplete, or may not exist.
        clip: the open clip.
        detector: the detector that would be used now.
        wanted: the ears that are asked for now.

    Returns:
        The prompt and its note of how it was found, or ``None`` when there is none to go on with.
    """
    if not store.exists():
        return None
    try:
        about = Store.open(store).provenance
    except EarvidError:
        return None  # the pipeline says what is wrong with it
    found = about.get("found")
    same_clip = (about.get("clip") or {}).get("sha256") == clip.digest()
    if not same_clip or not isinstance(found, dict):
        return None
    if {key: found.get(key) for key in origin(detector, wanted)} != origin(detector, wanted):
        return None
    try:
        return Prompt(tuple(_ear(ear) for ear in about["prompt"]["objects"])), found
    except (KeyError, TypeError, ValueError, EarvidError):
        return None


def _ear(plain: dict[str, Any]) -> ObjectPrompt:
    """An object of boxes alone, as prompts that are found are."""
    frames = {int(t): FramePrompt(box=tuple(at["box"])) for t, at in plain["frames"].items()}
    return ObjectPrompt(id=plain["id"], name=plain["name"], frames=frames)
