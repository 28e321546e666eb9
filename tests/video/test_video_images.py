"""A folder of images is a clip."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numbered import assert_exact, draw, numbers, read
from PIL import Image

from earvid.errors import VideoError
from earvid.video import Clip

ORIENTATION = 0x0112


def save(path: Path, image: np.ndarray, orientation: int | None = None) -> None:
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
    Image.fromarray(image).save(path, exif=exif)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"])
def test_files_come_in_natural_order(tmp_path: Path, suffix: str) -> None:
    for number in range(12):
        save(tmp_path / f"ear{number}.{suffix}", draw(number))
    (tmp_path / "._ear0.png").write_bytes(b"what a Mac leaves behind")
    (tmp_path / "notes.txt").write_text("not a frame")
    with Clip.open(tmp_path) as clip:
        assert_exact(clip, range(12))
        assert (clip.info.kind, clip.info.reader, clip.info.codec) == ("images", "images", suffix)
        np.testing.assert_allclose(clip.times, np.arange(12) / 30)
        assert "30 frames per second are assumed" in clip.info.warnings[0]


def test_suffixes_may_be_mixed_and_shouted(tmp_path: Path) -> None:
    for name, number in [("2.JPG", 0), ("10.png", 1), ("a3.Png", 2)]:
        save(tmp_path / name, draw(number))
    assert numbers(Clip.open(tmp_path).frames()) == [0, 1, 2]


def test_pictures_beside_videos_are_no_frames(tmp_path: Path) -> None:
    folder = tmp_path / "my clips"
    folder.mkdir()
    save(folder / "sheet.png", draw(0))
    (folder / "sheet.overlay.mp4").touch()
    assert numbers(Clip.open(folder).frames()) == [0]
    (folder / "clip.mp4").touch()
    with pytest.raises(VideoError, match=r"clip\.mp4, and no clip: .* earvid batch '.*my clips'$"):
        Clip.open(folder)


def test_many_images_with_a_video_among_them_are_a_clip(tmp_path: Path) -> None:
    for number in range(3):  # as many may be pictures that were made of the video
        save(tmp_path / f"{number}.png", draw(number))
    (tmp_path / "talk.mp4").touch()
    with pytest.raises(VideoError, match="a folder of videos"):
        Clip.open(tmp_path)
    save(tmp_path / "3.png", draw(3))
    with Clip.open(tmp_path) as clip:
        assert_exact(clip, range(4))
        assert "the video talk.mp4 among them is left out" in clip.info.warnings[1]
    (tmp_path / "walk.mp4").touch()
    with pytest.raises(VideoError, match="a folder of videos"):
        Clip.open(tmp_path)


def test_a_single_image(tmp_path: Path) -> None:
    save(tmp_path / "ear.png", draw(5))
    assert numbers(Clip.open(tmp_path / "ear.png").frames()) == [5]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    turn = {  # from upright to stored: the inverse of what the tag asks for
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    save(tmp_path / f"1.{suffix}", np.ascontiguousarray(turn(draw(9))), orientation)
    save(tmp_path / f"2.{suffix}", draw(10))
    with Clip.open(tmp_path) as clip:
        assert (clip.info.width, clip.info.height) == (160, 120)
        assert numbers(clip.frames()) == [9, 10]


def test_16_bits_gray_and_transparency(tmp_path: Path) -> None:
    gray = draw(0)[:, :, 0]
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "1.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "2.tif")
    Image.fromarray(gray).save(tmp_path / "3.png")
    Image.fromarray(np.dstack([draw(0), np.zeros_like(gray)])).save(tmp_path / "4.png")
    Image.fromarray(draw(0)).quantize(4).save(tmp_path / "5.png")
    with Clip.open(tmp_path) as clip:
        for frame in clip.frames():
            np.testing.assert_array_equal(frame.image, draw(0))


def test_the_first_of_another_size_is_named(tmp_path: Path) -> None:
    for name, width in [("1.png", 160), ("2.png", 160), ("3.png", 200), ("4.png", 240)]:
        save(tmp_path / name, draw(0, width))
    with pytest.raises(VideoError, match=r"3\.png is 200x120 pixels and 1\.png is 160x120"):
        Clip.open(tmp_path)


def test_a_truncated_image_is_a_damaged_frame(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        noise = rng.integers(0, 20, (120, 160, 3), np.uint8)
        save(tmp_path / f"{number}.jpg", draw(number) + noise)
    data = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(data[: len(data) // 2])
    with Clip.open(tmp_path) as clip:
        assert_exact(clip, [0, "damaged", 2])
        assert not clip.frame(1).image.any()


def test_what_is_no_single_plain_image(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "1.tif")
    with pytest.raises(VideoError, match="floating-point"):
        Clip.open(tmp_path)
    pages = [Image.fromarray(draw(number)) for number in range(2)]
    pages[0].save(tmp_path / "1.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(VideoError, match="several pages"):
        Clip.open(tmp_path)


def test_the_digest_covers_names_and_contents(tmp_path: Path) -> None:
    digests = set()
    for name, number in [("1.png", 0), ("1.png", 1), ("2.png", 1)]:
        for old in tmp_path.iterdir():
            old.unlink()
        save(tmp_path / name, draw(number))
        digests.add(Clip.open(tmp_path).digest())
        assert Clip.open(tmp_path).digest() in digests
    assert len(digests) == 3
    assert read(Clip.open(tmp_path).frame(0).image) == 1


def test_the_digest_of_a_single_file_is_of_its_bytes_and_name(tmp_path: Path) -> None:
    save(tmp_path / "1.png", draw(0))
    content = hashlib.sha256((tmp_path / "1.png").read_bytes()).hexdigest()
    expected = hashlib.sha256(f"1.png\0{content}\n".encode()).hexdigest()
    assert Clip.open(tmp_path / "1.png").digest() == expected
