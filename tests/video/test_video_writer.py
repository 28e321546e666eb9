"""Videos that are written are whole, exact, and there only when finished."""

import hashlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered import assert_exact, draw

from earvid.errors import VideoError
from earvid.video import Clip, VideoWriter


def write(path: Path, count: int = 20, fps: Fraction | float = 30, **how: int) -> Path:
    with VideoWriter(path, 160, 120, fps, **how) as writer:
        for number in range(count):
            writer.write(draw(number))
    return path


@pytest.mark.parametrize("fps", [30, 25.0, Fraction(30000, 1001), 29.97002997, 12.5])
def test_frames_and_rate_survive(tmp_path: Path, fps: Fraction | float) -> None:
    with Clip.open(write(tmp_path / "out.mp4", fps=fps)) as clip:
        assert_exact(clip, range(20))
        assert clip.info.fps == pytest.approx(float(fps))
        assert (clip.info.codec, clip.info.pixel_format) == ("h264", "yuv420p")
        np.testing.assert_allclose(clip.times, np.arange(20) / float(fps), atol=1e-4)


def test_times_survive(tmp_path: Path) -> None:
    times = np.cumsum([0, 0.03, 0.05, 0.2, 0.01, 0.033, 0.034, 0.5])
    with VideoWriter(tmp_path / "out.mp4", 160, 120) as writer:
        for number, time in enumerate(times):
            writer.write(draw(number), time=time)
    with Clip.open(tmp_path / "out.mp4") as clip:
        assert_exact(clip, range(len(times)))
        np.testing.assert_allclose(clip.times, times, atol=1e-4)
        assert clip.info.variable_frame_rate


def test_odd_sizes_are_padded_at_the_right_and_bottom(tmp_path: Path) -> None:
    image = draw(7, 161, 121)
    with VideoWriter(tmp_path / "odd.mp4", 161, 121, crf=1) as writer:
        writer.write(image)
    read = Clip.open(tmp_path / "odd.mp4").frame(0).image
    assert read.shape == (122, 162, 3)
    np.testing.assert_allclose(read[:121, :161].astype(int), image, atol=12)


@pytest.mark.parametrize("color", [(250, 5, 5), (5, 250, 5), (10, 20, 240), (128, 128, 128)])
def test_colors_survive(tmp_path: Path, color: tuple[int, int, int]) -> None:
    with VideoWriter(tmp_path / "color.mp4", 160, 120, crf=4) as writer:
        writer.write(np.full((120, 160, 3), color, np.uint8))
    image = Clip.open(tmp_path / "color.mp4").frame(0).image
    np.testing.assert_allclose(image[60, 80].astype(int), color, atol=4)


def test_the_file_streams_and_is_tagged(tmp_path: Path) -> None:
    data = write(tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(tmp_path / "out.mp4") as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)


def test_a_higher_crf_makes_a_smaller_file(tmp_path: Path) -> None:
    fine, coarse = write(tmp_path / "a.mp4", crf=10), write(tmp_path / "b.mp4", crf=40)
    assert fine.stat().st_size > coarse.stat().st_size


def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with pytest.raises(RuntimeError), VideoWriter(path, 160, 120) as writer:
        writer.write(draw(0))
        assert not path.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", count=3)
    before = path.read_bytes()
    with pytest.raises(VideoError), VideoWriter(path, 160, 120) as writer:
        writer.write(draw(0))
        writer.write(draw(0, 320, 240))
    assert path.read_bytes() == before
    write(path, count=5)
    assert len(Clip.open(path)) == 5


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"must end in \.mp4"):
        VideoWriter(tmp_path / "out.avi", 160, 120)
    with pytest.raises(VideoError, match="No such file or directory"):
        VideoWriter(tmp_path / "nowhere" / "out.mp4", 160, 120)
    with pytest.raises(VideoError, match="got no frames"), VideoWriter(tmp_path / "a.mp4", 8, 8):
        pass
    with VideoWriter(tmp_path / "b.mp4", 160, 120) as writer:
        writer.write(draw(0), time=0.0)
        with pytest.raises(VideoError, match="for every frame or for none"):
            writer.write(draw(1))
        with pytest.raises(VideoError, match="increase"):
            writer.write(draw(1), time=0.0)
        with pytest.raises(VideoError, match="type uint8"):
            writer.write(draw(1).astype(np.float32), time=1.0)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == ["b.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
@pytest.mark.parametrize("frames", [5, 60])
def test_a_disk_that_takes_no_more(tmp_path: Path, frames: int) -> None:
    code = """
import resource, sys
import numpy as np
from earvid.video import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
rng = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], 160, 120, crf=0) as writer:
        for i in range(int(sys.argv[2])):
            writer.write(rng.integers(0, 256, (120, 160, 3), np.uint8))
except Exception as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", code, tmp_path / "out.mp4", str(frames)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("VideoError"), done.stdout + done.stderr
    assert "out.mp4 was not written" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4")
    assert Clip.open(path).digest() == hashlib.sha256(path.read_bytes()).hexdigest()
