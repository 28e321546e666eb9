"""That every plot draws what the recording says, into the Axes it is given, and nothing else."""

import subprocess
import sys

import numpy as np
import pytest

import earvid
from earvid.errors import UsageError

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from earvid import plot  # noqa: E402

KEYFRAME = 4
DRAW = {
    "overlay": lambda recording, ear, ax: plot.overlay(recording, 3, ax=ax),
    "contact_sheet": lambda recording, ear, ax: plot.contact_sheet(recording, 5, ax=ax),
    "timeline": lambda recording, ear, ax: plot.timeline(recording, ear, ax=ax),
    "area": lambda recording, ear, ax: plot.area(recording, ax=ax),
    "memory_bank": lambda recording, ear, ax: plot.memory_bank(recording, ear, ax=ax),
    "trajectory": lambda recording, ear, ax: plot.trajectory(recording, ax=ax),
}


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def colors(ax):
    """How many colors a drawing has: a blank one has few."""
    ax.figure.canvas.draw()
    return len(np.unique(np.asarray(ax.figure.canvas.buffer_rgba()).reshape(-1, 4), axis=0))


@pytest.mark.parametrize("name", DRAW)
def test_it_draws_into_the_axes_that_are_given(name, pair):
    settings = dict(matplotlib.rcParams)
    figure, (ax, other) = plt.subplots(1, 2)
    assert DRAW[name](pair, "left", ax) is ax
    assert plt.get_fignums() == [figure.number] and not other.has_data()
    assert ax.has_data() and colors(ax) > 50
    assert dict(matplotlib.rcParams) == settings


@pytest.mark.parametrize("name", DRAW)
def test_it_makes_a_figure_of_its_own(name, single):
    ax = DRAW[name](single, None, None)
    assert len(plt.get_fignums()) == 1 and colors(ax) > 50


def test_landmarks_close_up(single):
    ax = plot.landmarks(single, KEYFRAME)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["outer helix", "inner helix", "concha", "superior crus"]
    points = np.vstack(
        [dots.get_offsets() for dots in ax.collections if len(dots.get_offsets()) > 1]
    )
    known = np.isfinite(single.landmarks[KEYFRAME, 0]).all(1)
    assert len(points) == known.sum() == 55
    (x0, x1), (y1, y0) = ax.get_xlim(), ax.get_ylim()
    assert ((points >= (x0, y0)) & (points <= (x1, y1))).all()


def test_landmarks_of_a_streamed_frame(single):
    frame = next(iter(single.frames([KEYFRAME])))
    assert plot.landmarks(frame, names=True).texts
    assert plot.overlay(frame).get_title("left").startswith(f"frame {KEYFRAME}")


def test_the_timeline_shades_what_is_absent_and_marks_keyframes(pair):
    ax = plot.timeline(pair, "left")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"not seen", "presence", "score (predicted IoU)", "keyframe"} <= set(labels)
    (star,) = [line for line in ax.lines if line.get_label() == "keyframe"]
    assert star.get_xdata() == pytest.approx([pair.times[KEYFRAME]])
    step = pair.times[1]
    shaded = np.zeros(len(pair), bool)
    for patch in ax.patches:
        if patch.get_facecolor()[:3] == pytest.approx((0.8, 0.8, 0.8), abs=0.01):
            middle = pair.times
            x0, x1 = patch.get_x(), patch.get_x() + patch.get_width()
            shaded |= (middle > x0 - step / 9) & (middle < x1 + step / 9)
    np.testing.assert_array_equal(shaded, ~pair.ear("left").seen)
    assert ax.get_xlabel() == "time (s)"


def test_a_timeline_of_every_ear_one_under_another(pair):
    top = plot.timeline(pair)
    drawn = [ax for ax in top.figure.axes if ax.get_title("left")]
    assert [ax.get_title("left") for ax in drawn] == ["two.mp4: left", "two.mp4: right"]
    assert drawn[0] is top and drawn[0].get_position().y0 > drawn[1].get_position().y1
    with pytest.raises(UsageError, match="name one of left, right"):
        plot.timeline(pair, ax=plt.figure().subplots())


@pytest.mark.parametrize("inches", [None, 4.0])
def test_the_legend_is_within_the_figure(pair, single, inches):
    for recording, ear in ((pair, "left"), (single, None)):
        ax = None
        if inches is not None:
            _, ax = plt.subplots(figsize=(inches, 5), layout="constrained")
        ax = plot.timeline(recording, ear, ax=ax)
        ax.figure.canvas.draw()
        whole, legend = ax.figure.bbox, ax.get_legend().get_window_extent()
        assert len(ax.get_legend().get_texts()) > 3
        assert whole.x0 - 2 <= legend.x0 and legend.x1 <= whole.x1 + 2  # pixels, of rounding
        assert whole.y0 - 2 <= legend.y0 and legend.y1 <= whole.y1 + 2


def test_an_ear_that_is_not_seen_is_told(pair):
    hidden = int(np.flatnonzero(~pair.ear("left").seen)[0])
    assert "left not seen" in plot.overlay(pair, hidden).get_title("left")


def test_a_sheet_of_what_is_doubtful_or_absent(pair):
    ax = plot.contact_sheet(pair, where="absent")
    shown = {int(text.get_text().split()[0]) for text in ax.texts}
    assert shown <= set(np.flatnonzero(pair.where("absent")).tolist()) and shown


def test_areas_in_millimeters(single):
    ax = plot.area(single, mm_per_pixel=0.5)
    assert "mm²" in ax.get_ylabel()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), single.areas[:, 0] / 4)


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda pair: plot.timeline(pair, "middle"), "no ear 'middle'"),
        (lambda pair: plot.overlay(pair), "which frame"),
        (lambda pair: plot.overlay(pair, 99), "no frame 99"),
        (lambda pair: plot.landmarks(pair, 3, "left"), "landmarks='auto'"),
        (lambda pair: plot.landmarks(pair, 3, "middle"), "no ear 'middle'"),
        (lambda pair: plot.contact_sheet(pair, 0), "at least 1"),
        (lambda pair: plot.contact_sheet(pair, where="corrected"), "no frame to show"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_figure_is_made(pair, draw, told):
    with pytest.raises(UsageError, match=told):
        draw(pair)
    assert not plt.get_fignums()


def test_without_matplotlib_one_sentence_says_what_to_install(single):
    code = (
        "import sys; sys.modules['matplotlib'] = None; import earvid\n"
        f"recording = earvid.open({str(single.path)!r})\n"
        "for draw in (earvid.plot.timeline, earvid.plot.area, earvid.plot.trajectory):\n"
        "    try: draw(recording)\n"
        "    except earvid.errors.UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines == ["Plots need matplotlib; install it with: pip install 'earvid[plot]'"] * 3


def test_a_store_without_its_clip_is_drawn_in_gray(single, tmp_path):
    import shutil

    shutil.copytree(single.path, tmp_path / "alone.zarr")
    ax = plot.overlay(earvid.open(tmp_path / "alone.zarr"), KEYFRAME)
    image = np.asarray(ax.images[0].get_array())
    assert (image[..., 0] == image[..., 2]).all() and image.std() > 10
