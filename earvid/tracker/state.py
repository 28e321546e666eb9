"""Sessions and results as bytes and back, exactly: a killed run goes on as if never stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from earvid.errors import StoreError
from earvid.tracker.looks_state import put_looks, take_looks
from earvid.tracker.memory import MemoryBank, MemoryEntry
from earvid.tracker.object_track import ObjectTrack
from earvid.tracker.results import FrameResult, ObjectResult
from earvid.tracker.roi import Roi, RoiState
from earvid.tracker.session import Session

_ABOUT = "about"


def dump_session(session: Session) -> bytes:
    """Serialize what a session has learned so far: banks, crops, handover.

    Returns:
        A safetensors file as bytes; tensors keep their dtype, numbers are exact.
    """
    tensors: dict[str, Tensor] = {}
    about: dict[str, Any] = {
        "direction": session.direction,
        "policy": session.policy.name,
        "objects": {},
    }
    for object_id, track in session.tracks.items():
        about["objects"][str(object_id)] = {
            "roi": asdict(track.roi) if track.roi else None,
            "start_roi": asdict(track.start_roi) if track.start_roi else None,
            "numbers": track.bank.numbers,
            "looks": put_looks(tensors, f"{object_id}.looks", track.looks),
            **{
                part: [_put(tensors, f"{object_id}.{part}.{i}", entry) for i, entry in rows]
                for part, rows in _parts(track).items()
            },
        }
    return bytes(save({**tensors, _ABOUT: _text(about)}))


def load_session(session: Session, data: bytes) -> None:
    """Restore what :func:`dump_session` wrote into a new session of the same prompt and model.

    Raises:
        StoreError: the bytes are no session, or of another prompt, direction or policy.
    """
    try:
        tensors = load(data)
        about = json.loads(tensors[_ABOUT].numpy().tobytes())
        objects, policy = about["objects"], about["policy"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise StoreError("The saved state of this store is damaged; use --overwrite.") from error
    if about["direction"] != session.direction or set(objects) != {str(i) for i in session.tracks}:
        raise StoreError("The saved state belongs to another prompt; use --overwrite.")
    if policy != session.policy.name:
        raise StoreError(f"The saved state belongs to the policy {policy}; use --overwrite.")
    try:
        for key, saved in objects.items():
            session.tracks[int(key)] = _track(session, key, saved, tensors)
    except (KeyError, TypeError) as error:
        raise StoreError(
            "The saved state of this store is of another version of earvid; use --overwrite."
        ) from error


def _track(
    session: Session, key: str, saved: dict[str, Any], tensors: dict[str, Tensor]
) -> ObjectTrack:
    banks = {
        part: _take(tensors, f"{key}.{part}", saved[part], session.engine.device)
        for part in ("keyframes", "recent", "anchors", "handover")
    }
    numbers = {name: tuple(values) for name, values in saved["numbers"].items()}
    return ObjectTrack(
        MemoryBank(
            session.direction,
            banks["keyframes"],
            banks["recent"],
            banks["anchors"],
            numbers,
        ),
        _roi(saved["roi"]),
        _roi(saved["start_roi"]),
        MemoryBank(1, {}, banks["handover"]),
        take_looks(tensors, f"{key}.looks", saved["looks"]),
    )


def dump_results(results: list[FrameResult]) -> bytes:
    """Serialize results of consecutive frames, exactly, small enough to wait on disk."""
    flat = [one for result in results for one in result.objects.values()]
    about = {
        "frames": [result.index for result in results],
        "objects": [
            {k: v for k, v in vars(one).items() if k not in ("logits", "roi")}
            | {"roi": asdict(one.roi)}
            for one in flat
        ],
    }
    tensors = {f"logits.{i}": torch.from_numpy(one.logits) for i, one in enumerate(flat)}
    return bytes(save({**tensors, _ABOUT: _text(about)}))


def load_results(data: bytes) -> dict[int, FrameResult]:
    """Read what :func:`dump_results` wrote, by frame."""
    tensors = load(data)
    about = json.loads(tensors[_ABOUT].numpy().tobytes())
    results = {index: FrameResult(index, {}) for index in about["frames"]}
    for i, saved in enumerate(about["objects"]):
        values = saved | {"roi": Roi(**saved["roi"]), "memory": tuple(saved["memory"])}
        one = ObjectResult(logits=tensors[f"logits.{i}"].numpy(), **values)
        results[one.index].objects[one.object_id] = one
    return results


def _text(about: dict[str, Any]) -> Tensor:
    return torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)


def _parts(track: ObjectTrack) -> dict[str, list[tuple[int, MemoryEntry]]]:
    return {
        "keyframes": list(track.bank.keyframes.items()),
        "recent": list(track.bank.recent.items()),
        "anchors": list(track.bank.anchors.items()),
        "handover": list(track.handover.recent.items()),
    }


_TENSORS = ("features", "pointer", "signature")
_NUMBERS = ("index", "score", "presence", "area", "box", "marks")


def _put(tensors: dict[str, Tensor], name: str, entry: MemoryEntry) -> dict[str, Any]:
    for field, tensor in zip(_TENSORS, (entry.map, entry.pointer, entry.signature), strict=True):
        if tensor is not None:
            # Clones, because an entry may be in two places, which safetensors refuses.
            tensors[f"{name}.{field}"] = tensor.cpu().clone().contiguous()
    return {field: getattr(entry, field) for field in _NUMBERS}


def _take(
    tensors: dict[str, Tensor], prefix: str, saved: list[dict[str, Any]], device: torch.device
) -> dict[int, MemoryEntry]:
    entries: dict[int, MemoryEntry] = {}
    for numbers in saved:  # their order is part of the state: policies may read it
        index = numbers["index"]
        values: dict[str, Any] = dict(numbers)
        values["box"] = None if numbers["box"] is None else tuple(numbers["box"])
        for field in _TENSORS:
            tensor = tensors.get(f"{prefix}.{index}.{field}")
            values[field] = None if tensor is None else tensor.to(device)
        entries[index] = MemoryEntry(**values)
    return entries


def _roi(saved: dict[str, Any] | None) -> RoiState | None:
    if saved is None:
        return None
    return RoiState(**{**saved, "center": tuple(saved["center"])})
