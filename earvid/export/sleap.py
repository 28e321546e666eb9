"""A SLEAP project (`.slp`) with an instance per ear and frame, on a track per ear.

sleap-io writes a project of one frame, with skeleton, video and tracks. It holds all frames in
memory, so the others are appended to that file's own tables, which have the layout of
https://docs.sleap.ai/latest/guides/io/.
"""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid import __version__
from earvid.errors import EarvidError
from earvid.export.formats import Job
from earvid.export.skeleton import edges
from earvid.export.view import Item, View
from earvid.store import RemotePath

PREDICTED = 1
BLOCK = 256  # frames in memory at a time
CHUNK = 1024  # rows of a table
OVERHEAD = 256 * 1024  # bytes of a project beside the rows of its tables


class _Tables:
    """The three growing tables of a project: frames, instances on them, points of instances."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.types = {name: file[name].dtype for name in ("frames", "instances", "pred_points")}
        self.lengths = dict.fromkeys(self.types, 0)
        self._rows: dict[str, list[NDArray[Any]]] = {name: [] for name in self.types}
        for name, dtype in self.types.items():
            attributes = dict(file[name].attrs)
            del file[name]
            table = file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(CHUNK,))
            table.attrs.update(attributes)

    def add(self, name: str, rows: NDArray[Any]) -> None:
        self._rows[name].append(rows)
        self.lengths[name] += len(rows)

    def flush(self) -> None:
        for name, rows in self._rows.items():
            if rows:
                table = self._file[name]
                start = len(table)
                table.resize((self.lengths[name],))
                table[start:] = np.concatenate(rows)
                rows.clear()


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.slp` file; the score of a mask is that of its instance."""
    import h5py

    _check_room(view, path)
    try:
        _write_head(view, path)
        with h5py.File(path, "r+") as file:
            tables = _Tables(file)
            for done, item in enumerate(view.items(masks=False), 1):
                _add_frame(tables, view, item)
                if done % BLOCK == 0:
                    tables.flush()
                job.step(done, len(view))
            tables.flush()
    except (OSError, RuntimeError) as error:
        raise _as_os_error(error) from error


def _check_room(view: View, path: Path) -> None:
    """See that the disk has room: HDF5 cannot even close a file on one that is full."""
    bytes_per_frame = 48 + len(view.ears) * (64 + 34 * len(view.keypoints))
    if shutil.disk_usage(path.parent).free < OVERHEAD + len(view) * bytes_per_frame:
        raise OSError(errno.ENOSPC, "No space left on device")


def _write_head(view: View, path: Path) -> None:
    """Write a project whose only frame shows how the tables look."""
    import sleap_io

    store = view.store
    skeleton = sleap_io.Skeleton(
        nodes=list(view.keypoints),
        edges=[(view.keypoints[a], view.keypoints[b]) for a, b in edges(view.keypoints)],
        name="ear",
    )
    video = sleap_io.Video(
        _clip_name(view),
        open_backend=False,
        backend_metadata={"shape": (store.frame_count, store.height, store.width, 3)},
    )
    tracks = [sleap_io.Track(ear.name) for ear in view.ears]
    points = np.zeros((len(view.keypoints), 2))
    scores = np.zeros(len(view.keypoints))
    one = sleap_io.PredictedInstance.from_numpy(points, skeleton, scores, track=tracks[0])
    frame = sleap_io.LabeledFrame(video=video, frame_idx=0, instances=[one])
    labels = sleap_io.Labels([frame], videos=[video], skeletons=[skeleton], tracks=tracks)
    labels.provenance = {"earvid": __version__, "fingerprint": store.fingerprint}
    sleap_io.save_slp(labels, str(path), embed=False, verbose=False)


def _clip_name(view: View) -> str:
    """Path of the clip if it is beside the store; SLEAP asks for it otherwise."""
    path = view.store.path
    if isinstance(path, RemotePath):
        return view.store.clip_name
    beside = path.resolve().parent / view.store.clip_name
    return str(beside) if beside.exists() else view.store.clip_name


def _add_frame(tables: _Tables, view: View, item: Item) -> None:
    first = tables.lengths["instances"]
    places = [
        place
        for place in range(len(view.ears))
        if np.isfinite(item.position[place]).all(axis=1).any()
    ]
    if not places:
        return
    number = tables.lengths["frames"]
    for place in places:
        _add_instance(tables, item, place, number)
    frame = np.zeros(1, tables.types["frames"])
    frame["frame_id"], frame["frame_idx"] = number, item.index
    frame["instance_id_start"], frame["instance_id_end"] = first, first + len(places)
    tables.add("frames", frame)


def _add_instance(tables: _Tables, item: Item, place: int, frame: int) -> None:
    start = tables.lengths["pred_points"]
    points = np.zeros(len(item.position[place]), tables.types["pred_points"])
    points["x"], points["y"] = item.position[place].T
    points["score"] = np.nan_to_num(item.confidence[place])
    points["visible"] = np.isfinite(item.position[place]).all(axis=1)  # in SLEAP: has a position
    tables.add("pred_points", points)
    instance = np.zeros(1, tables.types["instances"])
    instance["instance_id"] = tables.lengths["instances"]
    instance["instance_type"], instance["frame_id"] = PREDICTED, frame
    instance["track"], instance["from_predicted"] = place, -1
    instance["score"] = instance["tracking_score"] = np.nan_to_num(item.score[place])
    instance["point_id_start"], instance["point_id_end"] = start, start + len(points)
    tables.add("instances", instance)


def _as_os_error(error: OSError | RuntimeError) -> Exception:
    """HDF5 hides the number of a system error in its text."""
    if isinstance(error, OSError) and error.errno:
        return error
    found = re.search(r"errno = (\d+), error message = '([^']*)'", str(error))
    if found:
        return OSError(int(found[1]), found[2])
    return EarvidError(f"The SLEAP file cannot be written ({str(error).splitlines()[0]}).")
