"""Going on from what a store says: the prompt and the settings that it was made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from earvid.errors import EarvidError, PromptError, StoreError, UsageError
from earvid.models import QUANTIZE
from earvid.pipeline.settings import TrackSettings
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.prompt._absent import taken_back
from earvid.prompt._json_in import objects_from_document
from earvid.store import Store
from earvid.video import ReaderName


def prompt_of(store: Store) -> Prompt:
    """The prompt that a store was made from or, if it was corrected, the one it was corrected to.

    Raises:
        PromptError: it has masks, which a store does not keep.
        StoreError: the store does not tell it.
    """
    document = store.provenance.get("prompt")
    if _has_masks(document):
        raise PromptError(
            f"{store.path} was prompted with masks, which a store does not keep: give the file of "
            f"that prompt with --prompt."
        )
    try:
        prompt = Prompt(objects_from_document(document, Path()))
    except EarvidError as error:
        raise _untold(store) from error
    if prompt.digest() != store.spec.lineage.get("prompt"):
        raise _untold(store)
    return prompt


def settings_of(
    store: Store, *, checkpoint: Path | None = None, device: str = "auto"
) -> TrackSettings:
    """The settings that a store was made with, as far as they decide what it holds.

    Args:
        store: the store.
        checkpoint: weights, unless they are the model's own; a store knows them by their hash.
        device: where to compute.

    Raises:
        StoreError: the store does not tell them.
        UsageError: they are not of this version of earvid.
    """
    lineage = store.spec.lineage
    try:
        roi, policy = lineage["roi"], dict(lineage["policy"])
        numbers = lineage["numbers"]
        quantized = numbers in QUANTIZE
        return TrackSettings(
            model=lineage["model"],
            checkpoint=checkpoint,
            device=device,
            dtype=TrackSettings.dtype if quantized else numbers,
            quantize=numbers if quantized else TrackSettings.quantize,
            roi="off" if roi == "off" else "follow",
            reentry=_name(lineage.get("reentry", "anywhere")),
            policy=policy.pop("name"),
            policy_parameters=policy,
            landmarks=_name(lineage["landmarks"]),
            reader=_reader(store),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _untold(store) from error


def with_keyframe(prompt: Prompt, ear: str | None, index: int, frame: FramePrompt) -> Prompt:
    """The same prompt with a keyframe more, or with more or other on one of its keyframes.

    Args:
        prompt: the prompt.
        ear: name of the ear; None where there is one.
        index: of the frame.
        frame: what is known there; of a keyframe, what this does not say stays as it was, but a
            mask outranks box and points, and so it and they replace one another.

    Raises:
        UsageError: there is no such ear, or it is not clear which.
        PromptError: the prompt makes no sense with it.
    """
    return _with(prompt, _extended(_chosen(prompt, ear), index, frame))


def without_ear(
    prompt: Prompt, ear: str | None, ranges: Sequence[tuple[int, int]]
) -> tuple[Prompt, tuple[int, ...]]:
    """The same prompt with more frames on which an ear is said to be absent.

    Args:
        prompt: the prompt.
        ear: name of the ear; None where there is one.
        ranges: half-open ranges of frames.

    Returns:
        the prompt, and the keyframes that the ear had on these frames, and has no more.

    Raises:
        UsageError: there is no such ear, or it is not clear which.
        PromptError: a range makes no sense.
    """
    one = _chosen(prompt, ear)
    out = ObjectPrompt(one.id, one.name, {}, absent=(*one.absent, *ranges))
    frames = {t: given for t, given in one.frames.items() if not out.is_absent(t)}
    dropped = tuple(t for t in one.frames if t not in frames)
    return _with(prompt, replace(one, frames=frames, absent=out.absent)), dropped


def with_ear(
    prompt: Prompt,
    ear: str | None,
    ranges: Sequence[tuple[int, int]],
    keyframes: Mapping[int, FramePrompt],
) -> Prompt:
    """The same prompt with fewer frames on which an ear is said to be absent.

    Args:
        prompt: the prompt.
        ear: name of the ear; None where there is one.
        ranges: half-open ranges of frames on which nobody says so any more.
        keyframes: what is known of the ear there, or elsewhere.

    Raises:
        UsageError: there is no such ear, or it is not clear which, or nobody said that it is
            absent there.
        PromptError: nothing is left that says where the ear is.
    """
    one = _chosen(prompt, ear)
    absent = taken_back(one.absent, ranges)
    if absent == one.absent:
        raise UsageError(f"Nobody said that {one.name} is absent on these frames.")
    known = {t: _merged(one.frames[t], new) if t in one.frames else new for t, new in
             keyframes.items()}  # fmt: skip
    return _with(prompt, replace(one, frames={**one.frames, **known}, absent=absent))


def _chosen(prompt: Prompt, ear: str | None) -> ObjectPrompt:
    """The ear of a name; the only one without a name."""
    names = [one.name for one in prompt.objects]
    if ear is None and len(names) > 1:
        raise UsageError(f"There are several ears; choose one with --ear: {', '.join(names)}.")
    if ear is not None and ear not in names:
        raise UsageError(f"There is no ear {ear!r}; choose from {', '.join(names)}.")
    return prompt.objects[0 if ear is None else names.index(ear)]


def _with(prompt: Prompt, ear: ObjectPrompt) -> Prompt:
    """A prompt with an ear in the place of the one with its id."""
    ears = tuple(ear if one.id == ear.id else one for one in prompt.objects)
    return replace(prompt, objects=ears, source=None)


def _extended(ear: ObjectPrompt, index: int, frame: FramePrompt) -> ObjectPrompt:
    frame = _merged(ear.frames[index], frame) if index in ear.frames else frame
    return replace(ear, frames={**ear.frames, index: frame})


def _merged(old: FramePrompt, new: FramePrompt) -> FramePrompt:
    """What is new, and of what was there all that this leaves open."""
    clicked = new.box is not None or len(new.points) > 0
    kept = {
        "box": new.box is None and new.mask is None,
        "points": len(new.points) == 0 and new.mask is None,
        "mask": new.mask is None and not clicked,
        "landmarks": not new.landmarks,
    }
    kept["labels"] = kept["points"]
    return replace(new, **{name: getattr(old, name) for name, keep in kept.items() if keep})


def _has_masks(document: Any) -> bool:
    try:
        return any("mask" in f for ear in document["objects"] for f in ear["frames"].values())
    except (KeyError, TypeError, AttributeError):
        return False


def _reader(store: Store) -> ReaderName:
    """The reader of the video; a folder of images has none to choose."""
    name = (store.provenance.get("clip") or {}).get("reader")
    return name if name in ("decord", "pyav") else "auto"


def _name(value: Any) -> str:
    """A setting that is a name, or that has one beside its parameters."""
    return str(value["name"] if isinstance(value, Mapping) else value)


def _untold(store: Store) -> StoreError:
    return StoreError(
        f"{store.path} does not tell with what prompt and settings it was made: correct it with "
        f"earvid track and its prompt file."
    )
