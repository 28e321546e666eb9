"""A clip as a volume: columns, rows, and frames as slices.

A pixel is 1 unit wide and a frame 1 unit deep, so that the third coordinate is the number of the
frame; of frames taken at a distance, too. In 3D Slicer's axial view a slice looks like the frame:
x runs to the patient's left and y to the back (LPS).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from earvid.export.formats import Job
from earvid.export.view import View

LEVEL = 4  # masks are mostly background, and more effort hardly pays


def spacing(view: View) -> tuple[float, float]:
    """Third coordinate of the first slice, and distance of slices.

    Frames at unequal distances count from 0, one apart.
    """
    return (0.0, 1.0) if view.step is None else (float(view.frames[0]), float(view.step))


@contextmanager
def packed(file: BinaryIO) -> Iterator[BinaryIO]:
    """A gzip stream within a file; the same content gives the same bytes."""
    with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as stream:
        yield stream  # type: ignore[misc]  # a BinaryIO in all but name


def write_slices(view: View, stream: BinaryIO, job: Job) -> None:
    """Write (W, H, F) uint8 ids, the first axis fastest."""
    for done, item in enumerate(view.items(), 1):
        stream.write(item.mask.tobytes())
        job.step(done, len(view))
