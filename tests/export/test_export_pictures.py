"""Videos and pyramids: what a viewer of them sees."""

from __future__ import annotations

import cv2
import numpy as np
import ome_zarr.io
import ome_zarr.reader
import pytest
import zarr
from made_store import ABSENT, FRAMES, HEIGHT, IDS, NAMES, WIDTH
from ome_zarr_models.v05 import Image
from ome_zarr_models.v05.labels import Labels

from earvid.errors import StoreError, UsageError
from earvid.export import Selection, export
from earvid.export.camera import Camera
from earvid.export.ngff import SMALLEST
from earvid.video import Clip

SOFT = 12  # gray values by which compression may change a pixel, in the mean


def images(path):
    with Clip.open(path) as clip:
        return np.stack([frame.image for frame in clip.frames()]).astype(int), clip.times


def test_overlay_shows_what_was_selected_at_its_time(made, tmp_path):
    selection = Selection(frames=(slice(2, 9, 2),), ears=("left",))
    with Clip.open(made.clip) as clip:
        path = export(made.store, "mp4", tmp_path / "a.mp4", selection=selection, clip=clip)
    drawn, times = images(path)
    bare, bare_times = images(made.clip)
    assert np.allclose(times, bare_times[2:9:2] - bare_times[2], atol=1e-3)
    changed = np.abs(drawn - bare[2:9:2]).mean(axis=3)
    for at, frame in enumerate((2, 4, 6, 8)):
        left, right = (changed[at][_inner(made.masks[frame] == one)] for one in IDS)
        assert right.mean() < SOFT, "the other ear is not drawn"
        if frame != ABSENT:
            assert left.mean() > 2 * SOFT


def _inner(region):
    return cv2.erode(region.astype(np.uint8), np.ones((5, 5))) > 0 if region.any() else region


def test_matte_is_white_where_the_ears_are(made, tmp_path):
    matte, times = images(export(made.store, "mp4", tmp_path / "a.mp4", picture="matte"))
    assert np.allclose(times, made.store.times, atol=1e-3)
    assert np.array_equal((matte > 127).all(axis=3), made.masks > 0)
    assert matte[made.masks == 0].mean() < 2 and matte[made.masks > 0].mean() > 250


def test_crop_keeps_the_ear_in_the_middle(made, tmp_path):
    with Clip.open(made.clip) as clip:
        path = export(
            made.store,
            "mp4",
            tmp_path / "a.mp4",
            selection=Selection(ears=("right",)),
            clip=clip,
            picture="crop",
        )
    crops, _ = images(path)
    bare, _ = images(made.clip)
    side = crops.shape[1]
    assert crops.shape == (FRAMES, side, side, 3) and side % 2 == 0
    longest = (made.box[:, 2:, 1] - made.box[:, :2, 1] + 1).max()
    assert 1.4 * longest < side < 1.6 * longest
    for t in range(FRAMES):
        x, y = (made.box[t, :2, 1] + made.box[t, 2:, 1]) / 2
        reach = 15
        there = bare[t, round(y) - reach : round(y) + reach, round(x) - reach : round(x) + reach]
        middle = crops[t, side // 2 - reach : side // 2 + reach, side // 2 - reach :][
            :, : 2 * reach
        ]
        assert np.abs(there - middle).mean() < 2 * SOFT


def test_a_camera_goes_on_while_an_ear_is_away():
    boxes = np.full((9, 4), np.nan, np.float32)
    for t in (0, 1, 2, 6, 7, 8):
        boxes[t] = [10 * t, 20, 10 * t + 9, 49]
    camera = Camera.following(boxes)
    assert np.allclose(camera.centers[:, 0], 10 * np.arange(9) + 4.5, atol=1e-6)
    assert np.allclose(camera.centers[:, 1], 34.5) and camera.side == 46


def test_crops_of_two_ears_side_by_side(made, tmp_path):
    with Clip.open(made.clip) as clip:
        path = export(made.store, "mp4", tmp_path / "a.mp4", clip=clip, picture="crop")
    with Clip.open(path) as video:
        assert len(video) == FRAMES and video.info.width > 1.5 * video.info.height


def test_a_video_needs_its_own_clip(made, tmp_path):
    with pytest.raises(UsageError, match="give the clip"):
        export(made.store, "mp4", tmp_path / "a.mp4")
    other = export(made.store, "mp4", tmp_path / "b.mp4", selection=Selection(frames=(1, 2)),
                   picture="matte")  # fmt: skip
    with Clip.open(other) as clip, pytest.raises(StoreError, match=r"10 frames .* has 2 frames"):
        export(made.store, "mp4", tmp_path / "a.mp4", clip=clip)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.mp4"]


def test_pyramid_is_valid_and_read_by_viewers(made, tmp_path):
    path = export(made.store, "ome-zarr", tmp_path / "a.ome.zarr")
    root = zarr.open_group(path, mode="r")
    Image.from_zarr(root)
    assert Labels.from_zarr(root["labels"]).attributes.ome.labels == ["ear"]
    nodes = list(ome_zarr.reader.Reader(ome_zarr.io.parse_url(path))())
    image, label = nodes[0], nodes[-1]
    levels = [np.asarray(level) for level in label.data]
    assert len(levels) > 1 and max(levels[-1].shape[1:]) <= SMALLEST
    for n, level in enumerate(levels):
        assert np.array_equal(level, made.masks[:, :: 2**n, :: 2**n])
    gray = np.asarray(image.data[0])
    assert gray.shape == (FRAMES, HEIGHT // 4, WIDTH // 4)
    assert np.array_equal(gray[:, 0, 0], 10 * np.arange(FRAMES))
    about = root["labels/ear"].attrs["ome"]["image-label"]
    assert [(p["label-value"], p["name"]) for p in about["properties"]] == list(
        zip(IDS, NAMES, strict=True)
    )


def test_pyramid_of_a_part(made, tmp_path):
    selection = Selection(frames=(slice(0, 10, 3),), ears=(IDS[1],))
    path = export(made.store, "ome-zarr", tmp_path / "a.zarr", selection=selection)
    root = zarr.open_group(path, mode="r")
    expected = np.where(made.masks == IDS[1], IDS[1], 0)[::3]
    assert np.array_equal(root["labels/ear/0"][:], expected)
    scale = root.attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
    assert scale["scale"] == [0.1, 4.0, 4.0]
