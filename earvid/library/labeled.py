"""A recording as labeled arrays: of its own layout, and as `movement` wants poses."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from earvid.errors import UsageError
from earvid.store.place import place_of

if TYPE_CHECKING:
    import xarray

    from earvid.library.recording import Recording

AXES = ("time", "space", "keypoint", "individual")  # movement's, from its version 0.17 on


def to_dataset(recording: Recording) -> xarray.Dataset:
    """Masks and tracks in one dataset; see :meth:`Recording.to_xarray`.

    Raises:
        UsageError: xarray is not installed.
    """
    xr = _xarray()
    store, place = recording.store, place_of(recording.path)
    mask = xr.open_zarr(place.zarr(), group="labels/ear", chunks=None)["mask"].rename(t="time")
    tracks: xarray.Dataset = store.to_xarray()
    dataset = tracks.assign(mask=mask).assign_coords(
        frame=("time", np.arange(len(recording))),
        y=np.arange(store.height),
        x=np.arange(store.width),
    )
    dataset["mask"].attrs["long_name"] = "object_id of the ear in each pixel, 0 = background"
    return dataset


def to_poses(recording: Recording) -> xarray.Dataset:
    """The landmarks as a dataset of poses; see :meth:`Recording.to_movement`.

    Raises:
        UsageError: there are no landmarks, or xarray is not installed.
    """
    xr = _xarray()
    if not recording.keypoints:
        raise UsageError(
            f"{recording.path} has no landmarks; track the clip with landmarks='auto', or give "
            f"those of the keyframe."
        )
    store, tracks = recording.store, recording.store.tracks
    inputs = _validator()
    axes = AXES if inputs is None else tuple(inputs.DIM_NAMES)
    time, _, keypoint, individual = axes
    dataset: xarray.Dataset = xr.Dataset(
        {
            "position": (axes, tracks.position),
            "confidence": ((time, keypoint, individual), tracks.confidence),
        },
        dict(
            zip(axes, (store.times, ["x", "y"], [*store.keypoints], [*recording.ears]), strict=True)
        ),
        {
            "fps": float(store.fps),
            "time_unit": "seconds",
            "source_software": "earvid",
            "source_file": store.clip_name,
            "ds_type": "poses",
        },
    )
    if inputs is not None:
        _validate(inputs, dataset, axes)
    return dataset


def _xarray() -> Any:
    try:
        import xarray
    except ImportError as error:
        raise UsageError(
            "Labeled arrays need xarray; install it with: pip install 'earvid[analysis]'"
        ) from error
    return xarray


def _validator() -> Any:
    """What movement checks poses with; None where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what movement's own dependencies say on import
        try:
            return import_module("movement.validators.datasets").ValidPosesInputs
        except ImportError:
            return None


def _validate(inputs: Any, dataset: xarray.Dataset, axes: tuple[str, ...]) -> None:
    """Let movement look at the arrays and at the dataset; what it raises is a fault of ours."""
    inputs(
        position_array=dataset.position.values,
        confidence_array=dataset.confidence.values,
        keypoint_names=list(dataset[axes[2]].values),
        individual_names=list(dataset[axes[3]].values),
        fps=dataset.fps,
        source_software=dataset.source_software,
    )
    inputs.validate(dataset)
