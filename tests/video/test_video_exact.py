"""Every frame of every kind of clip is where the index says, whichever way it is read."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import assert_exact, numbered, numbers, remux, trim_by_copying

from earvid.errors import VideoError
from earvid.video import Clip, windows

COUNT = 50
HEVC = {"codec": "libx265", "x265-params": "log-level=none:pools=1:frame-threads=1"}
UNEVEN = [*range(20), *range(21, 60, 3), 61, *range(70, 86)]  # 50 uneven times

KINDS = {
    "cfr.mp4": {},
    "faststart.mov": {"muxer": {"movflags": "faststart"}},
    "one_group.mp4": {"gop": 600, "sc_threshold": "0"},
    "all_keys.mp4": {"gop": 1},
    "open_groups.mp4": {"x264-params": "open-gop=1:keyint=10:min-keyint=10:scenecut=0"},
    "hevc_open_groups.mp4": HEVC,
    "refresh.ts": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"},
    "cfr.mkv": {},
    "hevc.mkv": HEVC,
    "vp9.webm": {"codec": "libvpx-vp9", "b_frames": 0, "deadline": "realtime", "cpu-used": "8"},
    "cfr.ts": {},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.avi": {},
    "mjpeg.avi": {
        "codec": "mjpeg",
        "pixel_format": "yuvj420p",
        "b_frames": 0,
        "strict": "unofficial",
    },
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "raw.h264": {"container_format": "h264"},
    "uneven.mp4": {"pts": UNEVEN},
    "uneven.mkv": {"pts": UNEVEN},
}
Maker = Callable[[str], Path]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("kinds")

    def make(name: str) -> Path:
        path = folder / name
        if KINDS[name].get("codec", "libx264") not in av.codecs_available:
            pytest.skip(f"no encoder for {name}")
        return path if path.exists() else numbered(path, COUNT, **KINDS[name])

    return make


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_exact_by_pyav(make: Maker, name: str) -> None:
    with Clip.open(make(name), reader="pyav") as clip:
        assert_exact(clip, range(COUNT))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_exact_by_the_chosen_reader(make: Maker, name: str) -> None:
    with Clip.open(make(name)) as clip:
        assert_exact(clip, range(COUNT))
        assert clip.info.reader_reason


@pytest.mark.parametrize("name", ["cfr.mp4", "faststart.mov", "uneven.mp4", "one_group.mp4"])
def test_decord_reads_the_clips_it_is_trusted_with(make: Maker, name: str) -> None:
    pytest.importorskip("decord")
    with Clip.open(make(name), reader="decord") as clip:
        assert clip.info.reader == "decord"
        assert_exact(clip, range(COUNT))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("open_groups.mp4", "open groups"),
        ("hevc_open_groups.mp4", "open groups"),
        ("mpeg4.avi", "avi container"),
        ("cfr.ts", "mpegts container"),
    ],
)
def test_decord_is_kept_from_the_others(make: Maker, name: str, reason: str) -> None:
    pytest.importorskip("decord")
    with pytest.raises(VideoError, match=rf"faithfully by decord \(.*{reason}"):
        Clip.open(make(name), reader="decord")


@pytest.mark.parametrize("name", [name for name in KINDS if "uneven" not in name])
def test_times_of_even_clips(make: Maker, name: str) -> None:
    with Clip.open(make(name)) as clip:
        fps = 25 if name == "raw.h264" else 30  # a bare stream knows no rate
        assert clip.times[0] == 0
        np.testing.assert_allclose(clip.times, np.arange(COUNT) / fps, atol=0.0011)
        assert not clip.info.variable_frame_rate
        assert clip.info.fps == pytest.approx(fps, rel=1e-3)
        assert clip.info.duration == pytest.approx(COUNT / fps, abs=0.002)


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_times_of_uneven_clips(make: Maker, name: str) -> None:
    with Clip.open(make(name)) as clip:
        np.testing.assert_allclose(clip.times, np.array(UNEVEN) / 30, atol=0.0011)
        assert clip.info.variable_frame_rate
        assert [frame.time for frame in clip.frames(7, 30)] == clip.times[7:30].tolist()


@pytest.mark.parametrize("start", [0.4, 0.7, 1.1])
def test_a_trimmed_mp4_gives_the_frames_that_a_player_shows(
    make: Maker, tmp_path: Path, start: float
) -> None:
    trimmed = trim_by_copying(make("cfr.mp4"), tmp_path / "trimmed.mp4", start)
    with Clip.open(trimmed) as clip:
        assert_exact(clip, range(round(start * 30), COUNT))
        assert clip.times[0] == 0
        assert clip.info.reader == "pyav"
    pytest.importorskip("decord")
    with pytest.raises(VideoError, match=r"faithfully by decord \(edit list"):
        Clip.open(trimmed, reader="decord")


def test_times_that_contradict_the_decoder(make: Maker, tmp_path: Path) -> None:
    def flatten(packet: av.Packet) -> av.Packet:
        packet.pts = packet.dts  # what a careless muxer writes
        return packet

    with Clip.open(remux(make("cfr.mp4"), tmp_path / "flat.mkv", flatten)) as clip:
        assert_exact(clip, range(COUNT))
        assert "no usable presentation times" in clip.info.warnings[0]


@pytest.mark.parametrize("seconds", [0, 20])
def test_a_recording_whose_clock_jumps_back(make: Maker, tmp_path: Path, seconds: int) -> None:
    def later(packet: av.Packet) -> av.Packet:
        packet.pts += round(seconds / packet.time_base)
        packet.dts += round(seconds / packet.time_base)
        return packet

    first = remux(make("cfr.ts"), tmp_path / "later.ts", later)
    (tmp_path / "joined.ts").write_bytes(first.read_bytes() + make("cfr.ts").read_bytes())
    with Clip.open(tmp_path / "joined.ts") as clip:
        assert_exact(clip, [*range(COUNT), *range(COUNT)])
        assert (np.diff(clip.times) > 0).all()


def test_times_may_start_late(make: Maker, tmp_path: Path) -> None:
    def later(packet: object) -> object:
        packet.pts += 100_000  # type: ignore[attr-defined]
        packet.dts += 100_000  # type: ignore[attr-defined]
        return packet

    for name in ("late.mkv", "late.mp4"):
        with Clip.open(remux(make("cfr.mp4"), tmp_path / name, later)) as clip:
            assert_exact(clip, range(COUNT))
            assert clip.times[0] == 0


def test_pictures_for_reference_only_are_no_frames(tmp_path: Path) -> None:
    def hide_frame_20(packet: av.Packet) -> av.Packet:
        if round(packet.pts * packet.time_base * 30) != 20:
            return packet
        data = bytearray(bytes(packet))
        data[0] &= ~0x10  # VP8's show_frame
        hidden = av.Packet(bytes(data))
        hidden.pts, hidden.dts, hidden.time_base = packet.pts, packet.dts, packet.time_base
        return hidden

    how = {"codec": "libvpx", "b_frames": 0, "deadline": "realtime", "auto-alt-ref": "0"}
    shown = numbered(tmp_path / "shown.webm", COUNT, gop=100, **how)
    with Clip.open(remux(shown, tmp_path / "hidden.webm", hide_frame_20)) as clip:
        assert_exact(clip, [number for number in range(COUNT) if number != 20])


@settings(max_examples=25, deadline=None)
@given(data=st.data(), name=st.sampled_from(["cfr.mp4", "hevc_open_groups.mp4", "mpeg4.avi"]))
def test_any_range(make: Maker, data: st.DataObject, name: str) -> None:
    start = data.draw(st.integers(0, COUNT))
    stop = data.draw(st.integers(start, COUNT))
    with Clip.open(make(name)) as clip:
        assert numbers(clip.frames(start, stop)) == list(range(start, stop))
        if start < stop:
            backward = list(clip.frames_backward(stop - 1, start))
            assert [frame.index for frame in backward] == list(range(start, stop))[::-1]
            assert numbers(backward) == list(range(start, stop))[::-1]


@pytest.mark.parametrize("name", ["one_group.mp4", "cfr.mp4", "all_keys.mp4", "mpeg4.avi"])
@pytest.mark.parametrize("reader", ["pyav", "auto"])
def test_windows_smaller_than_a_group(
    make: Maker, monkeypatch: pytest.MonkeyPatch, name: str, reader: str
) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 7 * 160 * 120 * 3)
    with Clip.open(make(name), reader=reader) as clip:  # type: ignore[arg-type]
        assert_exact(clip, range(COUNT))


def test_iterators_do_not_disturb_one_another(make: Maker) -> None:
    with Clip.open(make("cfr.mp4")) as clip:
        pairs = zip(clip.frames(), clip.frames_backward(), strict=True)
        for i, (forward, backward) in enumerate(pairs):
            assert numbers([forward, backward, clip.frame(i)]) == [i, COUNT - 1 - i, i]


def test_an_iterator_may_be_left_early(make: Maker) -> None:
    with Clip.open(make("cfr.mp4")) as clip:
        frames = clip.frames(5)
        assert next(frames).index == 5
        frames.close()  # type: ignore[attr-defined]
        assert numbers(clip.frames(5, 8)) == [5, 6, 7]
