"""A store of which only the memory bank matters."""

import numpy as np
import pytest
from made_masks import doubtful

from earvid.store import FrameRecord, Store, StoreSpec, StoreWriter


@pytest.fixture
def store(tmp_path):
    """12 frames of two ears; the second has no memory; the last shard of 4 is not done."""
    spec = StoreSpec(
        clip_name="clip.mp4", frame_count=12, width=16, height=12, fps=25.0,
        times=np.arange(12) / 25, object_ids=(1, 2), object_names=("left $a_", "耳"),
        keypoints=(), memory_slots=3, fingerprint="0" * 64, shard_bytes=4 * 16 * 12,
    )  # fmt: skip
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        for t in range(8):
            memory = np.full((2, 3), -1, np.int32)
            memory[0] = [2, max(t - 1, -1), max(t - 2, -1)]
            if t == 2:
                memory[0] = [2, -1, -1]
            writer.add(
                FrameRecord(
                    t, np.zeros((12, 16), np.uint8), np.zeros((3, 4), np.uint8),
                    np.full((4, 2), np.nan, np.float32),
                    np.array([t / 10, np.nan], np.float32), np.array([1, 0], np.float32),
                    np.zeros(2, np.float32), memory, np.zeros(2, np.uint8),
                    np.zeros((2, 0, 2), np.float32),
                    np.zeros((0, 2), np.float32), np.zeros((0, 2), np.uint8),
                )
            )  # fmt: skip
    return Store.open(tmp_path / "a.zarr")


@pytest.fixture
def make_store(tmp_path):
    """Make a store of given masks; everything else follows from them, or is given by frame."""

    def make(masks, name="clip.earvid.zarr", *, ids=(1,), names=("ear",), keypoints=(), finish=True,
             score=lambda t: 0.95, presence=lambda t, seen: 0.99 if seen else 0.01,
             visible=lambda t: 1, duplicate_of=lambda t, one: 0, clip_name="clip.mp4",
             provenance=None, done=None):  # fmt: skip
        count, (height, width) = len(masks), masks[0].shape
        spec = StoreSpec(
            clip_name=clip_name, frame_count=count, width=width, height=height, fps=25.0,
            times=np.arange(count) / 25, object_ids=ids, object_names=names, keypoints=keypoints,
            memory_slots=1, fingerprint="0" * 64, provenance=provenance or {},
            shard_bytes=16 * width * height,
        )  # fmt: skip
        points = len(keypoints)
        with StoreWriter.create(tmp_path / name, spec) as writer:
            for t, mask in enumerate(masks[:done]):
                boxes = [_box(mask == one) for one in ids]
                area = np.array([(mask == one).sum() for one in ids], np.float32)
                writer.add(
                    FrameRecord(
                        t, mask, np.full((-(-height // 4), -(-width // 4)), 128, np.uint8),
                        np.stack(boxes, axis=1),
                        np.where(area > 0, score(t), np.nan).astype(np.float32),
                        np.array([presence(t, a > 0) for a in area], np.float32), area,
                        np.full((len(ids), 1), -1, np.int32),
                        np.array([duplicate_of(t, one) for one in ids], np.uint8),
                        np.full((2, points, len(ids)), 50, np.float32),
                        np.full((points, len(ids)), 0.8, np.float32),
                        np.full((points, len(ids)), visible(t), np.uint8),
                    )
                )  # fmt: skip
            if finish and done is None:
                writer.finish({})
        return Store.open(tmp_path / name)

    return make


def _box(mask):
    if not mask.any():
        return np.full(4, np.nan, np.float32)
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float32)


@pytest.fixture
def doubtful_masks():
    """An ear that drifts slowly, is elsewhere on a few frames, and is away for a while."""
    return doubtful()
