"""What is fixed about a store before its first frame, and the header that says so."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.errors import StoreError
from earvid.store._json import plain

SCHEMA = "earvid.store"
VERSION = 2  # 1 has no `duplicate_of`
READABLE = (1, VERSION)

MAX_OBJECTS = 255  # masks hold ids in uint8, and 0 is the background
MAX_SHARD_LENGTH = 256
SHARD_BYTES = 64 * 2**20
PROXY_STEP = 4


@dataclass(frozen=True, eq=False)
class StoreSpec:
    """Everything about a store that is fixed before its first frame.

    Args:
        clip_name: File name of the clip.
        frame_count: Frames of the clip, N.
        width: Of a frame after rotation, pixels, W.
        height: Of a frame after rotation, pixels, H.
        fps: Nominal frames per second; `times` tells the truth.
        times: (N,) float64 seconds from the first frame, never decreasing.
        object_ids: Values in the mask, 1 to 255, each once.
        object_names: Name of each object, each once.
        keypoints: Names of the landmarks, each once; may be empty.
        memory_slots: Frames that `memory` has room for, per frame and object.
        fingerprint: sha256 hex of all that decides what the arrays will hold.
        provenance: How the store came about, for people; NaN becomes null.
        shard_bytes: Budget for the masks of one shard in memory.
        lineage: What the fingerprint was made from, for a later run to tell what differs.

    Raises:
        StoreError: Something is out of range or does not fit together.
    """

    clip_name: str
    frame_count: int
    width: int
    height: int
    fps: float
    times: NDArray[np.float64]
    object_ids: tuple[int, ...]
    object_names: tuple[str, ...]
    keypoints: tuple[str, ...]
    memory_slots: int
    fingerprint: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    shard_bytes: int = SHARD_BYTES
    lineage: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        times = np.array(self.times, np.float64)
        times.flags.writeable = False
        for name, value in (
            ("times", times),
            ("object_ids", tuple(int(one) for one in self.object_ids)),
            ("object_names", tuple(self.object_names)),
            ("keypoints", tuple(self.keypoints)),
            ("provenance", plain(self.provenance)),
            ("lineage", plain(self.lineage)),
        ):
            object.__setattr__(self, name, value)
        self._check_clip()
        self._check_objects()

    def _check_clip(self) -> None:
        size = (self.frame_count, self.width, self.height)
        _require(min(size) >= 1, f"A clip of {size} frames, width and height holds nothing.")
        _require(math.isfinite(self.fps) and self.fps > 0, f"{self.fps} frames per second is none.")
        count = self.frame_count
        _require(
            self.times.shape == (count,) and bool(np.isfinite(self.times).all()),
            f"A clip of {count} frames needs {count} times in seconds, not {self.times.shape}.",
        )
        _require(bool((np.diff(self.times) >= 0).all()), "The times of the frames run backwards.")
        _require(self.memory_slots >= 0, f"{self.memory_slots} memory slots are too few.")
        _require(self.shard_bytes >= 1, f"A shard of {self.shard_bytes} bytes holds nothing.")
        _require(
            re.fullmatch("[0-9a-f]{64}", self.fingerprint) is not None,
            f"The fingerprint {self.fingerprint!r} is not a sha256 in hex.",
        )

    def _check_objects(self) -> None:
        ids, names = self.object_ids, self.object_names
        _require(
            1 <= len(ids) <= MAX_OBJECTS,
            f"A store holds 1 to {MAX_OBJECTS} objects, not {len(ids)}: track fewer at a time.",
        )
        _require(
            min(ids) >= 1 and max(ids) <= MAX_OBJECTS,
            f"Object ids are numbers from 1 to {MAX_OBJECTS}, unlike those in {_some(ids)}.",
        )
        _require(len(names) == len(ids), f"{len(ids)} objects need as many names: {_some(names)}.")
        _require_distinct("object ids", ids)
        _require_distinct("object names", names)
        _require_distinct("landmarks", self.keypoints)

    @property
    def shard_length(self) -> int:
        """Frames per shard, the last one apart: as many as the budget allows, at most 256."""
        affordable = max(1, self.shard_bytes // (self.width * self.height))
        return min(affordable, MAX_SHARD_LENGTH, self.frame_count)

    @property
    def shard_count(self) -> int:
        """Shards of the store."""
        return -(-self.frame_count // self.shard_length)

    @property
    def proxy_size(self) -> tuple[int, int]:
        """Height and width of the proxy image: a quarter of the frame, rounded up."""
        return -(-self.height // PROXY_STEP), -(-self.width // PROXY_STEP)

    def shard_range(self, shard: int) -> range:
        """The frames of a shard."""
        start = shard * self.shard_length
        return range(start, min(start + self.shard_length, self.frame_count))


def header(spec: StoreSpec) -> dict[str, Any]:
    """The ``earvid`` attribute of the root of a store that was just begun."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "complete": False,
        "fingerprint": spec.fingerprint,
        **shape_of(spec),
        "lineage": spec.lineage,
        "provenance": spec.provenance,
        "summary": None,
    }


def shape_of(spec: StoreSpec) -> dict[str, Any]:
    """The part of the header that fixes the arrays, ``time`` apart."""
    return {
        "clip": {
            "name": spec.clip_name,
            "frame_count": spec.frame_count,
            "width": spec.width,
            "height": spec.height,
            "fps": float(spec.fps),
        },
        "objects": [
            {"id": one, "name": name}
            for one, name in zip(spec.object_ids, spec.object_names, strict=True)
        ],
        "keypoints": list(spec.keypoints),
        "memory_slots": spec.memory_slots,
        "shard_bytes": spec.shard_bytes,
        "shard_length": spec.shard_length,
    }


def spec_of(head: Mapping[str, Any], times: NDArray[np.float64]) -> StoreSpec:
    """The spec that a header was made from.

    Raises:
        LookupError, TypeError, ValueError, StoreError: The header is damaged.
    """
    clip = head["clip"]
    return StoreSpec(
        clip_name=clip["name"],
        frame_count=clip["frame_count"],
        width=clip["width"],
        height=clip["height"],
        fps=clip["fps"],
        times=times,
        object_ids=tuple(one["id"] for one in head["objects"]),
        object_names=tuple(one["name"] for one in head["objects"]),
        keypoints=tuple(head["keypoints"]),
        memory_slots=head["memory_slots"],
        fingerprint=head["fingerprint"],
        provenance=head["provenance"],
        shard_bytes=head["shard_bytes"],
        lineage=head.get("lineage") or {},
    )


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise StoreError(sentence)


def _require_distinct(what: str, values: Sequence[object]) -> None:
    twice = [one for one in values if values.count(one) > 1]
    _require(not twice, f"The {what} must differ, but {_some(twice[:1])} is there twice.")


def _some(values: Sequence[object]) -> str:
    shown = ", ".join(map(str, values[:8]))
    return shown if len(values) <= 8 else f"{shown}, …"
