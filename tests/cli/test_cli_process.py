"""``earvid`` as a process of its own: terminals, pipes, Ctrl-C, and how soon help is there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import sys

import cv2
import pytest
from command_line import call, start

from earvid.cli.app import VERBS
from earvid.sample import sample_path
from earvid.store import Store
from earvid.video import Clip, VideoWriter

fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))  # not on Windows
PATIENCE = 300  # seconds; far more than anything here takes


def test_help_does_not_wait_for_pytorch():
    code = f"""
        import sys
        from earvid.cli import main
        for verb in [[], *map(lambda verb: [verb], {list(VERBS)})]:
            try:
                main([*verb, "--help"])
            except SystemExit as end:
                assert end.code == 0
        slow = {{"torch", "sam2", "timm", "zarr", "av"}} & set(sys.modules)
        assert not slow, slow
    """
    code = "\n".join(line[8:] for line in code.splitlines())
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_tracking_imports_no_compiler_and_what_is_complete_waits_for_no_network(here, ear_box):
    """A compiler comes with torchvision, and would take seconds and 200 MB."""
    code = f"""
        import sys
        from earvid.cli import main
        for typed in (["--box", {ear_box!r}, "--keyframe", "5"], []):
            try:
                main(["track", "ear.mp4", *typed])
            except SystemExit as end:
                assert end.code == 0
            assert "torch" in sys.modules
            assert not {{"timm", "torchvision", "torch._dynamo", "triton"}} & set(sys.modules)
    """
    code = "\n".join(line[8:] for line in code.splitlines())
    typed = [sys.executable, "-c", code]
    run = subprocess.run(typed, check=True, cwd=here, capture_output=True, text=True)
    assert "12 frames, 12 tracked" in run.stdout and "complete before, nothing to do" in run.stdout


def test_results_and_remarks_go_their_own_ways(here, ear_box):
    (here / "bad.mp4").write_text("no clip")
    typed = ["track", "bad.mp4", "ear.mp4", "--box", ear_box, "--keyframe", "5"]
    typed += ["--landmarks", "prompt"]
    out, err = (run := start(*typed, folder=here)).communicate(timeout=PATIENCE)
    assert run.returncode == 3
    assert re.fullmatch(r"earvid: bad\.mp4 is not a video[^\n]*\n", err)  # and no bar
    assert re.fullmatch(r"ear\.earvid\.zarr: 12 frames, 12 tracked [^\n]*\n  ear: [^\n]*\n", out)


def test_a_terminal_shows_a_bar(here, ear_box):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    typed = ["track", "ear.mp4", "--box", ear_box, "--keyframe", "5", "--json"]
    run = start(*typed, "--landmarks", "prompt", folder=here, stderr=theirs)
    os.close(theirs)
    bars = read_to_end(ours).split("\r")
    os.close(ours)
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0 and out.startswith("{") and out.endswith("}\n")
    last = next(bar for bar in reversed(bars) if bar.strip())
    assert last.startswith("ear.mp4: 100%|") and "| 12/12 [" in last and len(last) <= 90
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d, +\d+\.\d\d frames/s\]", last)


@pytest.fixture
def long_clip(here):
    """The sample clip three times over, in small."""
    with Clip.open(sample_path()) as clip, VideoWriter(here / "long.mp4", 160, 120) as writer:
        images = [cv2.resize(frame.image, (160, 120)) for frame in clip.frames()]
        for image in images * 3:
            writer.write(image)
    return here / "long.mp4"


def test_ctrl_c_is_told_in_a_sentence_and_the_run_goes_on(here, long_clip, capfd, ear_box):
    typed = ["track", long_clip.name, "--box", ear_box, "--keyframe", "45"]
    ours, theirs = pty.openpty()  # of unknown size, as in a container
    run = start(*typed, folder=here, stderr=theirs)
    os.close(theirs)
    seen = read_to_end(ours, until="frames/s")  # the first frame has been tracked
    run.send_signal(signal.SIGINT)
    seen += read_to_end(ours)
    os.close(ours)
    out, _ = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (130, "")
    said = seen.splitlines()[-1]
    assert said == "earvid: Interrupted; run the same command again to go on."
    assert not Store.open("long.earvid.zarr").complete
    assert call(capfd, *typed, "--dry-run").out == "long.mp4: would resume long.earvid.zarr\n"


def read_to_end(terminal: int, until: str = "\0") -> str:
    """What a terminal shows until its program ends, or to the first of some words."""
    seen = b""
    while until.encode() not in seen:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # how Linux tells that nobody is at the other end
            break
        if not piece:
            break
        seen += piece
    return seen.decode(errors="replace")


def test_a_reader_that_has_gone_is_no_error_to_tell(tracked, here):
    shutil.copytree(tracked / "ear.earvid.zarr", "ear.earvid.zarr")
    for typed in (["--help"], ["show", "ear.earvid.zarr"]):
        nobody, pipe = os.pipe()
        os.close(nobody)
        run = start(*typed, folder=here, stdout=pipe)
        os.close(pipe)
        _, err = run.communicate(timeout=PATIENCE)
        assert (run.returncode, err) == (1, "")
