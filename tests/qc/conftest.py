"""A store of which only the memory bank matters."""

import numpy as np
import pytest

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
                    np.zeros(2, np.float32), memory, np.zeros((2, 0, 2), np.float32),
                    np.zeros((0, 2), np.float32), np.zeros((0, 2), np.uint8),
                )
            )  # fmt: skip
    return Store.open(tmp_path / "a.zarr")
