"""Frames give regions, gray and sizes without making the whole image, and give them exactly."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import encode, numbered

from earvid.errors import UsageError, VideoError
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear
from earvid.video import Clip, Frame
from earvid.video.convert import Converter
from earvid.video.frame import ImagePixels, Luma
from earvid.video.look import Look, Orientation
from earvid.video.picture import PicturePixels, pixels_of
from earvid.video.planes import can_be_cut, luma_weights

LIMITED, FULL = 1, 2
BT709, UNTAGGED, BT601 = 1, 2, 6
CUT = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
WHOLE = ("yuv420p10le", "yuva420p", "rgb24", "gray", "nv12", "gbrp", "yuv411p")
SIZES = ((96, 64), (97, 66), (111, 70), (90, 62))  # as many columns as blocks hold, and others
TURNS = [Orientation(*flags) for flags in product((False, True), repeat=3)]


def picture(name: str, width: int, height: int, matrix: int = UNTAGGED, levels: int = 0) -> Any:
    """A picture of noise, in which no two pixels or samples of chroma are alike."""
    rng = np.random.default_rng(width + height)
    made = av.VideoFrame(width, height, name)
    for plane in made.planes:
        plane.update(rng.integers(0, 256, plane.buffer_size, np.uint8).tobytes())
    made.colorspace, made.color_range = matrix, levels
    return made


def converter(made: Any, turn: Orientation = Orientation()) -> Converter:  # noqa: B008 - frozen
    planes = sum(plane.buffer_size for plane in made.planes)
    look = Look(
        made.width,
        made.height,
        made.format.name,
        planes,
        can_be_cut(made),
        luma_weights(made),
        turn,
        False,
        (),
    )
    return Converter("clip.mp4", look)


def frame(made: Any, turn: Orientation = Orientation()) -> Frame:  # noqa: B008 - frozen
    return Frame(0, 0.0, pixels_of(0, made, converter(made, turn)))


@st.composite
def regions(draw: Any, width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))


@settings(deadline=None, max_examples=300)
@given(
    data=st.data(),
    name=st.sampled_from(CUT),
    size=st.sampled_from(SIZES),
    turn=st.sampled_from(TURNS),
    matrix=st.sampled_from((BT709, UNTAGGED, BT601)),
    levels=st.sampled_from((0, LIMITED, FULL)),
)
def test_a_part_is_bit_for_bit_that_of_the_image(
    data: Any, name: str, size: tuple[int, int], turn: Orientation, matrix: int, levels: int
) -> None:
    made = picture(name, *size, matrix, levels)
    assert can_be_cut(made)
    one, other = frame(made, turn), frame(made, turn)
    assert one.size == other.image.shape[1::-1]
    x0, y0, x1, y1 = data.draw(regions(*one.size))
    expected = other.image[y0:y1, x0:x1]
    np.testing.assert_array_equal(one.part(x0, y0, x1, y1), expected)
    np.testing.assert_array_equal(other.part(x0, y0, x1, y1), expected)
    np.testing.assert_array_equal(one.part(0, 0, *one.size), other.image)
    np.testing.assert_array_equal(one.image, other.image)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(CUT + WHOLE), height=st.sampled_from((65, 64)))
def test_what_cannot_be_cut_is_converted_as_a_whole(data: Any, name: str, height: int) -> None:
    made = picture(name, 96, height)
    straight = av.VideoFrame.to_ndarray(made, format="rgb24")
    shown = frame(made)
    x0, y0, x1, y1 = data.draw(regions(96, height))
    np.testing.assert_array_equal(shown.part(x0, y0, x1, y1), straight[y0:y1, x0:x1])
    np.testing.assert_array_equal(shown.image, straight)
    if not can_be_cut(made):
        gray = cv2.cvtColor(straight, cv2.COLOR_RGB2GRAY)
        np.testing.assert_array_equal(shown.gray, gray)


@pytest.mark.parametrize("turn", TURNS)
def test_regions_go_back_to_where_they_are_stored(turn: Orientation) -> None:
    stored = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    swapped = stored.swapaxes(0, 1) if turn.transpose else stored
    expected = swapped[:: -1 if turn.mirror_y else 1, :: -1 if turn.mirror_x else 1]
    np.testing.assert_array_equal(turn.apply(stored), expected)
    np.testing.assert_array_equal(turn.apply(stored[..., 0]), expected[..., 0])
    a0, b0, a1, b1 = turn.stored((1, 2, 4, 5), expected.shape[1::-1])
    np.testing.assert_array_equal(turn.apply(stored[b0:b1, a0:a1]), expected[2:5, 1:4])


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """An ear, which is as red as ears are."""
    return next(iter(make_clip(random_ear(3), 1, 192, 144, seed=3, ear_height=0.7))).image


def stored(image: np.ndarray, name: str, matrix: int, levels: int) -> Any:
    """An image as a picture of planes."""
    rgb = av.VideoFrame.from_ndarray(image, format="rgb24")
    made = rgb.reformat(format=name, dst_colorspace=matrix, dst_color_range=levels)
    made.colorspace, made.color_range = matrix, levels
    return made


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("levels", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("matrix", "weights"), [(5, (0.299, 0.587, 0.114)), (BT709, (0.2126, 0.7152, 0.0722))]
)
@pytest.mark.parametrize("turn", [Orientation(), TURNS[6]])
def test_gray_is_that_of_the_image_but_for_rounding(
    drawn: np.ndarray, name: str, levels: int, matrix: int, weights: Luma, turn: Orientation
) -> None:
    shown = frame(stored(drawn, name, matrix, levels), turn)
    expected = shown.image @ np.array(weights)
    apart = np.abs(shown.gray - expected)
    clipped = ((shown.image == 0) | (shown.image == 255)).any(2)
    assert shown.gray.shape == expected.shape and shown.gray.dtype == np.uint8
    assert apart[~clipped].max() <= 2.5
    assert luma_weights(stored(drawn, name, matrix, levels)) == weights
    array = ImagePixels(shown.image, weights)
    assert np.abs(array.gray() - expected).max() <= 0.501


def test_luma_beyond_its_range_is_black_and_white() -> None:
    levels = np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 64, axis=0)
    samples = np.concatenate([levels.ravel(), np.full(2 * 32 * 32, 128, np.uint8)])
    made = av.VideoFrame.from_ndarray(samples.reshape(96, 64), format="yuv420p")
    expected = np.clip((levels - 16.0) * 255 / 219, 0, 255)
    np.testing.assert_allclose(frame(made).gray, expected, atol=1.25)
    np.testing.assert_allclose(frame(made).image[..., 1], expected, atol=1.25)


def test_gray_does_not_depend_on_what_was_asked_before(drawn: np.ndarray) -> None:
    made = stored(drawn, "yuv420p", BT709, LIMITED)
    first, later = frame(made), frame(made)
    gray = first.gray
    assert later.image.shape == (*gray.shape, 3)
    np.testing.assert_array_equal(later.gray, gray)
    assert later.gray is later.gray and later.image is later.image


def test_threads_may_ask_at_once(tmp_path: Path) -> None:
    with Clip.open(numbered(tmp_path / "clip.mp4", 12, 320, 240), reader="pyav") as clip:
        expected = [(f.image, f.gray) for f in clip.frames()]
        with ThreadPoolExecutor(4) as pool:
            for (image, gray), shown in zip(expected, clip.frames(), strict=True):
                asked = [
                    pool.submit(lambda s=shown: s.part(31, 17, 250, 201)),
                    pool.submit(lambda s=shown: s.gray),
                    pool.submit(lambda s=shown: s.image[17:201, 31:250]),
                    pool.submit(lambda s=shown: s.gray),
                    pool.submit(lambda s=shown: s.part(31, 17, 250, 201)),
                ]
                a, b, c, d, e = (one.result() for one in asked)
                for part in (a, c, e):
                    np.testing.assert_array_equal(part, image[17:201, 31:250])
                assert b is d and np.array_equal(b, gray)


def test_frames_outlive_their_clip_and_the_decoder(tmp_path: Path) -> None:
    path = numbered(tmp_path / "clip.mp4", 40, gop=40)
    with Clip.open(path, reader="pyav") as clip:
        waiting = list(clip.frames())
        expected = [frame.image.copy() for frame in clip.frames_backward()][::-1]
    del clip
    for shown, image in zip(waiting, expected, strict=True):
        np.testing.assert_array_equal(shown.part(3, 5, 101, 99), image[5:99, 3:101])


def test_a_picture_is_released_when_the_image_is_made() -> None:
    made = picture("yuv420p", 96, 64)
    pixels = PicturePixels(made, converter(made))
    pixels.gray()
    assert pixels._picture is made  # for parts
    pixels.image()
    assert pixels._picture is None
    assert pixels.part((0, 0, 96, 64)).shape == (64, 96, 3)


@pytest.mark.parametrize("region", [(0, 0, 0, 9), (5, 5, 4, 9), (-1, 0, 9, 9), (0, 0, 161, 9)])
def test_parts_lie_inside(region: tuple[int, int, int, int]) -> None:
    shown = frame(picture("yuv420p", 160, 120))
    for one in (shown, Frame(0, 0.0, shown.image)):
        with pytest.raises(UsageError, match="160x120"):
            one.part(*region)


def test_frames_of_arrays_are_as_they_were(drawn: np.ndarray) -> None:
    shown = Frame(index=4, time=0.5, image=drawn)
    assert shown.image is drawn and shown.size == (192, 144) and not shown.damaged
    assert repr(shown) == "Frame(4, 0.500 s, 192x144)"
    np.testing.assert_array_equal(shown.part(1, 2, 30, 40), drawn[2:40, 1:30])
    np.testing.assert_array_equal(shown.gray, cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY))
    with pytest.raises(AttributeError):
        shown.index = 5  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(shown))
    assert (copy.index, copy.time) == (4, 0.5) and np.array_equal(copy.image, drawn)


def test_another_size_is_told_when_the_frame_is_read() -> None:
    first, later = picture("yuv420p", 96, 64), picture("yuv420p", 96, 66)
    with pytest.raises(VideoError, match="96x64 to 96x66 pixels at frame 7"):
        pixels_of(7, later, converter(first))


@pytest.mark.parametrize(("pixel_format", "per_pixel"), [("yuv420p", 1.5), ("yuv420p10le", 3)])
def test_what_a_waiting_frame_holds(tmp_path: Path, pixel_format: str, per_pixel: float) -> None:
    path = encode(
        tmp_path / "clip.mp4", [np.zeros((240, 320, 3), np.uint8)] * 3, pixel_format=pixel_format
    )
    with Clip.open(path, reader="pyav") as clip:
        assert clip.frame_bytes == pytest.approx(per_pixel * 320 * 240, rel=0.3)


def test_copies_have_the_same_gray(drawn: np.ndarray) -> None:
    shown = frame(stored(drawn, "yuv420p", BT709, LIMITED))
    copy = pickle.loads(pickle.dumps(shown))
    assert np.array_equal(copy.gray, shown.gray) and np.array_equal(copy.image, shown.image)


def test_gray_is_the_same_whoever_reads(tmp_path: Path, drawn: np.ndarray) -> None:
    pytest.importorskip("decord")
    path = tmp_path / "clip.mp4"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 192, 144, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = BT709, LIMITED
        for _ in range(5):
            out.mux(stream.encode(stored(drawn, "yuv420p", BT709, LIMITED)))
        out.mux(stream.encode())
    grays = []
    for reader in ("pyav", "decord"):
        with Clip.open(path, reader=reader) as clip:
            grays.append(clip.frame(2).gray.astype(int))
    assert np.abs(grays[0] - grays[1]).mean() < 1 and np.abs(grays[0] - grays[1]).max() <= 3
