"""The landmarks of a store, in the hands of ``movement`` itself."""

import warnings

import numpy as np
import pytest
import xarray as xr
from store_producer import make_spec, produce

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what movement's own dependencies say on import
    pytest.importorskip("movement", reason="movement is not installed")
    from movement import filtering, kinematics
    from movement.io import save_poses
    from movement.validators.datasets import ValidPosesInputs

# movement's names were plural before 0.17; a store has the singular ones.
NAMES = dict(
    zip(("time", "space", "keypoint", "individual"), ValidPosesInputs.DIM_NAMES, strict=True)
)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "clip.earvid.zarr"
    produce(path, make_spec())
    opened = xr.open_zarr(path, group="tracks").load()
    return opened.rename({ours: theirs for ours, theirs in NAMES.items() if ours != theirs})


def test_movement_takes_it_for_a_dataset_of_poses(tracks):
    assert tracks.ds_type == "poses" and tracks.time_unit == "seconds"
    assert set(ValidPosesInputs.VAR_NAMES) <= set(tracks.data_vars)
    assert tracks.position.dims == ValidPosesInputs.DIM_NAMES
    ValidPosesInputs(
        position_array=tracks.position.values,
        confidence_array=tracks.confidence.values,
        keypoint_names=list(tracks[NAMES["keypoint"]].values),
        individual_names=list(tracks[NAMES["individual"]].values),
        fps=tracks.fps,
        source_software=tracks.source_software,
    )


def test_movement_filters_and_differentiates_it(tracks):
    threshold = float(np.nanmedian(tracks.confidence))
    kept = filtering.filter_by_confidence(tracks.position, tracks.confidence, threshold=threshold)
    known, there = (np.isfinite(one.values).all(1) for one in (kept, tracks.position))
    np.testing.assert_array_equal(known, there & (tracks.confidence.values >= threshold))
    velocity = kinematics.compute_velocity(tracks.position)
    assert velocity.dims == tracks.position.dims and np.isfinite(velocity.values).any()


def test_movement_writes_it_for_other_tools(tracks, tmp_path):
    save_poses.to_dlc_file(tracks, tmp_path / "poses.csv", split_individuals=False)
    assert (tmp_path / "poses.csv").stat().st_size > 0
