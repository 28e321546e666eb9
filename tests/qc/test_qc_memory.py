"""The picture of the memory bank."""

import cv2
import pytest

from earvid.errors import StoreError, UsageError
from earvid.qc import memory_picture
from earvid.sample import sample_path
from earvid.video import Clip

pytest.importorskip("matplotlib")


def test_ears_without_memories_and_frames_that_are_not_done_are_drawn(store, tmp_path):
    made = memory_picture(store, tmp_path / "m.png")
    image = cv2.imread(str(made))
    half = image.shape[0] // 2  # an ear each
    assert image.shape[0] > 1000 and image[:half].std() > image[half:].std() > 5


def test_another_clip_and_a_file_that_is_there_are_refused(store, tmp_path):
    out = tmp_path / "m.png"
    with (
        Clip.open(sample_path("ear.mp4")) as clip,
        pytest.raises(StoreError, match="another size or number of frames"),
    ):
        memory_picture(store, out, clip=clip)
    assert not out.exists()
    out.write_bytes(b"mine")
    with pytest.raises(UsageError, match="there already"):
        memory_picture(store, out)
    assert out.read_bytes() == b"mine"
