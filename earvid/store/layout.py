"""The arrays of a store: their names, axes and types, declared once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from earvid.errors import StoreError
from earvid.store.ngff import LABEL, label_ome, labels_ome
from earvid.store.place import STATE
from earvid.store.spec import VERSION, StoreSpec

if TYPE_CHECKING:
    AnyArray = zarr.Array[Any]

SPACE = ("x", "y")
BOUND = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Variable:
    """An array with one entry per frame.

    Args:
        name: Of the field of `FrameRecord` that fills it.
        path: In the store.
        axes: After the first one, which is time.
        dtype: Of an element.
        fill: What frames hold that are not written yet.
        since: Version of the schema that has it; older stores are read as if it held `fill`.
    """

    name: str
    path: str
    axes: tuple[str, ...]
    dtype: str
    fill: float = 0
    since: int = 1

    @property
    def is_image(self) -> bool:
        """Whether there is a chunk per frame, in shards, rather than a chunk per shard."""
        return not self.path.startswith("tracks/")

    def shape(self, spec: StoreSpec) -> tuple[int, ...]:
        """Of one frame's entry."""
        height, width = spec.proxy_size
        size = {
            "y": spec.height,
            "x": spec.width,
            "proxy_y": height,
            "proxy_x": width,
            "space": len(SPACE),
            "bound": len(BOUND),
            "keypoint": len(spec.keypoints),
            "individual": len(spec.object_ids),
            "slot": spec.memory_slots,
        }
        return tuple(size[axis] for axis in self.axes)

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """As NGFF (images) and movement (tracks) call them."""
        time = "t" if self.is_image else "time"
        return (time, *(axis.removeprefix("proxy_") for axis in self.axes))

    def chunk_key(self, shard: int) -> str:
        """Where the bytes of a shard are in the store."""
        return f"{self.path}/c/{shard}" + "/0" * len(self.axes)


_NAN = float("nan")
_BLOCK = 2**18  # bytes that are compressed at a time; smaller blocks of masks have much in common
_EACH = ("individual",)

# In the order in which a shard is written: `status` comes last, and vouches for the others.
VARIABLES = (
    Variable("proxy", "proxy/gray", ("proxy_y", "proxy_x"), "uint8"),
    Variable("mask", f"labels/{LABEL}/mask", ("y", "x"), "uint8"),
    Variable("position", "tracks/position", ("space", "keypoint", *_EACH), "float32", _NAN),
    Variable("confidence", "tracks/confidence", ("keypoint", *_EACH), "float32", _NAN),
    Variable("visible", "tracks/visible", ("keypoint", *_EACH), "uint8"),
    Variable("box", "tracks/box", ("bound", *_EACH), "float32", _NAN),
    Variable("score", "tracks/score", _EACH, "float32", _NAN),
    Variable("presence", "tracks/presence", _EACH, "float32", _NAN),
    Variable("area", "tracks/area", _EACH, "float32", _NAN),
    Variable("memory", "tracks/memory", (*_EACH, "slot"), "int32", -1),
    Variable("duplicate_of", "tracks/duplicate_of", _EACH, "uint8", since=2),
    Variable("status", "tracks/status", (), "uint8"),
)


def build(root: zarr.Group, spec: StoreSpec) -> None:
    """Make every group and array below the root, then say so in the root's metadata.

    The hierarchy never changes afterwards, so it is consolidated at once: a reader who comes while
    the store is being written finds everything, and a root without consolidated metadata tells
    that making the arrays was interrupted.
    """
    root.create_group("proxy")
    root.create_group("labels", attributes={"ome": labels_ome()})
    root.create_group(f"labels/{LABEL}", attributes={"ome": label_ome(spec)})
    root.create_group("tracks", attributes=_tracks_attributes(spec))
    for variable in VARIABLES:
        _create_variable(root, variable, spec)
    _create_coordinates(root, spec)
    with warnings.catch_warnings():
        # Who does not know it falls back on the files; and what is in `state` is no array.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not", UserWarning)
        warnings.filterwarnings("ignore", f"Object at {STATE} is not recognized", UserWarning)
        zarr.consolidate_metadata(root.store)


def is_built(root: zarr.Group) -> bool:
    """Whether `build` came to its end."""
    return root.metadata.consolidated_metadata is not None


def arrays(root: zarr.Group, version: int = VERSION) -> dict[str, AnyArray]:
    """The variables of a store, by name.

    Args:
        root: Of the store.
        version: Of its schema, which decides what it has.

    Raises:
        StoreError: One is missing.
    """
    return {
        variable.name: array(root, variable.path)
        for variable in VARIABLES
        if variable.since <= version
    }


def array(root: zarr.Group, path: str) -> AnyArray:
    """One array of a store.

    Raises:
        StoreError: It is missing.
    """
    node = root.get(path)
    if not isinstance(node, zarr.Array):
        raise StoreError(
            f"{root.store_path} has no {path}, so it is damaged: track again with --overwrite."
        )
    return node


def _tracks_attributes(spec: StoreSpec) -> dict[str, Any]:
    return {
        "fps": float(spec.fps),
        "time_unit": "seconds",
        "source_software": "earvid",
        "source_file": spec.clip_name,
        "ds_type": "poses",
        "coordinates": "object_id",  # xarray's way to tell coordinates from data
    }


def _create_variable(root: zarr.Group, variable: Variable, spec: StoreSpec) -> None:
    rest = variable.shape(spec)
    whole = (spec.shard_length, *(max(1, size) for size in rest))
    floats = variable.dtype == "float32"
    root.create_array(
        variable.path,
        shape=(spec.frame_count, *rest),
        chunks=(1, *whole[1:]) if variable.is_image else whole,
        shards=whole if variable.is_image else None,
        dtype=variable.dtype,
        fill_value=variable.fill,
        # Bit planes: a mask of few ids is mostly empty planes, the rest is its outline. Level 5
        # would save a fiftieth of the bytes of masks, and take twice to five times as long.
        compressors=BloscCodec(
            cname="zstd",
            clevel=2,
            shuffle="shuffle" if floats else "bitshuffle",
            blocksize=_BLOCK,
        ),
        dimension_names=variable.dimension_names,
    )


def _create_coordinates(root: zarr.Group, spec: StoreSpec) -> None:
    ids = np.array(spec.object_ids, np.uint8)
    _create_coordinate(root, "time", "time", spec.times)
    _create_coordinate(root, "object_id", "individual", ids)
    names: Mapping[str, Sequence[str]] = {
        "space": SPACE,
        "bound": BOUND,
        "keypoint": spec.keypoints,
        "individual": spec.object_names,
    }
    for dimension, values in names.items():
        _create_coordinate(root, dimension, dimension, np.array(values, object))


def _create_coordinate(root: zarr.Group, name: str, dimension: str, values: NDArray[Any]) -> None:
    made = root.create_array(
        f"tracks/{name}",
        shape=values.shape,
        chunks=(max(1, len(values)),),
        dtype=str if values.dtype == object else values.dtype,
        dimension_names=(dimension,),
    )
    if len(values):
        made[:] = values
