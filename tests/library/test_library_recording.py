"""What an opened recording gives: arrays, frames, labeled datasets, and its face in a notebook."""

import json
import re
import shutil
import warnings
from base64 import b64decode

import cv2
import numpy as np
import pytest
import zarr
from two_ears import FRAMES, HEIGHT, HIDDEN, KEYFRAME, WIDTH, make

import earvid
from earvid.errors import StoreError, UsageError


def test_arrays_agree_with_masks(recording):
    masks = np.asarray(recording.masks[:])
    for n, name in enumerate(recording.ears):
        ear = recording.ear(name)
        np.testing.assert_array_equal(ear.areas, (masks == ear.id).sum((1, 2)))
        for t in np.flatnonzero(ear.seen):
            rows, columns = np.nonzero(recording.mask(int(t), name))
            box = columns.min(), rows.min(), columns.max(), rows.max()
            assert tuple(recording.boxes[t, n]) == box
    assert recording.landmarks.shape == (FRAMES, 2, 55, 2)
    assert recording.confidence.shape == recording.visible.shape == (FRAMES, 2, 55)
    assert recording.times[0] == 0 and (np.diff(recording.times) > 0).all()


def test_names_of_frames(recording):
    absent = recording.where("absent")
    assert absent[list(HIDDEN)].all() and not absent[:12].any()
    assert np.flatnonzero(recording.where("keyframes")).tolist() == [KEYFRAME]
    assert recording.where("done").all() and recording.where("seen").all()
    assert not recording.where("corrected").any()
    doubtful = recording.where("doubtful")
    assert doubtful[HIDDEN[2]] and not doubtful[KEYFRAME]
    assert recording.doubt.shape == (FRAMES, 2) and recording.doubt[KEYFRAME, 1] == 0
    with pytest.raises(UsageError, match=r"called 'odd'; choose from done, .*absent"):
        recording.where("odd")


def test_frames_on_which_an_ear_was_said_not_to_be_there_are_corrected(recording, tmp_path):
    """Whatever a person came back to, as in the store's status; which ears are absent, it tells."""
    path = shutil.copytree(recording.path, tmp_path / "two.earvid.zarr")
    root = zarr.open_group(path, mode="r+", zarr_format=3, use_consolidated=False)
    root["tracks/status"][[8, *HIDDEN]] = 2
    about = json.loads((path / "zarr.json").read_text())
    (left, right) = about["attributes"]["earvid"]["provenance"]["prompt"]["objects"]
    left["absent"], right["frames"]["8"] = [[HIDDEN.start, HIDDEN.stop]], {"box": [1, 1, 9, 9]}
    (path / "zarr.json").write_text(json.dumps(about))
    corrected = earvid.open(path, clip=recording.clip)
    assert [frame.index for frame in corrected.frames("corrected")] == [8, *HIDDEN]
    assert np.flatnonzero(corrected.store.ruled_out[:, 0]).tolist() == list(HIDDEN)
    assert not corrected.store.ruled_out[:, 1].any()
    ears = corrected.frame(HIDDEN[0]).ears
    assert ears["left"].corrected and not ears["left"].seen and not ears["right"].corrected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, list(range(FRAMES))),
        (slice(3, 9, 2), [3, 5, 7]),
        (slice(-2, None), [FRAMES - 2, FRAMES - 1]),
        ([5, 4], [5, 4]),
        (7, [7]),
        (np.arange(FRAMES) > 20, [21, 22, 23]),
        ("keyframes", [KEYFRAME]),
        ([], []),
    ],
)
def test_which_frames(recording, where, expected):
    assert [frame.index for frame in recording.frames(where)] == expected


def test_a_condition_over_ears_means_any_of_them(recording):
    chosen = [frame.index for frame in recording.frames(recording.areas == 0)]
    assert chosen == np.flatnonzero(recording.where("absent")).tolist()


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ([99], "no frame 99"),
        ([0.5], "does not tell frames"),
        (np.ones(3, bool), "does not fit a clip of 24 frames"),
        ("blurred", "no frames called 'blurred'"),
    ],
)
def test_frames_that_are_not_there(recording, where, told):
    with pytest.raises(UsageError, match=told):
        recording.frames(where)


def test_a_frame_and_its_ears(recording):
    frame = recording.frame(KEYFRAME)
    assert frame.image.shape == (HEIGHT, WIDTH, 3) and frame.image.std() > 10
    left = frame.ears["left"]
    assert left.seen and left.keyframe and left.mask.sum() == left.area
    np.testing.assert_array_equal(frame.labels == left.id, left.mask)
    hidden = recording.frame(HIDDEN[2]).ears["left"]
    assert not hidden.seen and hidden.box is None and not hidden.mask.any()
    assert "not seen" in repr(hidden) and "left" in repr(frame)


def test_several_ears_need_a_name(recording):
    with pytest.raises(UsageError, match="name one of left, right"):
        recording.ear()
    with pytest.raises(UsageError, match="no ear 'middle'; choose from left, right"):
        recording.mask(0, "middle")


def test_a_clip_that_is_not_at_hand(recording, tmp_path):
    moved = tmp_path / "moved.earvid.zarr"
    shutil.copytree(recording.path, moved)
    alone = earvid.open(moved)
    assert alone.clip is None
    with pytest.raises(UsageError, match=r"two.mp4 is not beside .* clip="):
        alone.frames()
    gray, color = alone.image(KEYFRAME), recording.image(KEYFRAME)
    assert gray.shape == color.shape
    assert np.corrcoef(gray[..., 0].ravel(), color.mean(2).ravel())[0, 1] > 0.9
    assert "<img" in alone._repr_html_()
    assert alone.frame(KEYFRAME, gray=True).ears["left"].area == recording.areas[KEYFRAME, 0]


def test_another_clip_is_refused(recording, tmp_path):
    from earvid.sample import sample_path

    other = earvid.open(recording.path, clip=sample_path())
    with pytest.raises(StoreError, match="another size or number of frames"):
        other.image(0)
    assert "<img" in other._repr_html_()  # the results are shown all the same


def test_html_is_self_contained_small_and_escaped(tmp_path, model):
    ears = make(tmp_path, "<b>&'two.mp4")
    recording = earvid.track(
        ears.clip, box={"<script>alert(1)</script>": ears.boxes["right"]},
        landmarks="none", model=model,
    )  # fmt: skip
    html = recording._repr_html_()
    assert "<script" not in html and "<b>&'two" not in html
    assert "&lt;script&gt;" in html and "&lt;b&gt;&amp;" in html
    sources = re.findall(r"src='([^']*)'", html)
    assert len(sources) == 5 and "http" not in html and len(html) < 100_000
    for source in sources:
        data = b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).std() > 10


def test_plain_text(recording):
    assert repr(recording) == (
        f"Recording({str(recording.path)!r}, {FRAMES} frames of {WIDTH}x{HEIGHT}, left, right, "
        f"55 landmarks, complete)"
    )


def test_xarray_names_all_axes(recording):
    dataset = recording.to_xarray()
    assert dataset["mask"].dims == ("time", "y", "x")
    assert dataset.position.dims == ("time", "space", "keypoint", "individual")
    np.testing.assert_array_equal(dataset["mask"][3], recording.masks[3])
    left = dataset.sel(individual="left")
    np.testing.assert_array_equal(left.score, recording.ear("left").scores)
    x = left.position.sel(space="x", keypoint="7")
    np.testing.assert_array_equal(x, recording.ear("left").landmarks[:, 7, 0])
    assert int(left.object_id) == 1
    at = dataset.swap_dims(time="frame").sel(frame=KEYFRAME)
    np.testing.assert_array_equal(at.box.sel(individual="right"), recording.boxes[KEYFRAME, 1])
    areas = (dataset["mask"] == dataset.object_id).sum(("y", "x"))
    np.testing.assert_array_equal(areas, recording.areas)


def test_movement_takes_it_and_computes_with_it(recording):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what movement's own dependencies say on import
        pytest.importorskip("movement", reason="movement is not installed")
        from movement import kinematics
        from movement.validators.datasets import ValidPosesInputs
    poses = recording.to_movement()
    ValidPosesInputs.validate(poses)
    assert poses.position.dims == ValidPosesInputs.DIM_NAMES and poses.ds_type == "poses"
    assert np.isfinite(kinematics.compute_velocity(poses.position).values).any()
    x = poses.position.values[:, 0, :, 1]
    np.testing.assert_array_equal(x, recording.ear("right").landmarks[..., 0])


def test_movement_needs_landmarks(bare):
    with pytest.raises(UsageError, match="has no landmarks; track the clip with landmarks='auto'"):
        bare.to_movement()
