"""What other programs see in a store; warnings are errors, so they see it in silence."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from store_producer import make_record, make_spec, produce

from earvid.store import Store, StoreWriter

xr = pytest.importorskip("xarray", reason="the extra 'analysis' is not installed")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interop") / "clip.earvid.zarr"
    produce(path, make_spec())
    return path


@pytest.fixture(scope="module")
def without_landmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("interop") / "bare.earvid.zarr"
    produce(path, make_spec(keypoints=()))
    return path


def test_tracks_open_in_xarray(path: Path) -> None:
    tracks = xr.open_zarr(path, group="tracks")
    assert tracks.position.dims == ("time", "space", "keypoint", "individual")
    assert tracks.confidence.dims == tracks.visible.dims == ("time", "keypoint", "individual")
    assert tracks.box.dims == ("time", "bound", "individual")
    assert tracks.memory.dims == ("time", "individual", "slot")
    assert tracks.status.dims == ("time",)
    assert tracks.memory.dtype == np.int32 and tracks.visible.dtype == np.uint8
    assert tracks.individual.values.tolist() == ["left", "right"]
    assert tracks.keypoint.values.tolist() == ["tragus_tip", "lobe", "helix"]
    assert tracks.sel(individual="right").object_id == 2
    np.testing.assert_array_equal(tracks.time, make_spec().times)
    store = Store.open(path)
    chosen = tracks.position.sel(individual="right", keypoint="lobe", space="y")
    np.testing.assert_array_equal(chosen, store.tracks.position[:, 1, 1, 1])
    np.testing.assert_array_equal(
        tracks.box.sel(bound="x1", individual="left"), store.tracks.box[:, 2, 0]
    )
    assert store.to_xarray().identical(tracks)


def test_masks_and_proxies_open_in_xarray(path: Path) -> None:
    store = Store.open(path)
    masks = xr.open_zarr(path, group="labels/ear").mask
    assert masks.dims == ("t", "y", "x") and masks.dtype == np.uint8
    np.testing.assert_array_equal(masks[11], store.mask(11))
    proxies = xr.open_zarr(path, group="proxy").gray
    assert proxies.shape == (30, 5, 6)
    np.testing.assert_array_equal(proxies[11], store.proxy[11])


@pytest.mark.parametrize("group", ["tracks", "labels/ear", "proxy"])
def test_the_whole_tree_opens_in_xarray(path: Path, group: str) -> None:
    tree = xr.open_datatree(path, engine="zarr")
    assert {"proxy", "labels", "tracks"} == set(tree.children)
    assert tree[group].to_dataset(inherit=False).identical(xr.open_zarr(path, group=group))


def test_no_landmarks(without_landmarks: Path) -> None:
    tracks = xr.open_zarr(without_landmarks, group="tracks").load()
    assert tracks.position.shape == (30, 2, 0, 2)
    assert tracks.sizes["keypoint"] == 0
    xr.open_datatree(without_landmarks, engine="zarr").load()
    assert Store.open(without_landmarks).tracks.position.shape == (30, 2, 0, 2)


def test_a_store_opens_while_it_is_written(tmp_path: Path) -> None:
    spec = make_spec()
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        for index in range(12):
            writer.add(make_record(spec, index))
        writer.save_state({"bank": b"bytes"})
        tracks = xr.open_zarr(tmp_path / "a.zarr", group="tracks").load()
        assert tracks.status.values.tolist() == [1] * 8 + [0] * 22
        tree = xr.open_datatree(tmp_path / "a.zarr", engine="zarr")
        assert {"proxy", "labels", "tracks"} == set(tree.children)


@pytest.mark.parametrize("store", ["path", "without_landmarks"])
def test_ome_zarr_models_finds_nothing_wrong(store: str, request: pytest.FixtureRequest) -> None:
    v05 = pytest.importorskip("ome_zarr_models.v05")
    root = zarr.open_group(request.getfixturevalue(store), mode="r")
    image = v05.Image.from_zarr(root)
    (level,) = image.attributes.ome.multiscales[0].datasets
    scale, move = level.coordinateTransformations
    assert (level.path, scale.scale) == ("proxy/gray", [1 / 25, 4, 4])
    assert move.translation == [0, 1.5, 1.5]  # the center of four pixels
    labels = v05.Labels.from_zarr(root["labels"])
    assert labels.attributes.ome.labels == ["ear"]
    label = v05.ImageLabel.from_zarr(root["labels/ear"]).attributes.ome.image_label
    assert [(one.label_value, len(one.rgba)) for one in label.colors] == [(1, 4), (2, 4)]
    assert [one.label_value for one in label.properties] == [1, 2]
    names = [one["name"] for one in root["labels/ear"].attrs["ome"]["image-label"]["properties"]]
    assert names == ["left", "right"]


def test_the_proxy_covers_the_frame_whatever_its_size(tmp_path: Path) -> None:
    spec = make_spec(frame_count=1, width=21, height=6)
    with StoreWriter.create(tmp_path / "a.zarr", spec) as writer:
        writer.add(make_record(spec, 0))
        writer.finish({})
    root = zarr.open_group(tmp_path / "a.zarr", mode="r")
    (level,) = root.attrs["ome"]["multiscales"][0]["datasets"]
    scale, move = level["coordinateTransformations"]
    for axis, pixels in ((1, 6), (2, 21)):
        count = root["proxy/gray"].shape[axis]
        step, first = scale["scale"][axis], move["translation"][axis]
        assert (first - step / 2, first + (count - 0.5) * step) == (-0.5, pixels - 0.5)


def test_every_array_names_its_dimensions_and_none_is_in_the_root(path: Path) -> None:
    root = zarr.open_group(path, mode="r", use_consolidated=False)
    for name, node in root.members(max_depth=None):
        if isinstance(node, zarr.Array):
            assert "/" in name
            assert all(node.metadata.dimension_names), name


def test_frames_are_read_alone(path: Path) -> None:
    masks = Store.open(path).masks
    assert (masks.chunks, masks.shards) == ((1, 20, 24), (8, 20, 24))
    root = zarr.open_group(path, mode="r")
    for name in ("position", "score", "status"):
        assert root[f"tracks/{name}"].chunks[0] == 8


@pytest.mark.parametrize("store", ["path", "without_landmarks"])
def test_movement_accepts_the_tracks(store: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("movement", minversion="0.17")
    from movement.kinematics import compute_velocity
    from movement.validators.datasets import ValidPosesInputs

    tracks = xr.open_zarr(request.getfixturevalue(store), group="tracks").load()
    ValidPosesInputs.validate(tracks)
    assert tracks.attrs["ds_type"] == "poses"
    assert tracks.attrs["time_unit"] == "seconds"
    assert compute_velocity(tracks.position).shape == tracks.position.shape
