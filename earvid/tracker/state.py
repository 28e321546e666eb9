"""A session as bytes and back, exactly, so that a killed run goes on as if it had not stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from earvid.errors import StoreError
from earvid.tracker.memory import MemoryBank, MemoryEntry
from earvid.tracker.roi import RoiState
from earvid.tracker.session import ObjectTrack, Session

_ABOUT = "about"


def dump_session(session: Session) -> bytes:
    """Serialize what a session has learned so far: banks, crops, handover.

    Returns:
        A safetensors file as bytes; tensors keep their dtype, numbers are exact.
    """
    tensors: dict[str, Tensor] = {}
    about: dict[str, Any] = {"direction": session.direction, "objects": {}}
    for object_id, track in session.tracks.items():
        about["objects"][str(object_id)] = {
            "roi": asdict(track.roi) if track.roi else None,
            "start_roi": asdict(track.start_roi) if track.start_roi else None,
            **{
                part: [_put(tensors, f"{object_id}.{part}.{i}", entry) for i, entry in rows]
                for part, rows in _parts(track)
            },
        }
    blob = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
    return save({**tensors, _ABOUT: blob})


def load_session(session: Session, data: bytes) -> None:
    """Restore what :func:`dump_session` wrote into a new session of the same prompt and model.

    Raises:
        StoreError: the bytes are no session, or of another prompt or direction.
    """
    try:
        tensors = load(data)
        about = json.loads(tensors[_ABOUT].numpy().tobytes())
        objects = about["objects"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise StoreError("The saved state of this store is damaged; use --overwrite.") from error
    if about["direction"] != session.direction or set(objects) != {str(i) for i in session.tracks}:
        raise StoreError("The saved state belongs to another prompt; use --overwrite.")
    for key, saved in objects.items():
        banks = {
            part: _take(tensors, f"{key}.{part}", saved[part])
            for part in ("keyframes", "recent", "handover")
        }
        session.tracks[int(key)] = ObjectTrack(
            MemoryBank(session.direction, banks["keyframes"], banks["recent"]),
            _roi(saved["roi"]),
            _roi(saved["start_roi"]),
            MemoryBank(1, {}, banks["handover"]),
        )


def _parts(track: ObjectTrack) -> list[tuple[str, list[tuple[int, MemoryEntry]]]]:
    return [
        ("keyframes", list(track.bank.keyframes.items())),
        ("recent", list(track.bank.recent.items())),
        ("handover", list(track.handover.recent.items())),
    ]


def _put(tensors: dict[str, Tensor], name: str, entry: MemoryEntry) -> dict[str, Any]:
    tensors[f"{name}.pointer"] = entry.pointer.cpu().contiguous()
    if entry.features is not None:
        tensors[f"{name}.features"] = entry.features.cpu().contiguous()
    return {
        "index": entry.index,
        "score": entry.score,
        "presence": entry.presence,
        "area": entry.area,
    }


def _take(
    tensors: dict[str, Tensor], prefix: str, saved: list[dict[str, Any]]
) -> dict[int, MemoryEntry]:
    # The order of entries is part of the state: policies may read it.
    return {
        s["index"]: MemoryEntry(
            s["index"],
            tensors.get(f"{prefix}.{s['index']}.features"),
            tensors[f"{prefix}.{s['index']}.pointer"],
            s["score"],
            s["presence"],
            s["area"],
        )
        for s in saved
    }


def _roi(saved: dict[str, Any] | None) -> RoiState | None:
    if saved is None:
        return None
    return RoiState(**{**saved, "center": tuple(saved["center"])})


