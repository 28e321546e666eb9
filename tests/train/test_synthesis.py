import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import EarvidError
from earvid.train import ClipMaker, ClipSettings, Still, find_stills, load_still, split
from earvid.train.geometry import ear_box, warp
from earvid.train.motion import MotionRanges, crop_homographies
from earvid.train.prompts import MAX_POINTS, sample_points


def still(name="a/1"):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (180, 240, 3)).astype(np.uint8)
    ear = np.zeros((180, 240), np.uint8)
    cv2.ellipse(ear, (120, 90), (15, 28), 10, 0, 360, 255, -1)
    return Still(name, image, (ear,))


def folder(root, names=("x", "y", "z")):
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for name in names:
        s = still()
        cv2.imwrite(str(root / "images" / f"{name}.jpg"), s.image)
        cv2.imwrite(str(root / "masks" / f"{name}.png"), s.ears[0])
    return root


def test_the_same_seed_makes_the_same_clip():
    a = ClipMaker([still()], ClipSettings(side=64), seed=3).clip(5)
    b = ClipMaker([still()], ClipSettings(side=64), seed=3).clip(5)
    c = ClipMaker([still()], ClipSettings(side=64), seed=3).clip(6)
    assert np.array_equal(a.images, b.images) and np.array_equal(a.masks, b.masks)
    assert not np.array_equal(a.images, c.images)


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 10**6), length=st.integers(2, 6))
def test_truth_is_consistent_in_every_clip(index, length):
    clip = ClipMaker([still()], ClipSettings(side=64, length=length)).clip(index)
    assert clip.images.shape == (length, 64, 64, 3) and clip.images.dtype == np.uint8
    assert clip.masks.shape == (length, 64, 64) and clip.masks.dtype == bool
    assert clip.present[0]
    assert (clip.masks.any((1, 2)) == clip.present).all()  # absent means empty, present not


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_image_and_its_mask_move_together(seed):
    rng = np.random.default_rng(seed)
    s = still()
    for matrix in crop_homographies(rng, ear_box(s.ears[0]), 3, 64, MotionRanges(), False):
        mask = warp(s.ears[0], matrix, 64, cv2.BORDER_CONSTANT)
        picture = warp(np.repeat(s.ears[0][..., None], 3, 2), matrix, 64, cv2.BORDER_CONSTANT)
        inside = mask > 250
        assert (picture[inside] > 240).all()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_prompts_are_about_the_ear(seed):
    rng = np.random.default_rng(seed)
    mask = still().ears[0] > 0
    points, labels = sample_points(rng, mask)
    assert points.shape == (MAX_POINTS, 2) and labels.shape == (MAX_POINTS,)
    for (x, y), label in zip(points, labels, strict=True):
        if label == 1:
            assert mask[int(y), int(x)]
        if label == 0:
            assert not mask[int(y), int(x)]
    if 2 in labels:
        (x0, y0), (x1, y1) = points[:2]
        assert x0 < x1 and y0 < y1 and labels[0] == 2 and labels[1] == 3
    assert 1 in labels or 2 in labels


def test_ears_of_one_photo_are_told_apart_and_specks_dropped(tmp_path):
    root = folder(tmp_path / "d", ["x"])
    mask = np.zeros((180, 240), np.uint8)
    cv2.circle(mask, (50, 90), 20, 255, -1)
    cv2.circle(mask, (180, 90), 12, 255, -1)
    mask[5, 5] = 255
    cv2.imwrite(str(root / "masks" / "x.png"), mask)
    loaded = load_still(find_stills([root])[0])
    assert [int((e > 0).sum()) for e in loaded.ears] == sorted(
        [int((e > 0).sum()) for e in loaded.ears], reverse=True
    )
    assert len(loaded.ears) == 2


def test_hold_out_by_pattern(tmp_path):
    refs = find_stills([folder(tmp_path / "d")])
    train, held = split(refs, ["d/[xy]"])
    assert [r.name for r in train] == ["d/z"] and [r.name for r in held] == ["d/x", "d/y"]
    with pytest.raises(EarvidError, match="matches no photo"):
        split(refs, ["d/q*"])
    with pytest.raises(EarvidError, match="leave none"):
        split(refs, ["*"])


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(EarvidError, match="no training folder"):
        find_stills([tmp_path])
    root = folder(tmp_path / "d", ["x"])
    (root / "images" / "x.jpg").write_text("no image")
    with pytest.raises(EarvidError, match=r"x.jpg cannot be read"):
        load_still(find_stills([root])[0])
    (root / "masks" / "x.png").unlink()
    with pytest.raises(EarvidError, match="No photo"):
        find_stills([root])
