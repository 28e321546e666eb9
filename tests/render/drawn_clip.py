"""A small clip of a moving bright ear, and a store of it that is still being written."""

import numpy as np

from earvid.store import FrameRecord, Store, StoreSpec, StoreWriter
from earvid.video import VideoWriter

WIDTH, HEIGHT, FRAMES = 320, 240, 12
EAR = 7
ABSENT = range(6, 8)
PENDING = range(10, 12)
CORRECTED = 4
SHARD = 2


def ear_box(index):
    """The box of the ear on a frame, which moves 4 pixels a frame to the right."""
    x = 100 + 4 * index
    return x, 70, x + 59, 169


def ear_mask(index, shape=(HEIGHT, WIDTH)):
    mask = np.zeros(shape, np.uint8)
    if index not in ABSENT:
        x0, y0, x1, y1 = ear_box(index)
        mask[y0 : y1 + 1, x0 : x1 + 1] = EAR
    return mask


def image(index):
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    picture[ear_mask(index) == EAR] = (200, 160, 140)
    return picture


def write_clip(path, times=None):
    with VideoWriter(path, WIDTH, HEIGHT, fps=25) as writer:
        for index in range(FRAMES):
            writer.write(image(index), time=None if times is None else times[index])
    return path


def write_store(path, width=WIDTH, height=HEIGHT, frames=FRAMES, keypoints=("seen", "hidden")):
    """Write a store in which the last shard is still to come, and open it."""
    spec = StoreSpec(
        clip_name="clip.mp4",
        frame_count=frames,
        width=width,
        height=height,
        fps=25,
        times=np.arange(frames) / 25,
        object_ids=(EAR,),
        object_names=("left",),
        keypoints=keypoints,
        memory_slots=0,
        fingerprint="0" * 64,
        shard_bytes=SHARD * width * height,
    )
    with StoreWriter.create(path, spec) as writer:
        for index in range(PENDING.start):
            writer.add(record(index, spec))
    return Store.open(path)


def record(index, spec):
    mask = ear_mask(index, (spec.height, spec.width))
    present = bool(mask.any())
    x0, y0, x1, y1 = ear_box(index)
    corners = np.array([[x0], [y0], [x1], [y1]], np.float32)
    points = np.array([[[x0 + 9], [x0 + 19]], [[y0 + 9], [y0 + 19]]], np.float32)
    points = np.tile(points, (1, -(-len(spec.keypoints) // 2), 1))[:, : len(spec.keypoints)]
    return FrameRecord(
        index=index,
        mask=mask,
        proxy=np.zeros(spec.proxy_size, np.uint8),
        box=corners if present else np.full_like(corners, np.nan),
        score=np.array([0.9 if present else np.nan], np.float32),
        presence=np.array([present], np.float32),
        area=np.array([np.count_nonzero(mask)], np.float32),
        memory=np.zeros((1, 0), np.int32),
        duplicate_of=np.zeros(1, np.uint8),
        position=points if present else np.full_like(points, np.nan),
        confidence=np.full((len(spec.keypoints), 1), 0.5, np.float32),
        visible=1 - np.arange(len(spec.keypoints), dtype=np.uint8)[:, None] % 2,
        status=2 if index == CORRECTED else 1,
    )
