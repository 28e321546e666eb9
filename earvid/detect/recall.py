"""The prompt that a store has, so that a call without one goes on with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from earvid.detect.choose import Wanted, origin
from earvid.detect.detector import EarDetector
from earvid.errors import EarvidError, PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.store import Store, StorePath
from earvid.store.place import place_of
from earvid.store.swap import check_settled
from earvid.video import Clip


def recall_prompt(
    store: StorePath, clip: Clip, detector: EarDetector, wanted: Wanted
) -> tuple[Prompt, dict[str, Any] | None] | None:
    """Read the prompt that a store of the same clip has, if a call like this may have led to it.

    - One that was found by the same detector, as asked now: finding it again would give the same
      on the same machine, but not to the last bit on another processor, and a store must be
      resumed from where it was begun.
    - That prompt as it was corrected since, whatever the detector is by now.
    - One that somebody gave, unless some ears are asked for now.

    Args:
        store: of the earlier run, which may be incomplete, or may not exist.
        clip: the open clip.
        detector: the detector that would be used now.
        wanted: the ears that are asked for now.

    Returns:
        The prompt, and the note of how it was found, or ``None`` if it was given or corrected;
        ``None`` alone when there is none to go on with.

    Raises:
        PromptError: the store was prompted with masks, which it does not keep.
        StoreError: the store is half replaced by a correction of it.
    """
    check_settled(place_of(store))
    try:
        opened = Store.open(store)
    except EarvidError:
        return None  # there is none, or the pipeline says what is wrong with it
    about = opened.provenance
    if (about.get("clip") or {}).get("sha256") != clip.digest():
        return None
    if not _led_to(about, origin(detector, wanted), wanted):
        return None
    prompt = _prompt(store, about)
    if prompt is None or prompt.digest() != opened.spec.lineage.get("prompt"):
        return None
    return prompt, about.get("found")


def _led_to(about: dict[str, Any], asked: dict[str, Any], wanted: Wanted) -> bool:
    """Whether a search as asked now, or no search, led to the prompt of a store."""
    if found := about.get("found"):
        return {key: found.get(key) for key in asked} == asked
    corrections = about.get("corrections") or [{}]
    if found := corrections[0].get("before", {}).get("found"):
        return all(found.get(key) == asked[key] for key in asked.keys() - {"detector"})
    return wanted == Wanted()


def _prompt(store: StorePath, about: dict[str, Any]) -> Prompt | None:
    try:
        ears = about["prompt"]["objects"]
        if any("mask" in frame for ear in ears for frame in ear["frames"].values()):
            raise PromptError(
                f"{store} was prompted with masks, which a store does not keep: give the same "
                "prompt again, or make a new store with --output or --overwrite."
            )
        return Prompt(tuple(map(_ear, ears)))
    except (KeyError, TypeError, ValueError):
        return None


def _ear(plain: dict[str, Any]) -> ObjectPrompt:
    frames = {int(index): _frame(frame) for index, frame in plain["frames"].items()}
    absent = tuple((start, stop) for start, stop in plain.get("absent", []))
    return ObjectPrompt(plain["id"], plain["name"], frames, plain.get("scheme"), absent)


def _frame(plain: dict[str, Any]) -> FramePrompt:
    points = np.array(plain.get("points", [])).reshape(-1, 3)
    return FramePrompt(
        box=tuple(plain["box"]) if "box" in plain else None,
        points=points[:, :2],
        labels=points[:, 2],
        landmarks={name: (x, y) for name, (x, y) in plain.get("landmarks", {}).items()},
    )
