"""Telling in what two stores differ."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import zarr

from earvid.store._errors import reading
from earvid.store.identity import require_header
from earvid.store.place import AnyPath, place_of

_OF_A_RUN = ("provenance", "summary")
_ROWS = 64  # frames in memory at a time


def compare(one: AnyPath, other: AnyPath) -> list[str]:
    """Compare two stores array for array, a few frames at a time.

    Args:
        one: Path or URL of a store.
        other: Path or URL of a store.

    Returns:
        Sorted paths of the arrays and groups, "/" for the root, that only one of them has or that
        differ in values (NaN equals NaN), type, chunks or attributes; what tells of a run rather
        than of its results, provenance and summary, is left out.

    Raises:
        StoreError: Either is not a store, or is damaged.
    """
    left, right = _nodes(one), _nodes(other)
    names = left.keys() ^ right.keys()
    with reading(one, f"An array, or the same in {os.fspath(other)},"):
        names |= {name for name in left.keys() & right.keys() if _differ(left[name], right[name])}
    return sorted(names)


def _nodes(path: AnyPath) -> dict[str, Any]:
    require_header(path)
    with reading(path, "The layout"):
        root = zarr.open_group(place_of(path).zarr(), mode="r", zarr_format=3)
        return {"/": root, **dict(root.members(max_depth=None))}


def _differ(one: Any, other: Any) -> bool:
    if _attributes(one) != _attributes(other):
        return True
    if not (isinstance(one, zarr.Array) and isinstance(other, zarr.Array)):
        return type(one) is not type(other)
    if _form(one) != _form(other):
        return True
    rows = range(0, one.shape[0], _ROWS)
    return not all(_same(one[at : at + _ROWS], other[at : at + _ROWS]) for at in rows)


def _form(array: zarr.Array[Any]) -> tuple[object, ...]:
    dimensions = getattr(array.metadata, "dimension_names", None)
    return array.shape, array.dtype, array.chunks, array.shards, dimensions


def _attributes(node: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = node.attrs.asdict()
    head = attributes.get("earvid", {})
    kept = {key: value for key, value in head.items() if key not in _OF_A_RUN}
    return {**attributes, "earvid": kept}


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")
