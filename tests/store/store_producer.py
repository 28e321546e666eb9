"""A tracker in small: its frames depend on all before them, forwards and then backwards."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from earvid.store import Decision, FrameRecord, StoreSpec, StoreWriter, decide

KEYFRAME = 10  # in the middle of a shard


def make_spec(seed: int = 0, **changes: object) -> StoreSpec:
    """A clip of 30 frames of 24 x 20 in shards of 8, two ears and three landmarks."""
    count = int(changes.get("frame_count", 30))  # type: ignore[call-overload]
    values: dict[str, object] = {
        "clip_name": "clip.mp4",
        "frame_count": count,
        "width": 24,
        "height": 20,
        "fps": 25.0,
        "times": np.arange(count) / 25,
        "object_ids": (1, 2),
        "object_names": ("left", "right"),
        "keypoints": ("tragus_tip", "lobe", "helix"),
        "memory_slots": 2,
        "fingerprint": hashlib.sha256(str(seed).encode()).hexdigest(),
        "provenance": {"seed": seed},
        "shard_bytes": 8 * 24 * 20,
        **changes,
    }
    return StoreSpec(**values)  # type: ignore[arg-type]


def make_record(spec: StoreSpec, index: int, seed: int = 0, status: int = 1) -> FrameRecord:
    """A frame that `seed` and its number determine."""
    random = np.random.default_rng([seed, index])
    count, points = len(spec.object_ids), len(spec.keypoints)

    def floats(*shape: int) -> np.ndarray:
        values = random.normal(size=shape).astype(np.float32)
        return np.where(random.random(shape) < 0.2, np.float32(np.nan), values)

    return FrameRecord(
        index=index,
        mask=random.choice(np.array([0, *spec.object_ids], np.uint8), (spec.height, spec.width)),
        proxy=random.integers(0, 256, spec.proxy_size, np.uint8),
        box=floats(4, count),
        score=floats(count),
        presence=floats(count),
        area=floats(count),
        memory=random.integers(-1, 9, (count, spec.memory_slots), np.int32),
        duplicate_of=random.integers(0, 9, count, np.uint8),
        position=floats(2, points, count),
        confidence=floats(points, count),
        visible=random.integers(0, 2, (points, count), np.uint8),
        status=status,
    )


def produce(path: Path, spec: StoreSpec, step: Callable[[], object] = lambda: None) -> None:
    """Write a store as a tracker does, or go on with one; `step` is called after each frame."""
    make = decide(path, spec.fingerprint)
    if make is Decision.SKIP:
        return
    with (StoreWriter.resume if make is Decision.RESUME else StoreWriter.create)(path, spec) as out:
        if out.pending:
            _track(out, spec, step)
        out.finish({"frames": spec.frame_count})


def _track(out: StoreWriter, spec: StoreSpec, step: Callable[[], object]) -> None:
    seam = min(spec.frame_count, -(-KEYFRAME // spec.shard_length) * spec.shard_length)
    way, index, memory = "forward", KEYFRAME, int(spec.provenance["seed"])
    if (saved := out.load_state()) is not None:
        way, index, memory = json.loads(saved["about"])
    if way == "forward":
        _forward(out, spec, step, range(index, spec.frame_count), memory, seam)
        index, memory = seam - 1, int(spec.provenance["seed"])
    staged: dict[str, int] = {}
    for at in range(index, -1, -1):
        shard = at // spec.shard_length
        if at >= KEYFRAME and not staged:
            blobs = out.load_stage(shard)
            assert blobs is not None
            staged = json.loads(blobs["results"])
        memory = _next(memory, at)
        out.add(make_record(spec, at, memory + staged.get(str(at), 0)))
        if at % spec.shard_length == 0:
            _save(out, "backward", at - 1, memory)
            out.drop_stage(shard)
        step()


def _forward(
    out: StoreWriter,
    spec: StoreSpec,
    step: Callable[[], object],
    frames: range,
    memory: int,
    seam: int,
) -> None:
    staged: dict[int, int] = {}
    for at in frames:
        memory = _next(memory, at)
        if at < seam:
            staged[at] = memory
        else:
            out.add(make_record(spec, at, memory))
        if (at + 1) % spec.shard_length == 0 or at == spec.frame_count - 1:
            if staged:
                out.stage(at // spec.shard_length, {"results": json.dumps(staged).encode()})
                staged = {}
            _save(out, "forward", at + 1, memory)
        step()


def _save(out: StoreWriter, way: str, index: int, memory: int) -> None:
    about = json.dumps([way, index, memory]).encode()
    out.save_state({"about": about, "bulk": bytes(200_000)})


def _next(memory: int, index: int) -> int:
    return (memory * 6364136223846793005 + index + 1442695040888963407) % 2**48
