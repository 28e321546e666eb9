import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.errors import UsageError
from earvid.render import EarMarks, FrameMarks, Style, marks_at, render_frame
from earvid.store import PALETTE

NOTICE = (255, 205, 90)
BARE = Style(fill=0, contour=False, box=False, labels=False, landmarks=False, frame_number=False)


def gray(height=240, width=320):
    return np.full((height, width, 3), 120, np.uint8)


def ear(object_id=1, x=100, y=60, **known):
    known = {"score": 0.93, "box": (x, y, x + 49, y + 79), **known}
    return EarMarks(id=object_id, name=f"ear-{object_id}", **known)


def mask_of(*ears, shape=(240, 320)):
    mask = np.zeros(shape, np.uint8)
    for one in ears:
        x0, y0, x1, y1 = (int(value) for value in one.box)
        mask[y0 : y1 + 1, x0 : x1 + 1] = one.id
    return mask


def near(image, color, tolerance=40):
    """Pixels that show a color."""
    return (np.abs(image.astype(int) - color) <= tolerance).all(axis=-1)


def test_the_contour_lies_on_the_outline_in_the_color_of_the_object():
    ears = ear(1, 60), ear(2, 200)
    style = Style(fill=0, box=False, labels=False)
    image = gray()
    drawn = render_frame(image, FrameMarks(mask_of(*ears), ears), style=style)
    for one in ears:
        x0, y0, x1, y1 = (int(value) for value in one.box)
        shown = near(drawn, PALETTE[one.id - 1])
        assert shown[y0, x0 + 5 : x1 - 5].all() and shown[y1, x0 + 5 : x1 - 5].all()
        assert shown[y0 + 5 : y1 - 5, x0].all() and shown[y0 + 5 : y1 - 5, x1].all()
        ys, xs = np.nonzero(shown)
        assert (xs.min(), xs.max()) == pytest.approx((x0, x1), abs=2)
        assert (ys.min(), ys.max()) == pytest.approx((y0, y1), abs=2)
        inside = (slice(y0 + 5, y1 - 5), slice(x0 + 5, x1 - 5))
        np.testing.assert_array_equal(drawn[inside], image[inside])
    np.testing.assert_array_equal(image, gray())


def test_the_fill_tints_exactly_the_mask():
    one = ear(1)
    mask = mask_of(one)
    style = Style(fill=0.5, contour=False, box=False, labels=False)
    drawn = render_frame(gray(), FrameMarks(mask, (one,)), style=style)
    expected = np.round(120 * 0.5 + np.array(PALETTE[0]) * 0.5)
    np.testing.assert_array_equal(drawn[mask == 1], np.tile(expected, (50 * 80, 1)))
    assert (drawn[mask == 0] == 120).all()


def test_nothing_is_drawn_when_nothing_is_asked_for():
    one = ear(1, landmarks=np.array([[110.0, 70.0]]), visible=np.array([True]))
    marks = FrameMarks(mask_of(one), (one,))
    np.testing.assert_array_equal(render_frame(gray(), marks, index=3, style=BARE), gray())


@pytest.mark.parametrize(
    ("marks", "damaged"),
    [
        (FrameMarks(mask_of(), (ear(1, present=False, box=None),)), False),
        (FrameMarks(None, (), "pending"), False),
        (FrameMarks(mask_of(), ()), True),
    ],
    ids=["not visible", "pending", "damaged"],
)
def test_what_is_not_to_be_seen_is_said_in_the_corner_in_any_style(marks, damaged):
    drawn = render_frame(gray(), marks, damaged=damaged, style=BARE)
    changed = (drawn != 120).any(axis=-1)
    ys, xs = np.nonzero(changed)
    assert ys.min() > 200 and xs.min() < 10
    assert near(drawn, NOTICE, 60).sum() > 20


def test_every_ear_that_is_not_visible_has_a_line_with_its_color():
    ears = ear(1, present=False, box=None), ear(2), ear(3, present=False, box=None)
    drawn = render_frame(gray(), FrameMarks(mask_of(ears[1]), ears), style=BARE)
    tops = [np.nonzero(near(drawn, PALETTE[i]))[0].min() for i in (0, 2)]
    assert 150 < tops[0] < tops[1]
    assert not near(drawn, PALETTE[1]).any()


def test_visible_landmarks_are_filled_and_hidden_ones_hollow():
    points = np.array([[60.0, 60.0], [300.0, 60.0], [300.0, 400.0], [60.0, np.nan]])
    flags = np.array([True, False, True, True])
    one = ear(1, box=None, landmarks=points, visible=flags)
    style = Style(labels=False, scale=2.0)
    drawn = render_frame(gray(480, 480), FrameMarks(None, (one,)), style=style)
    pale = near(drawn, (180, 243, 255), 60)
    assert pale[60, 60] and pale[400, 300]
    assert not pale[60, 300] and (drawn[60, 300] == 120).all()
    assert pale[55:66, 295:306].any()


def test_landmarks_and_boxes_of_an_absent_ear_are_not_drawn():
    one = ear(1, present=False, landmarks=np.array([[110.0, 70.0]]), visible=np.array([True]))
    drawn = render_frame(gray(), FrameMarks(mask_of(), (one,)))
    assert (drawn[:200] == 120).all()


@pytest.mark.parametrize("place", [(0, 0), (270, 0), (0, 160), (270, 160)])
def test_a_label_stays_inside_the_frame_and_off_the_ear(place):
    one = ear(1, *place)
    style = Style(fill=0, contour=False, box=False)
    drawn = render_frame(gray(), FrameMarks(mask_of(one), (one,)), style=style)
    ys, xs = np.nonzero((drawn != 120).any(axis=-1))
    x0, y0, x1, y1 = one.box
    assert xs.max() - xs.min() > 40
    assert ys.max() < y0 or ys.min() > y1 or xs.max() < x0 or xs.min() > x1
    assert near(drawn, (245, 245, 245)).any()


def test_labels_of_two_ears_in_one_place_do_not_cover_each_other():
    ears = ear(1, 100, 100), ear(2, 102, 100)
    style = Style(fill=0, contour=False, box=False)
    drawn = render_frame(gray(), FrameMarks(mask_of(*ears), ears), style=style)
    swatches = [near(drawn, PALETTE[i], 5).sum() for i in (0, 1)]
    assert swatches[0] == swatches[1] > 20


def test_text_and_lines_grow_with_the_frame():
    heights = []
    for height, width in ((480, 640), (1080, 1440)):
        one = ear(1, 0.4 * width, 0.5 * height)
        style = Style(fill=0, contour=False, box=False)
        drawn = render_frame(gray(height, width), FrameMarks(None, (one,)), style=style)
        ys = np.nonzero((drawn != 120).any(axis=-1))[0]
        heights.append(ys.max() - ys.min())
    assert heights[1] / heights[0] == pytest.approx(1080 / 480, rel=0.2)


def test_number_and_time_are_in_the_corner():
    plain, numbered, timed = (
        render_frame(gray(), FrameMarks(None, ()), **known)
        for known in ({}, {"index": 123}, {"index": 123, "time": 4.1})
    )
    np.testing.assert_array_equal(plain, gray())
    widths = [np.nonzero((drawn != 120).any(axis=(0, 2)))[0].max() for drawn in (numbered, timed)]
    assert widths[0] < widths[1] < 160
    assert (timed[40:] == 120).all()


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    box=st.tuples(*[st.floats(-200, 200)] * 4) | st.none(),
    points=st.lists(st.tuples(*[st.floats(-200, 200) | st.just(np.nan)] * 2), max_size=4),
    status=st.sampled_from(["done", "pending", "corrected"]),
    present=st.booleans(),
    scale=st.sampled_from([0.1, 1, 10]),
)
def test_whatever_a_store_holds_can_be_drawn(height, width, box, points, status, present, scale):
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2 + 1] = 1
    landmarks = np.array(points, float).reshape(-1, 2)
    flags = np.arange(len(points)) % 2 == 0
    one = ear(1, box=box, landmarks=landmarks, visible=flags, present=present)
    marks = FrameMarks(mask, (one, ear(255, box=None)), status)
    style = Style(scale=scale)
    drawn = render_frame(gray(height, width), marks, index=10**6, time=1e5, style=style)
    assert drawn.shape == (height, width, 3) and drawn.dtype == np.uint8


def test_it_is_said_which_ear_was_corrected():
    """In the lower left corner, beside the color of the ear."""
    style = Style(fill=0, contour=False, box=False, labels=False)
    for corrected in (1, 2):
        ears = tuple(ear(n, corrected=n == corrected) for n in (1, 2))
        marks = FrameMarks(np.zeros((240, 320), np.uint8), ears, "corrected")
        corner = render_frame(gray(), marks, style=style)[200:, :160]
        shown = [near(corner, PALETTE[n - 1], 5).sum() > 10 for n in (1, 2)]
        assert shown == [corrected == 1, corrected == 2]


@pytest.mark.parametrize(("confidence", "filled"), [(0.9, True), (0.4, True), (0.3, False)])
def test_landmarks_of_low_confidence_are_hollow(confidence, filled):
    points = np.array([[60.0, 60.0], [200.0, 200.0]])
    flags, known = np.array([True, True]), np.array([confidence, np.nan])
    one = ear(1, box=None, landmarks=points, visible=flags, confidence=known)
    style = Style(fill=0, contour=False, box=False, labels=False, scale=4)
    drawn = render_frame(gray(), FrameMarks(None, (one,)), style=style)
    assert (drawn[60, 60] != 120).any() == filled
    assert (drawn[190:211, 190:211] != 120).any() and (drawn[200, 200] == 120).all()


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="mask is"):
        render_frame(gray(), FrameMarks(np.zeros((10, 10), np.uint8), ()))


@pytest.mark.parametrize("wrong", [{"fill": 1.5}, {"fill": np.nan}, {"scale": 0}, {"palette": ()}])
def test_a_style_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        Style(**wrong)


def test_there_is_a_color_for_every_object():
    colors = [Style().color(object_id) for object_id in range(1, 256)]
    assert len(set(colors[: len(PALETTE)])) == len(PALETTE)
    assert colors[len(PALETTE)] == colors[0]


def test_the_render_room_needs_no_torch():
    code = "import earvid.render, sys; print({'torch', 'sam2', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_curves_join_visible_neighbors_only():
    points = np.array([[20.0, 20.0], [60.0, 20.0], [100.0, 20.0], [100.0, 60.0]])
    flags = np.array([True, True, True, False])
    one = ear(1, box=None, landmarks=points, visible=flags, curves=((0, 1), (2, 3)))
    style = Style(fill=0, contour=False, box=False, labels=False, frame_number=False)
    drawn = render_frame(gray(), FrameMarks(None, (one,)), style=style)
    assert (drawn[20, 40] != 120).any()  # between two that are seen
    assert (drawn[20, 80] == 120).all()  # of two curves
    assert (drawn[40, 100] == 120).all()  # to one that is hidden


def test_the_curves_of_a_known_scheme_are_drawn(tmp_path):
    from drawn_clip import write_store

    from earvid.landmarks import IBUG55

    store = write_store(tmp_path / "s.zarr")
    assert marks_at(store, 0).ears[0].curves == ()
    named = write_store(tmp_path / "named.zarr", keypoints=IBUG55.names)
    assert marks_at(named, 0).ears[0].curves == tuple(IBUG55.contours.values())
