"""What clips are made of beyond one moving photo: other ears, shapes, rendered ears, codecs."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import EarvidError
from earvid.train import ClipMaker, ClipSettings, Still
from earvid.train.appearance import film, sample_look, through_codec
from earvid.train.distractors import lay_over, lay_under, sample_distractor
from earvid.train.motion import MotionRanges
from earvid.train.rendered import EarMesh, render_clip
from earvid.train.shapes import shape_still

SIDE = 64


def photo(gray, name="a/1"):
    image = np.full((160, 200, 3), gray, np.uint8)
    ear = np.zeros((160, 200), np.uint8)
    cv2.ellipse(ear, (100, 80), (14, 26), 0, 0, 360, 255, -1)
    image[ear > 0] = 255 - gray
    return Still(name, image, (ear,))


def target():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:44, 24:40] = 255
    return np.full((SIDE, SIDE, 3), 10, np.uint8), mask


def bowl(folder):
    """A bent sheet that opens along +x, as an OBJ with a texture."""
    n = 9
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    points = np.stack([0.3 * (u**2 + v**2).ravel(), v.ravel(), -0.6 * u.ravel()], 1)
    lines = [f"v {x} {y} {z}" for x, y, z in points]
    lines += [f"vt {(a + 1) / 2} {(b + 1) / 2}" for a, b in zip(u.ravel(), v.ravel(), strict=True)]
    for i in range(n - 1):
        for j in range(n - 1):
            a = i * n + j + 1
            lines += [f"f {a}/{a} {a + 1}/{a + 1} {a + n}/{a + n}"]
            lines += [f"f {a + 1}/{a + 1} {a + n + 1}/{a + n + 1} {a + n}/{a + n}"]
    (folder / "ear.obj").write_text("\n".join(lines))
    cv2.imwrite(str(folder / "ear.png"), np.full((16, 16, 3), (60, 120, 200), np.uint8))
    return folder / "ear.obj"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_another_ear_never_adds_to_the_truth(seed):
    rng = np.random.default_rng(seed)
    other = sample_distractor(rng, photo(90), 2, SIDE, MotionRanges(), 2.0)
    image, mask = target()
    for lay in (lay_over, lay_under):
        _, left = lay(image, mask, other, 1)
        assert not (left & ~mask).any()
    _, over = lay_over(image, mask, other, 1)
    assert not (over[other.alphas[1] > 127]).any()


def test_an_ear_behind_leaves_the_target_as_it_was():
    image, mask = target()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        other = sample_distractor(rng, photo(90), 1, SIDE, MotionRanges(), 2.0)
        seen, left = lay_under(image, mask, other, 0)
        assert np.array_equal(left, mask)
        assert np.abs(seen[mask > 0].astype(int) - 10).max() <= 25  # its rim may take a tint


def test_a_shape_is_cut_out_of_what_its_mask_says():
    rng = np.random.default_rng(4)
    made = shape_still(rng, np.full((SIDE, SIDE, 3), 250, np.uint8), photo(20))
    mask = cv2.erode(made.ears[0], np.ones((9, 9), np.uint8)) > 0
    away = cv2.dilate(made.ears[0], np.ones((9, 9), np.uint8)) == 0
    assert mask.any() and made.image[mask].min() > made.image[away].mean()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(2, 5))
def test_a_photographed_clip_keeps_its_frames(seed, length):
    rng = np.random.default_rng(seed)
    frames = [np.full((SIDE, SIDE, 3), 40 * t, np.uint8) for t in range(length)]
    seen = film(frames, sample_look(rng, length, ear=30), rng)
    assert len(seen) == length and all(f.shape == (SIDE, SIDE, 3) for f in seen)


def test_the_codec_is_a_real_one_and_worse_at_low_quality():
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (48, 48, 3)).astype(np.uint8) for _ in range(3)]

    def damage(quality):
        pairs = zip(frames, through_codec(frames, quality), strict=True)
        return np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs])

    assert 0 < damage(95) < damage(5)


def test_a_mesh_opens_towards_the_viewer_and_turns_away(tmp_path):
    mesh = EarMesh.load(bowl(tmp_path))
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(1)
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    x, _, z = np.cross(b - a, c - a).sum(0)
    assert z > 0 and abs(x) < 1e-6
    ground = np.full((SIDE, SIDE, 3), 128, np.uint8)
    made = render_clip(np.random.default_rng(1), mesh, ground, 4, 2.0)
    assert made.images.shape == (4, SIDE, SIDE, 3) and made.masks.any((1, 2)).all()
    again = render_clip(np.random.default_rng(1), mesh, ground, 4, 2.0)
    assert np.array_equal(made.images, again.images)
    # Points that face the viewer inside the picture lie on the mask.
    inside = made.front[0] & ((made.points[0] > 1) & (made.points[0] < SIDE - 2)).all(1)
    columns, rows = np.round(made.points[0][inside]).astype(int).T
    near = cv2.dilate(made.masks[0], np.ones((3, 3), np.uint8)) > 0
    assert near[rows, columns].mean() > 0.95


def test_clips_of_rendered_ears_are_in_the_mix(tmp_path):
    mesh = EarMesh.load(bowl(tmp_path))
    s = ClipSettings(side=SIDE, length=3, rendered=1.0)
    clip = ClipMaker([photo(90)], s, 0, [mesh]).clip(0)
    assert clip.present[0] and clip.masks[0].any()


def test_a_file_that_is_no_mesh_is_named(tmp_path):
    path = bowl(tmp_path)
    path.write_text("f 1/1 2/2\n")
    with pytest.raises(EarvidError, match=r"ear\.obj"):
        EarMesh.load(path)
    path.with_suffix(".png").unlink()
    with pytest.raises(EarvidError, match="texture"):
        EarMesh.load(path)
