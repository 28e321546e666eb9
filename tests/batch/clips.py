"""Small clips, good ones and bad ones."""

from __future__ import annotations

import csv
import shutil
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from earvid.sample import load_truth, sample_path
from earvid.video import Clip, VideoWriter

FIRST, FRAMES, WIDTH, HEIGHT = 40, 12, 160, 120


def write_clip(path, size=(WIDTH, HEIGHT), frames=FRAMES):
    """A part of the sample, made small."""
    with Clip.open(sample_path()) as clip, VideoWriter(path, *size) as writer:
        for frame in clip.frames(FIRST, FIRST + frames):
            writer.write(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA))
    return path


@cache
def ear_box(frame=0):
    """The ear on a frame, as text."""
    rows, columns = np.nonzero(load_truth().masks[FIRST + frame])
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / 4
    return ",".join(f"{value:.1f}" for value in box)


def write_manifest(path, rows):
    """Rows of clip, prompt, keyframe and output."""
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["clip", "prompt", "keyframe", "output"])
        table.writerows([[*row, "", "", ""][:4] for row in rows])
    return Path(path)


def ten_clips(folder, good):
    """A manifest of two good clips among eight that are bad, each in its own way.

    Returns:
        The manifest, and what is said about each clip, None where it is good.
    """
    for name in ("a", "b", "late", "outside", "promptless"):
        shutil.copy(good, folder / f"{name}.mp4")
    data = good.read_bytes()
    (folder / "truncated.mp4").write_bytes(data[: len(data) // 3])
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video at all\n" * 50)
    (folder / "folder.mp4").mkdir()
    _write_frameless(folder / "frameless.mp4")
    box = ear_box()
    rows = {
        ("a.mp4", box): None,
        ("truncated.mp4", box): "truncated.mp4",
        ("empty.mp4", box): "is empty",
        ("text.mp4", box): "is not a video",
        ("frameless.mp4", box): "frameless.mp4",
        ("promptless.mp4", "none.json"): "none.json cannot be read",
        ("outside.mp4", "70,20,900,100"): "outside the frame",
        ("folder.mp4", box): "holds no images",
        ("late.mp4", box, FRAMES): "12 frames, 0 to 11",
        ("b.mp4", ear_box(3), 3): None,
    }
    return write_manifest(folder / "clips.csv", rows), list(rows.values())


def _write_frameless(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()
