"""Pictures of every make come out as upright RGB, the same from either reader."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered import assert_exact, draw, encode, numbered, read, turn

from earvid.errors import VideoError
from earvid.video import Clip
from earvid.video.look import Orientation, _distortion

Turn = Callable[[np.ndarray], np.ndarray]
BT709, BT601 = 1, 6
LIMITED, FULL = 1, 2
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 30), (30, 30, 200), (220, 220, 220)


def corners(width: int = 160, height: int = 120) -> np.ndarray:
    """Red, green, blue and white quarters, clockwise from the upper left."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, width // 2 :], image[height // 2 :, : width // 2] = BLUE, WHITE
    return image


def seen_corners(image: np.ndarray) -> list[tuple[int, int, int]]:
    """The quarters' colors clockwise from the upper left, each as the nearest of the four."""
    height, width = image.shape[:2]
    y, x = height // 4, width // 4
    seen = [image[y, x], image[y, -x], image[-y, -x], image[-y, x]]
    palette = np.array([RED, GREEN, BLUE, WHITE])
    nearest = [np.abs(palette - color).sum(axis=1).argmin() for color in seen]
    return [tuple(palette[i].tolist()) for i in nearest]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("gray.mkv", {"codec": "ffv1", "pixel_format": "gray"}),
        ("gray.mp4", {"pixel_format": "gray"}),
        ("deep.mp4", {"pixel_format": "yuv420p10le"}),
        ("deep_gray.mkv", {"codec": "ffv1", "pixel_format": "gray16le"}),
        ("full_color.mp4", {"pixel_format": "yuv444p"}),
        ("rgb.mkv", {"codec": "ffv1", "pixel_format": "bgr0"}),
        ("alpha.mov", {"codec": "qtrle", "pixel_format": "argb"}),
        ("full_range.mp4", {"pixel_format": "yuvj420p"}),
    ],
)
def test_formats(tmp_path: Path, name: str, how: dict[str, str]) -> None:
    with Clip.open(numbered(tmp_path / name, 12, b_frames=0, **how)) as clip:
        assert_exact(clip, range(12))
        assert clip.info.pixel_format in (how["pixel_format"], "yuv420p")
        image = clip.frame(3).image
        assert (image.dtype, image.shape) == (np.uint8, (120, 160, 3))
        assert image.flags["C_CONTIGUOUS"]
        np.testing.assert_allclose(image, draw(3), atol=40)
        assert ("Transparency is ignored." in clip.info.warnings) == (name == "alpha.mov")


@pytest.mark.parametrize(("width", "height"), [(161, 120), (160, 121), (161, 121)])
def test_odd_sizes(tmp_path: Path, width: int, height: int) -> None:
    path = numbered(tmp_path / "odd.mkv", 8, width, height, codec="ffv1", b_frames=0)
    with Clip.open(path) as clip:
        assert (clip.info.width, clip.info.height) == (width, height)
        assert clip.frame(0).image.shape == (height, width, 3)
        assert_exact(clip, range(8))


@pytest.mark.parametrize(
    ("matrix", "degrees", "turned"),
    [
        ((0, 1, -1, 0), 90, lambda image: np.rot90(image, -1)),
        ((-1, 0, 0, -1), 180, lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), 270, lambda image: np.rot90(image)),
        ((-1, 0, 0, 1), 0, lambda image: image[:, ::-1]),
        ((0, 1, 1, 0), 90, lambda image: image.swapaxes(0, 1)),
    ],
)
def test_rotation(
    tmp_path: Path, matrix: tuple[int, int, int, int], degrees: int, turned: Turn
) -> None:
    path = turn(encode(tmp_path / "turned.mp4", [corners()] * 4, b_frames=0), *matrix)
    with Clip.open(path) as clip:
        expected = turned(corners())
        image = clip.frame(2).image
        assert image.shape == expected.shape
        assert (clip.info.height, clip.info.width) == expected.shape[:2]
        assert seen_corners(image) == seen_corners(expected)
        assert clip.info.rotation == degrees
        mirrored = matrix[0] * matrix[3] < matrix[1] * matrix[2]
        assert any("mirrored" in warning for warning in clip.info.warnings) == mirrored
        assert [frame.image.shape for frame in clip.frames_backward()] == [expected.shape] * 4


def test_odd_angles_are_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "tilted.mp4", [corners()] * 4, b_frames=0)
    with pytest.raises(VideoError, match="turned by 30 degrees, and only multiples of 90"):
        Clip.open(turn(path, 0.866, 0.5, -0.5, 0.866))


@pytest.mark.parametrize("matrix", [BT601, BT709, None])
@pytest.mark.parametrize("levels", [LIMITED, FULL])
@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_matrix_and_range_are_honored(
    tmp_path: Path, matrix: int | None, levels: int, reader: str
) -> None:
    if reader == "decord":
        pytest.importorskip("decord")
    path = tmp_path / "tagged.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height = 160, 120
        stream.pix_fmt = "yuvj420p" if levels == FULL else "yuv420p"
        stream.codec_context.color_range = levels
        if matrix:
            stream.codec_context.colorspace = matrix
        for i in range(3):
            frame = av.VideoFrame(160, 120, stream.pix_fmt)
            for plane, level in zip(frame.planes, (100, 90, 200), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    red, blue, green = {  # H.273, matrix coefficients 6 and 1: Kr, Kb, then Kg
        BT709: (0.2126, 0.0722, 0.7152),
    }.get(matrix or BT601, (0.299, 0.114, 0.587))
    scale, black, chroma = (255 / 219, 16, 255 / 224) if levels == LIMITED else (1.0, 0, 1.0)
    y, cb, cr = (100 - black) * scale, (90 - 128) * chroma, (200 - 128) * chroma
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    expected = np.clip([r, (y - red * r - blue * b) / green, b], 0, 255)
    with Clip.open(path, reader=reader) as clip:  # type: ignore[arg-type]
        np.testing.assert_allclose(clip.frame(1).image[60, 80], expected, atol=3)


@pytest.mark.parametrize(("width", "height"), [(160, 120), (162, 122), (854, 480), (130, 98)])
def test_both_readers_give_the_same_pixels(tmp_path: Path, width: int, height: int) -> None:
    pytest.importorskip("decord")
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (6, height // 8 + 1, width // 8 + 1, 3), np.uint8)
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    path = encode(tmp_path / "colors.mp4", smooth, tags={"colorspace": BT709})
    by_decord, by_pyav = Clip.open(path, reader="decord"), Clip.open(path, reader="pyav")
    for one, other in zip(by_decord.frames(), by_pyav.frames(), strict=True):
        np.testing.assert_allclose(one.image.astype(int), other.image.astype(int), atol=2)


def test_pixels_do_not_depend_on_the_way_of_reading(tmp_path: Path) -> None:
    path = numbered(tmp_path / "clip.mp4", 40)
    with Clip.open(path, reader="pyav") as clip:
        forward = [frame.image for frame in clip.frames()]
        backward = [frame.image for frame in clip.frames_backward()][::-1]
        np.testing.assert_array_equal(forward, backward)
        for i in (33, 12, 5, 39):
            np.testing.assert_array_equal(clip.frame(i).image, forward[i])
        assert read(forward[12]) == 12


def test_interlaced_and_stretched_pixels_are_remarked_on(tmp_path: Path) -> None:
    path = tmp_path / "old.mp4"
    encode(path, [corners()] * 4, b_frames=0, **{"x264-params": "tff=1:sar=16/15"})
    with Clip.open(path) as clip:
        assert any("interlaced" in warning for warning in clip.info.warnings)
        assert any(
            "(16/15)" in warning and "6.2 % too narrow" in warning for warning in clip.info.warnings
        )
        assert clip.info.reader == "pyav"


@pytest.mark.parametrize(
    ("aspect", "turned", "said"),
    [
        ("15/16", False, "6.7 % too wide"),
        ("4/3", False, "25 % too narrow"),
        ("1/3", True, "200 % too tall"),
        ("2/1", True, "50 % too flat"),
    ],
)
def test_what_stretched_pixels_do_to_shapes(aspect: str, turned: bool, said: str) -> None:
    assert _distortion(float(Fraction(aspect)), Orientation(transpose=turned)) == said


def test_facts(tmp_path: Path) -> None:
    info = Clip.open(numbered(tmp_path / "clip.mp4", 45), reader="pyav").info
    assert (info.kind, info.codec, info.pixel_format) == ("video", "h264", "yuv420p")
    assert (info.width, info.height, info.frame_count, info.fps) == (160, 120, 45, 30)
    assert (info.duration, info.rotation, info.warnings) == (1.5, 0, ())
