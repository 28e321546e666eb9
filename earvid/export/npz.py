"""All arrays of a selection in one `.npz` for NumPy, written a frame at a time."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from earvid import __version__
from earvid.export.formats import Job
from earvid.export.view import Item, View

TRACKS = ("box", "score", "presence", "position", "confidence", "visible", "shown")
"""Names of arrays; their entries are those of an `Item`."""


def write(view: View, path: Path, job: Job) -> None:
    """Write masks (F, H, W) uint8, tracks (F, E, ...) as in `Item`, and names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, values in _constants(view).items():
            with _array(archive, name, values.shape, values.dtype) as file:
                file.write(values.tobytes())
        # An archive takes one file after the other, so tracks wait until the masks are in.
        with ExitStack() as stack:
            waiting = {name: stack.enter_context(TemporaryFile(dir=path.parent)) for name in TRACKS}
            last = _write_masks(archive, view, job, waiting)
            for name, spool in waiting.items():
                one: NDArray[np.generic] = getattr(last, name)
                spool.seek(0)
                with _array(archive, name, (len(view), *one.shape), one.dtype) as file:
                    shutil.copyfileobj(spool, file)


def _write_masks(
    archive: zipfile.ZipFile, view: View, job: Job, waiting: Mapping[str, IO[bytes]]
) -> Item:
    """Write all masks, and the tracks to where they wait; returns the last frame."""
    shape = (len(view), view.store.height, view.store.width)
    with _array(archive, "masks", shape, np.dtype(np.uint8)) as file:
        for done, item in enumerate(view.items(), 1):
            file.write(item.mask.tobytes())
            for name, spool in waiting.items():
                spool.write(getattr(item, name).tobytes())
            job.step(done, len(view))
    return item


def _constants(view: View) -> dict[str, NDArray[np.generic]]:
    about = {"earvid": __version__, "fingerprint": view.store.fingerprint}
    return {
        "frames": view.frames,
        "times": view.store.times[view.frames],
        "status": view.store.status[view.frames],
        "ear_ids": np.array([ear.id for ear in view.ears], np.uint8),
        "ear_names": np.array([ear.name for ear in view.ears], str),
        "keypoints": np.array(view.keypoints, str),
        "clip": np.array(view.store.clip_name),
        "about": np.array(json.dumps(about)),
    }


@contextmanager
def _array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> Iterator[IO[bytes]]:
    """Begin an array, whose values follow in C order."""
    head = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        npy.write_array_header_1_0(file, head)
        yield file
