"""Writing a prompt as JSON, for files and for its digest."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from earvid.prompt._json_in import VERSION
from earvid.prompt._types import FramePrompt, ObjectPrompt


def document_from_objects(objects: Sequence[ObjectPrompt], stem: str) -> dict[str, Any]:
    """Turn objects into the content of a prompt file called `stem`.json.

    Masks appear as the names that `mask_name` gives them.
    """
    return {
        "version": VERSION,
        "objects": [
            _object(ear, lambda ear, index: mask_name(stem, ear, index)) for ear in objects
        ],
    }


def canonical_digest(objects: Sequence[ObjectPrompt]) -> str:
    """Hash the content of a prompt: what it says, however it was written or stored.

    Returns:
        sha256 hex over sorted JSON, in which a mask is its size and the hash of its pixels and
        landmarks are a list, for their order is the order of keypoints in a store.
    """
    document = [_object(ear, _mask_digest) for ear in objects]
    for ear in document:
        for frame in ear["frames"].values():
            frame["landmarks"] = list(frame.get("landmarks", {}).items())
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def mask_name(stem: str, ear: ObjectPrompt, index: int) -> str:
    """Name the image file of the mask of `ear` on frame `index`."""
    return f"{stem}-{ear.id}-{index}.png"


MaskForm = Callable[[ObjectPrompt, int], object]
"""How the mask of an object on a frame is written."""


def _object(ear: ObjectPrompt, mask_form: MaskForm) -> dict[str, Any]:
    scheme = {} if ear.scheme is None else {"scheme": ear.scheme}
    frames = {str(index): _frame(ear, index, mask_form) for index in ear.frames}
    # Left out where there is none, so that prompts without keep the digests that they had.
    absent = {"absent": [list(one) for one in ear.absent]} if ear.absent else {}
    return {"id": ear.id, "name": ear.name, **scheme, "frames": frames, **absent}


def _frame(ear: ObjectPrompt, index: int, mask_form: MaskForm) -> dict[str, Any]:
    frame = ear.frames[index]
    out: dict[str, Any] = {}
    if frame.box is not None:
        out["box"] = [_plain(value) for value in frame.box]
    if len(frame.points):
        out["points"] = _points(frame)
    if frame.mask is not None:
        out["mask"] = mask_form(ear, index)
    if frame.landmarks:
        out["landmarks"] = {
            name: [_plain(x), _plain(y)] for name, (x, y) in frame.landmarks.items()
        }
    return out


def _points(frame: FramePrompt) -> list[list[float]]:
    return [
        [_shortest(x), _shortest(y), int(label)]
        for (x, y), label in zip(frame.points, frame.labels, strict=True)
    ]


def _shortest(value: np.float32) -> float:
    """Give the float with the fewest digits that is `value` in float32: 450.1, not 450.10001."""
    return _plain(float(np.format_float_positional(value, unique=True)))


def _plain(value: float) -> float:
    return value + 0.0  # -0.0 and 0.0 are the same place


def _mask_digest(ear: ObjectPrompt, index: int) -> list[object]:
    mask = np.asarray(ear.frames[index].mask)
    return [*mask.shape, hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()]
