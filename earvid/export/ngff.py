"""An OME-NGFF 0.5 pyramid for viewers: label images over the store's small gray frames.

Labels are sampled at every second pixel from level to level, and so keep their ids; gray frames are
averaged, and have as many levels, as ome-zarr-py wants it. Chunks are whole frames, packed into
shards. See https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray

from earvid import __version__
from earvid.export.formats import Job
from earvid.export.output import MARK
from earvid.export.view import View
from earvid.store import PALETTE

NGFF = "0.5"
LABEL = "ear"
SMALLEST = 128  # pixels of the longer side, below which there is no other level
SHARD_BYTES = 16 * 2**20
Sizes = list[tuple[int, int]]


class _Pyramid:
    """Levels of one image, written a shard at a time."""

    def __init__(self, group: zarr.Group, sizes: Sizes, frames: int, shard: int) -> None:
        self.arrays = [
            _create(group, str(n), (frames, *size), shard) for n, size in enumerate(sizes)
        ]
        self._buffers = [np.zeros((shard, *size), np.uint8) for size in sizes]
        self._shard = shard

    def put(self, at: int, levels: list[NDArray[np.uint8]], *, last: bool) -> None:
        row = at % self._shard
        for buffer, level in zip(self._buffers, levels, strict=True):
            buffer[row] = level
        if last or row == self._shard - 1:
            for array, buffer in zip(self.arrays, self._buffers, strict=True):
                array[at - row : at + 1] = buffer[: row + 1]


def write(view: View, path: Path, job: Job) -> None:
    """Write an `.ome.zarr` folder: gray levels in its root, labels in `labels/ear`."""
    store = view.store
    shard = max(1, min(len(view), 64, SHARD_BYTES // (store.width * store.height)))
    sizes = _sizes(store.height, store.width)
    gray_sizes = [_halved(store.spec.proxy_size, n) for n in range(len(sizes))]
    root = zarr.create_group(path, attributes=_root(view, gray_sizes), zarr_format=3)
    root.create_group("labels", attributes={"ome": {"version": NGFF, "labels": [LABEL]}})
    group = root.create_group(f"labels/{LABEL}", attributes=_label(view, sizes))
    labels = _Pyramid(group, sizes, len(view), shard)
    gray = _Pyramid(root, gray_sizes, len(view), shard)
    for at, item in enumerate(view.items()):
        last = at == len(view) - 1
        labels.put(at, _sampled(item.mask, len(sizes)), last=last)
        small = np.asarray(store.proxy[item.index], np.uint8)
        gray.put(at, _averaged(small, gray_sizes), last=last)
        job.step(at + 1, len(view))


def _sizes(height: int, width: int) -> Sizes:
    """Height and width of each level of labels, the largest first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > SMALLEST:
        sizes.append(_halved((height, width), len(sizes)))
    return sizes


def _halved(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Rounded up, as taking every second pixel does."""
    return -(-size[0] // 2**times), -(-size[1] // 2**times)


def _create(group: zarr.Group, name: str, shape: tuple[int, ...], shard: int) -> Any:
    return group.create_array(
        name,
        shape=shape,
        chunks=(1, *shape[1:]),
        shards=(shard, *shape[1:]),
        dtype="uint8",
        dimension_names=("t", "y", "x"),
    )


def _sampled(mask: NDArray[np.uint8], levels: int) -> list[NDArray[np.uint8]]:
    return [mask[:: 2**n, :: 2**n] for n in range(levels)]


def _averaged(image: NDArray[np.uint8], sizes: Sizes) -> list[NDArray[np.uint8]]:
    levels = [image]
    for height, width in sizes[1:]:
        smaller = cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller, np.uint8))
    return levels


def _root(view: View, sizes: Sizes) -> dict[str, Any]:
    store = view.store
    datasets = []
    for n, (height, width) in enumerate(sizes):
        step_y, step_x = store.height / height, store.width / width
        move = [0.0, (step_y - 1) / 2, (step_x - 1) / 2]  # pixels are their centers
        transforms = [_scale(view, step_y, step_x), {"type": "translation", "translation": move}]
        datasets.append({"path": str(n), "coordinateTransformations": transforms})
    about = {"version": __version__, "fingerprint": store.fingerprint}
    return {"ome": _multiscales(store.clip_name, datasets), MARK: about}


def _label(view: View, sizes: Sizes) -> dict[str, Any]:
    datasets = [
        {"path": str(n), "coordinateTransformations": [_scale(view, 2**n, 2**n)]}
        for n in range(len(sizes))
    ]
    colors = [
        {"label-value": ear.id, "rgba": [*PALETTE[(ear.id - 1) % len(PALETTE)], 255]}
        for ear in view.ears
    ]
    names = [{"label-value": ear.id, "name": ear.name} for ear in view.ears]
    image_label = {"colors": colors, "properties": names, "source": {"image": "../../"}}
    return {"ome": {**_multiscales(LABEL, datasets), "image-label": image_label}}


def _scale(view: View, step_y: float, step_x: float) -> dict[str, Any]:
    seconds = (view.step or 1) / view.store.fps
    return {"type": "scale", "scale": [seconds, float(step_y), float(step_x)]}


def _multiscales(name: str, datasets: list[dict[str, Any]]) -> dict[str, Any]:
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space"},
        {"name": "x", "type": "space"},
    ]
    return {
        "version": NGFF,
        "multiscales": [{"name": name, "axes": axes, "datasets": datasets}],
    }
