"""Damaged files: no frame is shifted, repeated, or passed off as another."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numbered import (
    assert_exact,
    cut,
    draw,
    encode,
    numbered,
    numbers,
    overwrite,
    packet_place,
)

from earvid.errors import VideoError
from earvid.video import Clip

COUNT = 100
Maker = Callable[[str], Path]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("whole")

    def make(suffix: str) -> Path:
        path = folder / f"whole.{suffix}"
        if path.exists():
            return path
        how = {"muxer": {"movflags": "faststart"}} if suffix == "mp4" else {}
        # No scene cuts: keyframes are 0, 20, 40, 60 and 80.
        return numbered(path, COUNT, gop=20, sc_threshold="0", crf="10", **how)

    return make


def numbers_by_time(clip: Clip, first: int) -> list[int]:
    """The number that each frame should show, from its time and the first frame's number."""
    return (first + np.round(clip.times * 30).astype(int)).tolist()


@pytest.mark.parametrize("start", [0.1, 0.37, 0.5])
def test_a_ts_that_starts_inside_a_group(make: Maker, tmp_path: Path, start: float) -> None:
    with Clip.open(cut(make("ts"), tmp_path / "cut.ts", start)) as clip:
        first = numbers([clip.frame(0)])[0]
        assert first in (20, 40, 60)
        assert_exact(clip, range(first, COUNT))
        assert clip.times[0] == 0
        assert "before the first that can be decoded" in clip.info.warnings[0]


@pytest.mark.parametrize("suffix", ["ts", "mkv"])
@pytest.mark.parametrize("stop", [0.3, 0.45, 0.62, 0.81, 0.97])
def test_a_stream_that_breaks_off(make: Maker, tmp_path: Path, suffix: str, stop: float) -> None:
    with Clip.open(cut(make(suffix), tmp_path / f"cut.{suffix}", 0.0, stop)) as clip:
        expected = numbers_by_time(clip, 0)
        assert COUNT * stop - 20 < len(clip) < COUNT
        assert expected[: len(clip) - 3] == list(range(len(clip) - 3))
        assert_exact(clip, expected)


@pytest.mark.parametrize("stop", [0.35, 0.5, 0.66, 0.8, 0.93])
def test_an_mp4_that_breaks_off(make: Maker, tmp_path: Path, stop: float) -> None:
    with Clip.open(cut(make("mp4"), tmp_path / "cut.mp4", 0.0, stop)) as clip:
        shown = numbers(clip.frames())
        for i, number in enumerate(numbers_by_time(clip, 0)):
            # Among the last, a frame may be whole while one shown before it is not.
            assert shown[i] == number or (shown[i] == "damaged" and i > len(clip) - 4)
        assert shown[-1] != "damaged"
        assert_exact(clip, shown)
        assert clip.info.reader == "pyav"
        assert "announces 100 frames" in clip.info.warnings[0]


def test_cut_at_both_ends(make: Maker, tmp_path: Path) -> None:
    with Clip.open(cut(make("ts"), tmp_path / "cut.ts", 0.33, 0.77)) as clip:
        first = numbers([clip.frame(0)])[0]
        assert isinstance(first, int)
        assert_exact(clip, numbers_by_time(clip, first))


def test_an_mp4_without_its_index(tmp_path: Path) -> None:
    whole = numbered(tmp_path / "whole.mp4", 30)
    with pytest.raises(VideoError, match="no usable index"):
        Clip.open(cut(whole, tmp_path / "cut.mp4", 0.0, 0.6))


@pytest.mark.parametrize("reader", ["auto", "pyav"])
def test_a_hole_in_the_middle(make: Maker, tmp_path: Path, reader: str) -> None:
    offset, size = packet_place(make("mp4"), 41)  # what follows keyframe 40 in the file
    broken = overwrite(make("mp4"), tmp_path / "hole.mp4", offset, bytes(size))
    with Clip.open(broken, reader=reader) as clip:  # type: ignore[arg-type]
        shown = numbers(clip.frames())
        assert shown[:41] == list(range(41))
        assert shown[60:] == list(range(60, COUNT))
        # All that comes after the hole, up to the next keyframe, is built on what is missing.
        assert shown[41:60] == ["damaged"] * 19
        assert_exact(clip, shown)
        blank = clip.frame(50)
        assert blank.damaged
        assert not blank.image.any()
        assert numbers(clip.frames(45, 63)) == shown[45:63]


def test_flipped_bits_inside_a_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 120, 160, 3), np.uint8)
    images = (np.maximum(draw(i), noise[i] // 4) for i in range(30))
    whole = encode(tmp_path / "whole.mp4", images, gop=10, sc_threshold="0", b_frames=0)
    offset, size = packet_place(whole, 13)
    found = 0
    for seed in range(6):  # some garbage happens to decode, which nobody can notice
        garbage = np.random.default_rng(seed).integers(1, 256, size // 2, np.uint8).tobytes()
        broken = overwrite(whole, tmp_path / "flipped.mp4", offset + size // 3, garbage)
        with Clip.open(broken, reader="pyav") as clip:
            if clip.frame(13).damaged:
                assert_exact(clip, [*range(13), *["damaged"] * 7, *range(20, 30)])
                found += 1
    assert found >= 3


def test_a_damaged_keyframe_takes_its_group_along(make: Maker, tmp_path: Path) -> None:
    offset, size = packet_place(make("mp4"), 40)
    broken = overwrite(make("mp4"), tmp_path / "nokey.mp4", offset, bytes(size))
    with Clip.open(broken) as clip:
        assert_exact(clip, [*range(40), *["damaged"] * 20, *range(60, COUNT)])


def test_what_is_shown_before_the_damage_may_build_on_it(tmp_path: Path) -> None:
    how = {"x264-params": "b-adapt=0:bframes=2:keyint=20:min-keyint=20:scenecut=0"}
    whole = numbered(tmp_path / "whole.mp4", 60, crf="10", **how)
    offset, size = packet_place(whole, 21)  # decoded second in its group, and shown as frame 23
    broken = overwrite(whole, tmp_path / "hole.mp4", offset, bytes(size))
    with Clip.open(broken) as clip:
        assert_exact(clip, [*range(21), *["damaged"] * 19, *range(40, 60)])


OPEN_GROUPS = {
    "libx264": {"x264-params": "open-gop=1:keyint=10:min-keyint=10:scenecut=0"},
    "libx265": {"x265-params": "log-level=none:pools=1:frame-threads=1:scenecut=0"},
}


@pytest.mark.parametrize("codec", OPEN_GROUPS)
@pytest.mark.parametrize("place", ["first of the group", "last of the group"])
def test_damage_reaches_into_an_open_group(tmp_path: Path, codec: str, place: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"no {codec}")
    whole = numbered(tmp_path / "whole.mp4", 60, codec=codec, **OPEN_GROUPS[codec])
    with av.open(whole) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = [round(packet.pts * packet.time_base * 30) for packet in packets]
    keys = [i for i, packet in enumerate(packets) if packet.is_keyframe]
    before, key = next(  # a keyframe followed in the file by frames that are shown before it
        (a, b) for a, b in pairwise(keys[1:]) if shown[b + 1] < shown[b]
    )
    first = before if place == "first of the group" else key - 1
    expected = {*shown[first:key], *[n for n in shown[key:] if n < shown[key]]}
    offset, size = packet_place(whole, first)
    broken = overwrite(whole, tmp_path / "hole.mp4", offset, bytes(size))
    with Clip.open(broken) as clip:
        assert_exact(clip, ["damaged" if i in expected else i for i in range(60)])


def test_packets_lost_from_a_ts(make: Maker, tmp_path: Path) -> None:
    data = make("ts").read_bytes()
    middle = len(data) // 188 // 2 * 188
    (tmp_path / "lost.ts").write_bytes(data[:middle] + data[middle + 3 * 188 :])
    with Clip.open(tmp_path / "lost.ts") as clip:
        shown = numbers(clip.frames())
        assert COUNT - 4 <= len(clip) < COUNT
        assert "damaged" in shown
        by_time = numbers_by_time(clip, 0)
        assert all(a in (b, "damaged") for a, b in zip(shown, by_time, strict=True))
        assert_exact(clip, shown)
        assert shown[:30] == list(range(30))
        assert shown[-20:] == list(range(80, COUNT))


def test_a_file_with_no_good_frame(make: Maker, tmp_path: Path) -> None:
    with av.open(make("mp4")) as container:
        first, last = packet_place(make("mp4"), 0), packet_place(make("mp4"), COUNT - 1)
        assert container.streams.video[0].frames == COUNT
    void = overwrite(
        make("mp4"), tmp_path / "void.mp4", first[0], bytes(last[0] + last[1] - first[0])
    )
    with pytest.raises(VideoError, match="none can be decoded"):
        Clip.open(void)


def test_a_size_change_on_the_way(tmp_path: Path) -> None:
    small = numbered(tmp_path / "small.ts", 40, 160, 120)
    large = numbered(tmp_path / "large.ts", 40, 320, 240)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(VideoError, match="changes from 160x120 to 320x240 pixels at frame 40"):
        for _ in Clip.open(joined).frames():
            pass
