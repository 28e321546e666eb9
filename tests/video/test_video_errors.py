"""What cannot be read is refused in one sentence."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numbered import numbered, packet_place, remux

from earvid.errors import UsageError, VideoError
from earvid.video import Clip


def sound_only(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def no_frames(path: Path) -> None:
    numbered(path, 5, muxer={"movflags": "faststart"})
    offset, _ = packet_place(path, 0)
    path.write_bytes(path.read_bytes()[:offset])


def too_wide(path: Path) -> None:
    numbered(path, 2, 16400, 16, codec="ffv1", b_frames=0)


def trimmed_away(path: Path) -> None:
    def earlier(packet: av.Packet) -> av.Packet:
        packet.pts -= round(2 / packet.time_base)
        packet.dts -= round(2 / packet.time_base)
        return packet

    remux(numbered(path.with_name("whole.mp4"), 20), path, earlier)


def nothing(path: Path) -> None:
    """No file at all."""


def text(path: Path) -> None:
    path.write_text("This is not a video, whatever its name says.\n" * 40)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text_in_a_folder(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no images here")


def pipe(path: Path) -> None:
    os.mkfifo(path)


CASES: list[tuple[str, Callable[[Path], None], str]] = [
    ("trimmed_away.mp4", trimmed_away, "shows none of its frames"),
    ("gone.mp4", nothing, "does not exist"),
    ("empty.mp4", empty, "is empty"),
    ("text.mp4", text, "is not a video"),
    ("notes.txt", text, "is text|is not a video"),
    ("sound.mp4", sound_only, "no moving picture"),
    ("void.mp4", no_frames, "holds no frames"),
    ("wide.mkv", too_wide, "more than the limit of 16384"),
    ("folder", text_in_a_folder, "holds no images"),
    ("gone.png", nothing, "does not exist"),
    ("text.png", text, "cannot be read as an image"),
    pytest.param(
        "pipe",
        pipe,
        "not a regular file",
        marks=pytest.mark.skipif(os.name == "nt", reason="no pipes"),
    ),
]


@pytest.mark.parametrize(("name", "create", "message"), CASES)
def test_one_sentence(
    tmp_path: Path, name: str, create: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / name
    create(path)
    with pytest.raises(VideoError, match=message) as caught:
        Clip.open(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_no_permission(tmp_path: Path) -> None:
    path = numbered(tmp_path / "secret.mp4", 2)
    path.chmod(0)
    if os.geteuid():
        with pytest.raises(VideoError, match="Permission denied"):
            Clip.open(path)
        return
    # Root may read anything, so the clip is opened by a process that gives its rights away.
    code = (
        "import os, sys; from earvid.video import Clip; os.setuid(65534)\n"
        "try: Clip.open(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    for folder in [tmp_path, *tmp_path.parents][:4]:
        folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.startswith("VideoError")
    assert "Permission denied" in done.stdout


def test_ranges_outside_the_clip(tmp_path: Path) -> None:
    clip = Clip.open(numbered(tmp_path / "ten.mp4", 10))
    for start, stop in [(-1, 5), (0, 11), (7, 3), (11, 11)]:
        with pytest.raises(VideoError, match="frames 0 to 9"):
            clip.frames(start, stop)
    for index in (-1, 10):
        with pytest.raises(VideoError, match="frames 0 to 9"):
            clip.frame(index)
    with pytest.raises(VideoError, match="frames 0 to 9"):
        clip.frames_backward(10)
    assert list(clip.frames(10)) == []
    clip.close()
    with pytest.raises(VideoError, match="closed"):
        clip.frames()


def test_readers_that_will_not_do(tmp_path: Path) -> None:
    path = numbered(tmp_path / "clip.avi", 10, codec="mpeg4")
    with pytest.raises(VideoError, match="faithfully by decord"):
        Clip.open(path, reader="decord")
    with pytest.raises(UsageError, match="no reader"):
        Clip.open(path, reader="opencv")  # type: ignore[arg-type]


def test_everything_works_without_decord(tmp_path: Path) -> None:
    path = numbered(tmp_path / "clip.mp4", 10)
    code = (
        "import sys; sys.modules['decord'] = None\n"
        "from earvid.video import Clip; clip = Clip.open(sys.argv[1])\n"
        "print(clip.info.reader, len(list(clip.frames())))\n"
        "try: Clip.open(sys.argv[1], reader='decord')\n"
        "except Exception as error: print(type(error).__name__, 'not installed' in str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.split() == ["pyav", "10", "VideoError", "True"], done.stderr
