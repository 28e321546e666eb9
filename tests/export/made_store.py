"""A store of two ears with landmarks, and its clip, made from the sample that ships."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from earvid.prompt import IBUG55_NAMES
from earvid.sample import load_truth, sample_path
from earvid.store import FrameRecord, Store, StoreSpec, StoreWriter
from earvid.video import Clip, VideoWriter

FRAMES, WIDTH, HEIGHT, FPS = 10, 160, 120, 30
FIRST = 40  # of the sample clip
ABSENT = 4  # frame without the first ear
WEAK = 6  # frame on which the first ear has a low score
CORRECTED = 2
NAMES, IDS = ("left", "right"), (3, 7)
SHARD = 4
CYCLE = 20  # frames of the sample after which a longer clip begins anew


@dataclass(frozen=True, eq=False)
class Made:
    """What was written, to compare with: T frames, K landmarks, 2 ears."""

    path: Path
    clip: Path
    masks: np.ndarray  # (T, H, W) uint8
    position: np.ndarray  # (T, 2, K, 2) float32
    confidence: np.ndarray  # (T, K, 2) float32
    visible: np.ndarray  # (T, K, 2) uint8
    box: np.ndarray  # (T, 4, 2) float32
    score: np.ndarray  # (T, 2) float32

    @property
    def store(self):
        return Store.open(self.path)


def make(folder, *, frames=FRAMES, keypoints=IBUG55_NAMES, ready=None, provenance=None):
    """Write a clip and its store; `ready` frames of it are done, all by default."""
    folder.mkdir(exist_ok=True)
    clip = _write_clip(folder / "ear.mp4", frames)
    records = [_record(index, keypoints) for index in range(frames)]
    path = folder / "ear.earvid.zarr"
    with Clip.open(clip) as opened:
        times = opened.times
    spec = StoreSpec(
        clip_name=clip.name,
        frame_count=frames,
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        times=times,
        object_ids=IDS,
        object_names=NAMES,
        keypoints=keypoints,
        memory_slots=1,
        fingerprint=hashlib.sha256(b"made").hexdigest(),
        shard_bytes=SHARD * WIDTH * HEIGHT,
        provenance=provenance or {},
    )
    with StoreWriter.create(path, spec) as writer:
        for record in records[:ready]:
            writer.add(record)
        if ready is None:
            writer.finish({})

    def stacked(name):
        return np.stack([getattr(record, name) for record in records])

    names = ("mask", "position", "confidence", "visible", "box", "score")
    return Made(path, clip, *map(stacked, names))


def _write_clip(path, frames):
    with Clip.open(sample_path()) as clip, VideoWriter(path, WIDTH, HEIGHT, FPS) as writer:
        images = [
            cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            for frame in clip.frames(FIRST, FIRST + min(frames, CYCLE))
        ]
        for index in range(frames):
            writer.write(images[index % CYCLE])
    return path


def _record(index, keypoints):
    """The sample's ear on the left half, and its mirror image on the right."""
    truth, t = _truth(), FIRST + index % CYCLE
    ear = truth.masks[t][::4, ::4][:, : WIDTH // 2 * 2]
    half = cv2.resize(ear.astype(np.uint8), (WIDTH // 2, HEIGHT), interpolation=cv2.INTER_NEAREST)
    mask = np.hstack([half * IDS[0], half[:, ::-1] * IDS[1]]).astype(np.uint8)
    points = truth.landmarks[t][: len(keypoints)] / np.float32([8, 4])
    mirrored = points * np.float32([-1, 1]) + np.float32([WIDTH - 1, 0])
    position = np.stack([points.T, mirrored.T], axis=2).astype(np.float32)
    count = len(keypoints)
    rising = np.linspace(0.2, 0.95, count, dtype=np.float32)
    confidence = np.stack([rising, rising[::-1]], axis=1)
    visible = (confidence > 0.5).astype(np.uint8)
    if count > 1:
        position[:, 1, 1] = confidence[1, 1] = np.nan  # one that is not known
        visible[1, 1] = 0
    score = np.float32([0.3 if index == WEAK else 0.9, 0.8])
    if index == ABSENT:
        mask[mask == IDS[0]] = 0
        position[:, :, 0] = confidence[:, 0] = score[0] = np.nan
        visible[:, 0] = 0
    box = np.stack([_box(mask == one) for one in IDS], axis=1)
    return FrameRecord(
        index=index,
        mask=mask,
        proxy=np.full((HEIGHT // 4, WIDTH // 4), 10 * (index % 20), np.uint8),
        box=box,
        score=score,
        presence=np.where(np.isnan(score), 0.1, 0.95).astype(np.float32),
        area=np.float32([(mask == one).sum() for one in IDS]),
        memory=np.full((2, 1), -1, np.int32),
        duplicate_of=np.zeros(2, np.uint8),
        position=position,
        confidence=confidence.astype(np.float32),
        visible=visible,
        status=2 if index == CORRECTED else 1,
    )


def _box(region):
    rows, columns = np.nonzero(region)
    if not len(rows):
        return np.full(4, np.nan, np.float32)
    return np.float32([columns.min(), rows.min(), columns.max(), rows.max()])


@cache
def _truth():
    return load_truth()
