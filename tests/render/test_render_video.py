import os
import stat
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from drawn_clip import (
    ABSENT,
    CORRECTED,
    EAR,
    FRAMES,
    HEIGHT,
    PENDING,
    WIDTH,
    ear_box,
    ear_mask,
    image,
    record,
    write_clip,
    write_store,
)

from earvid.errors import EarvidError, StoreError, UsageError
from earvid.render import Style, contact_sheet, marks_at, render_store
from earvid.store import Store, StoreWriter
from earvid.video import Clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    with Clip.open(write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")) as opened:
        yield opened


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "clip.earvid.zarr")


def decoded(path):
    with av.open(str(path)) as container:
        return [
            (float(frame.time), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]


def inked(picture):
    """Pixels of the color of object 7, the first of the palette: much bluer than the clip."""
    return (picture[..., 2].astype(int) - picture[..., 0]) > 70


@pytest.fixture(scope="module")
def overlay(store, clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "overlay.mp4"
    return render_store(store, clip, path)


def test_the_video_plays_everywhere_and_has_every_frame_at_its_time(overlay, clip):
    with av.open(str(overlay)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.width, codec.height) == (WIDTH, HEIGHT)
    frames = decoded(overlay)
    np.testing.assert_allclose([time for time, _ in frames], clip.times, atol=1e-4)
    assert len(frames) == FRAMES


def test_the_contour_follows_the_ear(overlay):
    for index, (_, picture) in enumerate(decoded(overlay)):
        middle = inked(picture)[100:140]
        if index in ABSENT or index in PENDING:
            assert not middle.any()
            continue
        x0, _, x1, _ = ear_box(index)
        columns = np.nonzero(middle.mean(axis=0) > 0.5)[0]
        assert (columns.min(), columns.max()) == pytest.approx((x0, x1), abs=3)


def test_frames_without_an_ear_and_frames_still_to_come_say_so(overlay):
    for index, (_, picture) in enumerate(decoded(overlay)):
        corner = picture[HEIGHT - 30 :, :150].astype(int)
        yellow = ((corner[..., 0] - corner[..., 2]) > 40).sum()
        if index in ABSENT or index in PENDING:
            assert yellow > 10
        elif index == CORRECTED:
            assert yellow == 0 and (corner < 90).any()  # a dark plate with white text
        else:
            np.testing.assert_allclose(corner, 120, atol=12)


def test_a_part_of_the_clip_starts_at_time_zero(store, clip, tmp_path):
    seen = []
    path = render_store(
        store,
        clip,
        tmp_path / "part.mp4",
        start=3,
        stop=7,
        progress_callback=lambda done, total: seen.append((done, total)),
    )
    frames = decoded(path)
    np.testing.assert_allclose([t for t, _ in frames], clip.times[3:7] - clip.times[3], atol=1e-4)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    columns = np.nonzero(inked(frames[0][1])[100:140].mean(axis=0) > 0.5)[0]
    assert columns.min() == pytest.approx(ear_box(3)[0], abs=3)


def test_uneven_times_are_kept(store, tmp_path):
    times = np.cumsum(np.r_[0, np.tile([0.02, 0.11, 0.05], 4)])[:FRAMES]
    with Clip.open(write_clip(tmp_path / "vfr.mp4", times)) as vfr:
        path = render_store(store, vfr, tmp_path / "overlay.mp4")
    np.testing.assert_allclose([time for time, _ in decoded(path)], times, atol=1e-3)


def test_odd_sizes_keep_their_coordinates(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index:03d}.png"), image(index)[:-1, :-1, ::-1])

    store = write_store(tmp_path / "odd.earvid.zarr", WIDTH - 1, HEIGHT - 1)
    with Clip.open(folder) as odd:
        path = render_store(store, odd, tmp_path / "overlay.mp4")
    frames = decoded(path)
    assert len(frames) == FRAMES
    columns = np.nonzero(inked(frames[5][1])[100:140].mean(axis=0) > 0.5)[0]
    assert columns.min() == pytest.approx(ear_box(5)[0], abs=3)


def test_the_sheet_shows_evenly_spaced_frames(store, clip, tmp_path):
    path = contact_sheet(store, clip, tmp_path / "sheet.png", count=6)
    sheet = cv2.imread(str(path))[..., ::-1]
    assert sheet.shape[2] == 3
    rows, columns = sheet.shape[0] // HEIGHT, sheet.shape[1] // WIDTH
    assert rows * columns >= 6
    gap = (sheet.shape[1] - columns * WIDTH) // (columns + 1)
    tiles = [
        sheet[gap + r * (HEIGHT + gap) :, gap + c * (WIDTH + gap) :][:HEIGHT, :WIDTH]
        for r in range(rows)
        for c in range(columns)
    ]
    for tile, index in zip(tiles, (0, 2, 4, 7, 9, 11), strict=False):
        middle = inked(tile)[100:140].mean(axis=0) > 0.5
        if index in ABSENT or index in PENDING:
            assert not middle.any()
        else:
            assert np.nonzero(middle)[0].min() == pytest.approx(ear_box(index)[0], abs=3)


def test_the_sheet_ends_with_what_its_colors_and_dots_mean(store, clip, tmp_path):
    def legend(name, **style):
        path = contact_sheet(store, clip, tmp_path / name, count=4, style=Style(**style))
        sheet = cv2.imread(str(path))[..., ::-1]
        step = HEIGHT + 6  # of the tiles, with what is between them
        return sheet[sheet.shape[0] // step * step + 6 :]

    color = (255, 60, 0)
    full = legend("full.png", palette=(color,))
    assert (full == color).all(axis=2).sum() >= 100
    less = legend("less.png", palette=(color,), landmarks=False)
    assert (full > 128).sum() > (less > 128).sum() > 0


def test_a_sheet_never_repeats_a_frame(store, clip, tmp_path):
    small = cv2.imread(str(contact_sheet(store, clip, tmp_path / "a.png", count=FRAMES)))
    large = cv2.imread(str(contact_sheet(store, clip, tmp_path / "b.png", count=1000)))
    np.testing.assert_array_equal(small, large)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("overlay.avi", r"does not end in \.mp4"),
        ("overlay", r"does not end in \.mp4"),
        ("gone/overlay.mp4", "folder .*gone does not exist"),
        ("taken.mp4", "is there already"),
        ("folder.mp4", "is a folder"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_any_work(
    store, clip, tmp_path, name, sentence
):
    (tmp_path / "taken.mp4").write_bytes(b"precious")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match=sentence):
        render_store(store, clip, tmp_path / name)
    assert (tmp_path / "taken.mp4").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.mp4", "taken.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_one_sentence(store, clip, tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(UsageError, match="cannot be written to"):
        render_store(store, clip, tmp_path / "overlay.mp4")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no files")
def test_a_folder_that_takes_no_files_is_one_sentence(store, clip):
    with pytest.raises(EarvidError, match=r"cannot be written .*choose another"):
        render_store(store, clip, "/proc/self/overlay.mp4")
    with pytest.raises(EarvidError, match=r"cannot be written .*choose another"):
        contact_sheet(store, clip, "/proc/self/sheet.png")


def test_overwriting_needs_to_be_asked_for_and_never_hits_the_clip(store, clip, tmp_path):
    path = tmp_path / "overlay.mp4"
    path.write_bytes(b"old")
    render_store(store, clip, path, stop=2, overwrite=True)
    assert len(decoded(path)) == 2
    with pytest.raises(UsageError, match="is the clip itself"):
        render_store(store, clip, clip.info.path, overwrite=True)


def test_a_failure_on_the_way_leaves_nothing_behind(clip, tmp_path):
    damaged = write_store(tmp_path / "clip.earvid.zarr")
    shard = sorted(file for file in damaged.path.glob("labels/ear/mask/c/2/**/*") if file.is_file())
    shard[0].write_bytes(b"\0" * 100)
    with pytest.raises(StoreError, match="mask of frame 4"):
        render_store(damaged, clip, tmp_path / "overlay.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.earvid.zarr"]


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 5), (6, 2), (0, FRAMES + 1)])
def test_a_range_outside_the_clip_is_refused(store, clip, tmp_path, start, stop):
    with pytest.raises(UsageError, match="are not a range"):
        render_store(store, clip, tmp_path / "overlay.mp4", start=start, stop=stop)


@pytest.mark.parametrize("other", [{"width": 330}, {"height": 250}, {"frames": 14}])
def test_the_store_of_another_clip_is_refused(clip, tmp_path, other):
    store = write_store(tmp_path / "other.earvid.zarr", **other)
    with pytest.raises(StoreError, match="clip that the store was made from"):
        render_store(store, clip, tmp_path / "overlay.mp4")
    with pytest.raises(StoreError, match="clip that the store was made from"):
        contact_sheet(store, clip, tmp_path / "sheet.png")


def test_a_sheet_of_no_frames_or_of_another_kind_is_refused(store, clip, tmp_path):
    with pytest.raises(UsageError, match="at least 1"):
        contact_sheet(store, clip, tmp_path / "sheet.png", count=0)
    with pytest.raises(EarvidError, match=r"\.png"):
        contact_sheet(store, clip, tmp_path / "sheet.jpg")


def test_the_marks_of_a_frame_are_what_the_store_holds(store):
    marks = marks_at(store, CORRECTED)
    (ear,) = marks.ears
    assert marks.status == "corrected"
    np.testing.assert_array_equal(marks.mask, ear_mask(CORRECTED))
    x0, y0, _, _ = ear_box(CORRECTED)
    assert (ear.id, ear.name, ear.present, ear.box) == (EAR, "left", True, ear_box(CORRECTED))
    assert ear.score == pytest.approx(0.9)
    np.testing.assert_array_equal(ear.landmarks, [[x0 + 9, y0 + 9], [x0 + 19, y0 + 19]])
    np.testing.assert_array_equal(ear.visible, [True, False])
    absent = marks_at(store, ABSENT[0]).ears[0]
    assert not absent.present and absent.box is None
    assert marks_at(store, PENDING[0]).status == "pending"


def test_frames_that_are_done_later_are_shown_when_asked_for_again(tmp_path):
    store = write_store(tmp_path / "clip.earvid.zarr")
    assert marks_at(store, PENDING[0]).status == "pending"
    with StoreWriter.resume(store.path, store.spec) as writer:
        for index in PENDING:
            writer.add(record(index, store.spec))
    assert marks_at(store, PENDING[0]).status == "pending"  # the tracks that were read then
    assert marks_at(Store.open(store.path), PENDING[0]).ears[0].present


def test_the_style_reaches_the_video(store, clip, tmp_path):
    style = Style(palette=((0, 255, 0),), fill=1.0, landmarks=False)
    path = render_store(store, clip, tmp_path / "overlay.mp4", stop=1, style=style)
    picture = decoded(Path(path))[0][1].astype(int)
    x0, y0, x1, y1 = ear_box(0)
    inside = picture[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8]
    np.testing.assert_allclose(inside, np.broadcast_to([0, 255, 0], inside.shape), atol=16)
