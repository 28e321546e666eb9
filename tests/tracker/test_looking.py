"""What is asked of a frame: crops rather than the whole, and from either the same to the bit."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.detect.scout import load_scout
from earvid.models import load_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample.clip import make_clip
from earvid.sample.params import random_ear
from earvid.tracker import RoiSettings, Session
from earvid.tracker.looking import View
from earvid.tracker.roi import Roi
from earvid.video import Clip, VideoWriter

WIDTH, HEIGHT, COUNT = 320, 240, 10


@pytest.fixture(scope="module")
def shown():
    return list(make_clip(random_ear(5), COUNT, WIDTH, HEIGHT, seed=5, ear_height=0.4))


@pytest.fixture(scope="module")
def clip(shown, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "ear.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, 25) as writer:
        for frame in shown:
            writer.write(frame.image)
    with Clip.open(path, reader="pyav") as opened:
        yield opened


@pytest.fixture(scope="module")
def scout():
    return load_scout()


def prompt(shown):
    rows, columns = np.nonzero(shown[0].mask)
    box = (columns.min(), rows.min(), columns.max(), rows.max())
    return Prompt((ObjectPrompt(1, "ear", {0: FramePrompt(box=box)}),))


def results(frames, ears, roi, scout):
    session = Session(load_model().model, ears, WIDTH, HEIGHT, COUNT, roi=roi, scout=scout)
    return [session.step(frame).objects[1] for frame in frames]


@pytest.mark.parametrize("roi", [RoiSettings(), None], ids=["crop", "whole"])
def test_frames_of_a_clip_are_tracked_as_plain_images_are(clip, shown, scout, roi):
    waiting = list(clip.frames())
    plain = [SimpleNamespace(index=f.index, image=f.image) for f in clip.frames()]
    ears = prompt(shown)
    ours = results(waiting, ears, roi, scout)
    theirs = results(plain, ears, roi, scout)
    assert all(one.present for one in ours)
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.logits, other.logits)
        assert (one.roi, one.score, one.presence) == (other.roi, other.score, other.presence)
    assert all(frame._pixels._image is None for frame in waiting)  # nor was any image kept


class Near:
    """A scout that keeps what it is shown."""

    same = 0.5

    def __init__(self, region):
        self.region = region

    def find(self, image, extent):
        return []

    def describe(self, image, box):
        x0, y0, x1, y1 = self.region
        self.image = image
        self.seen = image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)].copy()
        return np.array([1.0, 0.0], np.float32)

    def reach(self, box):
        return self.region


@settings(deadline=None, max_examples=50)
@given(
    x0=st.integers(-30, WIDTH + 10),
    y0=st.integers(-30, HEIGHT + 10),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
)
def test_a_scout_is_shown_what_it_looks_at(clip, x0, y0, width, height):
    frame, scout = clip.frame(3), Near((x0, y0, x0 + width, y0 + height))
    view = View(frame, SimpleNamespace(size=64), RoiSettings())
    scout.describe(view.shown_to(scout, (0, 0, 9, 9)), (0, 0, 9, 9))
    whole = next(one.image for one in clip.frames(3, 4))
    expected = whole[max(0, y0) : max(0, y0 + height), max(0, x0) : max(0, x0 + width)]
    assert scout.image.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(scout.seen, expected)


@settings(deadline=None, max_examples=60)
@given(
    x0=st.integers(-90, WIDTH + 20),
    y0=st.integers(-90, HEIGHT + 20),
    side=st.integers(1, 400),
    size=st.sampled_from([32, 96]),
)
def test_a_crop_is_the_same_from_the_part_as_from_the_whole(clip, x0, y0, side, size):
    frame, region = clip.frame(2), Roi(x0, y0, side, side)
    part = region.cut_from(frame.part, *frame.size, size)
    assert np.array_equal(part, region.cut(clip.frame(2).image, size))


def test_frames_of_others_are_asked_for_their_image_once(shown):
    class Read:
        """A frame as users have it, whose size and part are something else."""

        index, size, asked = 0, 12345, 0

        @property
        def image(self):
            self.asked += 1
            return shown[0].image

        def part(self, name):
            raise AssertionError(name)

    frame = Read()
    view = View(frame, SimpleNamespace(size=64), RoiSettings())
    assert (view.width, view.height) == (WIDTH, HEIGHT)
    assert np.array_equal(view.image, shown[0].image)
    assert view.shown_to(Near((0, 0, 9, 9)), (0, 0, 9, 9)).shape == (HEIGHT, WIDTH, 3)
    assert frame.asked == 1
