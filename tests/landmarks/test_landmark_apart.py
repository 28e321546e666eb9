"""Landmarks that are followed in a process of their own."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from earvid.errors import LostProcessError, StoreError
from earvid.landmarks import Cover, LandmarkTrack, load_state
from earvid.landmarks.apart import LandmarkProcess
from earvid.sample import make_clip, random_ear

POSIX = pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")


@pytest.fixture(scope="module")
def film():
    return list(make_clip(random_ear(3), 12, 240, 180, seed=3, ear_height=0.55))


@pytest.fixture
def process():
    with LandmarkProcess() as one:
        yield one


def start(frame):
    return LandmarkTrack.start(frame.image, frame.landmarks, Cover.of_mask(frame.mask))


def same(one, other):
    return (
        np.array_equal(one.points, other.points, equal_nan=True)
        and np.array_equal(one.confidence, other.confidence)
        and np.array_equal(one.visible, other.visible)
    )


def test_it_comes_to_the_same_to_the_bit(film, process):
    near, far = start(film[0]), process.take(start(film[0]))
    for frame in film[1:6]:
        cover = Cover.of_mask(frame.mask)
        assert same(far.step(frame.image, cover), near.step(frame.image, cover))
    near.lose()
    far.lose()
    gone = Cover.of_mask(np.zeros_like(film[6].mask))
    assert same(far.step(film[6].image, gone), near.step(film[6].image, gone))
    again = LandmarkTrack(load_state(far.dump()))
    for frame in film[7:9]:
        found = near.step(frame.image)
        assert same(far.step(frame.image), found) and same(again.step(frame.image), found)


def test_several_ears_do_not_meet(film, process):
    first, second = process.take(start(film[0])), process.take(start(film[4]))
    alone = start(film[4])
    first.step(film[1].image)
    assert same(second.step(film[5].image), alone.step(film[5].image))
    third = process.take(start(film[0]), instead=first)
    assert same(third.step(film[1].image), start(film[0]).step(film[1].image))


def test_errors_come_back_and_do_not_end_it(film, process):
    with pytest.raises(StoreError, match="damaged"):
        process.ask(7, "take", b"no state")
    with pytest.raises(RuntimeError, match="KeyError"):
        process.ask(9, "step", film[0].image)
    assert process.take(start(film[0])).step(film[1].image).visible.any()


def test_one_that_has_ended_is_told_in_a_sentence(film, process):
    far = process.take(start(film[0]))
    process._process.kill()
    process._process.wait()
    with pytest.raises(LostProcessError, match="run the same again"):
        far.step(film[1].image)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - a file that may go any time
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


@POSIX
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")  # noqa: PTH112
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_whoever_started_it(how):
    code = """
        import time
        from earvid.landmarks.apart import LandmarkProcess
        with LandmarkProcess() as one:
            print(one._process.pid, flush=True)
            time.sleep(600)
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    helper = int(owner.stdout.readline())
    assert running(helper)
    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()
    until = time.monotonic() + 30
    while running(helper):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.05)


@pytest.mark.parametrize("python", ["", "/nowhere/python", shutil.which("false")])
def test_where_no_process_can_be_started_they_are_followed_here(film, monkeypatch, python):
    monkeypatch.setattr(sys, "executable", python)
    with LandmarkProcess() as process:
        track = start(film[0])
        assert process.take(track) is track
        assert process.take(track) is track
        with pytest.raises(LostProcessError):
            process.ask(1, "dump")


def test_files_of_the_current_folder_are_not_run(film, tmp_path, monkeypatch):
    (tmp_path / "cv2.py").write_text("raise SystemExit('this is somebody else's')")
    monkeypatch.chdir(tmp_path)
    with LandmarkProcess() as process:
        far = process.take(start(film[0]))
        assert not isinstance(far, LandmarkTrack)
        assert far.step(film[1].image).visible.any()


def test_half_a_message_ends_it_in_peace(process):
    process._is_there()
    process._process.stdin.write(pickle.dumps((1, "step", (np.zeros(10**6),)))[:1000])
    process._process.stdin.close()
    assert process._process.wait(30) == 0


@POSIX
def test_ctrl_c_is_not_for_it(film, process):
    far = process.take(start(film[0]))
    os.kill(process._process.pid, signal.SIGINT)
    assert far.step(film[1].image).visible.any()
