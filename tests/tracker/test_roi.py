import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earvid.models.nano import PAD_COLOR
from earvid.tracker import roi as following
from earvid.tracker.roi import Roi, RoiSettings


def gradient(width=64, height=48):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, x + y], -1).astype(np.uint8)


def test_cut_is_exact_at_native_size():
    image = gradient()
    assert np.array_equal(Roi(8, 4, 32, 32).cut(image, 32), image[4:36, 8:40])


def test_beyond_the_frame_there_is_padding():
    cut = Roi(-16, -16, 32, 32).cut(gradient(), 32)
    assert (cut[:16] == PAD_COLOR).all() and (cut[:, :16] == PAD_COLOR).all()
    assert np.array_equal(cut[16:, 16:], gradient()[:16, :16])


def test_a_region_outside_the_frame_is_all_padding():
    assert (Roi(500, 500, 20, 20).cut(gradient(), 16) == PAD_COLOR).all()


@given(
    x0=st.integers(-40, 60),
    y0=st.integers(-40, 50),
    side=st.integers(1, 90),
)
def test_paste_covers_just_the_part_inside_the_frame(x0, y0, side):
    logits = np.ones((16, 16), np.float32)
    part, (rows, cols) = Roi(x0, y0, side, side).paste(logits, 64, 48)
    canvas = np.zeros((48, 64))
    canvas[rows, cols] = part
    y, x = np.mgrid[:48, :64]
    inside = (x >= x0) & (x < x0 + side) & (y >= y0) & (y < y0 + side)
    assert np.array_equal(canvas > 0, inside)


@given(
    cx=st.floats(10, 50),
    cy=st.floats(10, 40),
    side=st.floats(20, 80),
    size=st.sampled_from([64, 256]),
)
def test_cut_and_paste_agree_on_where_things_are(cx, cy, side, size):
    """A blob that is cut out and pasted back stays in its place, to a pixel."""
    roi = Roi.square((cx, cy), side)
    y, x = np.mgrid[:48, :64]
    blob = ((x - cx) ** 2 + (y - cy) ** 2 < 36).astype(np.uint8) * 200
    cut = roi.cut(np.stack([blob] * 3, -1), size)[..., 0]
    logits = np.asarray(cut, np.float32) / 100 - 1
    part, (rows, cols) = roi.paste(logits, 64, 48)
    back = np.zeros((48, 64), bool)
    back[rows, cols] = part > 0
    by, bx = (np.nonzero(back)[i].mean() for i in (0, 1))
    ty, tx = (np.nonzero(blob)[i].mean() for i in (0, 1))
    assert abs(by - ty) < 1 and abs(bx - tx) < 1


def test_prompts_scale_as_stock_sam2_scales_them():
    points = np.array([[10.0, 20.0]])
    assert Roi.whole(64, 48).to_model(points, 256).tolist() == [[40.0, pytest.approx(106.66667)]]


def test_the_crop_follows_and_changes_its_size_slowly():
    settings = RoiSettings()
    state = following.start((100, 100, 149, 199), settings)
    assert state.side == pytest.approx(settings.factor * 100)
    moved = following.follow(state, (120, 130, 269, 329), 0.9, settings)
    assert moved.center == (194.5, 229.5)
    assert state.side < moved.side < 2 * state.side


def test_a_doubtful_mask_moves_the_crop_but_does_not_resize_it():
    settings = RoiSettings()
    state = following.start((100, 100, 149, 199), settings)
    sliver = following.follow(state, (120, 130, 124, 140), 0.4, settings)
    assert sliver.side == state.side and sliver.center == (122, 135)


def test_a_lost_ear_is_searched_in_the_whole_frame_and_found_again():
    settings = RoiSettings()
    state = following.start((10, 10, 39, 59), settings)
    for _ in range(settings.patience):
        state = following.lose(state, settings, 640, 480)
        assert not state.searching  # a blink is no reason to look elsewhere
    for _ in range(800):
        state = following.lose(state, settings, 640, 480)
    roi = state.roi()
    assert state.searching
    assert roi.x0 <= 0 and roi.y0 <= 0 and roi.x0 + roi.width >= 640 and roi.y0 + roi.height >= 480
    back = following.follow(state, (500, 300, 529, 349), 0.9, settings)
    assert not back.searching and back.center == (514.5, 324.5)
