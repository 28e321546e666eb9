"""Landmarks and tables, opened by the libraries that read them."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import sleap_io
from made_store import ABSENT, CORRECTED, FRAMES, IDS, NAMES, WEAK, make

from earvid.errors import StoreError
from earvid.export import Selection, export
from earvid.render import marks_at

movement = pytest.mark.skipif(find_spec("movement") is None, reason="needs movement")
PART = Selection(frames=(slice(2, 8),), min_confidence=0.5)


def expected_points(made):
    """(T, K, 2, N) as the made store has them."""
    return made.position.transpose(0, 2, 1, 3)


def test_table_of_ears(made, tmp_path):
    path = export(made.store, "csv", tmp_path / "a.csv", selection=Selection(min_score=0.5))
    table = pd.read_csv(path)
    assert len(table) == 2 * FRAMES
    for n, name in enumerate(NAMES):
        ear = table[table.ear == name].sort_values("frame")
        assert ear.frame.tolist() == list(range(FRAMES)) and set(ear.id) == {IDS[n]}
        assert np.array_equal(ear.time, made.store.times)
        gone = [ABSENT, WEAK] if n == 0 else []
        assert ear.frame[ear.visible == 0].tolist() == gone
        shown = ~np.isin(np.arange(FRAMES), gone)
        area = (made.masks == IDS[n]).sum((1, 2)) * shown
        assert np.array_equal(ear.area, area)
        score = np.where(shown, made.score[:, n], np.nan)
        assert np.array_equal(ear.score.astype(np.float32), score, equal_nan=True)
        box = np.where(shown[:, None], made.box[:, :, n], np.nan)
        found = ear[["x0", "y0", "x1", "y1"]].to_numpy(np.float32)
        assert np.array_equal(found, box, equal_nan=True)
        assert ear.frame[ear.corrected == 1].tolist() == [CORRECTED]


def test_only_the_ear_that_was_corrected_is_marked(tmp_path):
    """In the table, in COCO and in what is drawn over the video."""
    about = {"corrections": [{"keyframes": {"right": [CORRECTED]}}]}
    store = make(tmp_path, provenance=about).store
    table = pd.read_csv(export(store, "csv", tmp_path / "a.csv"))
    rows = table[table.corrected == 1]
    assert rows[["frame", "ear"]].to_numpy().tolist() == [[CORRECTED, "right"]]
    notes = json.loads(export(store, "coco", tmp_path / "a.json").read_text())["annotations"]
    marked = [note["attributes"] for note in notes if note["attributes"]["corrected"]]
    assert marked == [{"ear": "right", "corrected": True}]
    marks = marks_at(store, CORRECTED)
    assert [(ear.name, ear.corrected) for ear in marks.ears] == [("left", False), ("right", True)]


def test_table_of_landmarks(made, tmp_path):
    table = pd.read_csv(export(made.store, "csv-landmarks", tmp_path / "a.csv", selection=PART))
    points = np.full_like(expected_points(made), np.nan)
    sure = np.full(made.confidence.shape, np.nan, np.float32)
    for row in table.itertuples():
        at = row.frame, int(row.landmark), NAMES.index(row.ear)
        points[at[0], at[1], :, at[2]] = np.float32([row.x, row.y])
        sure[at] = np.float32(row.confidence)
        assert row.visible == made.visible[at] and row.time == made.store.times[row.frame]
    kept = (made.confidence >= 0.5) & np.isin(np.arange(FRAMES), range(2, 8))[:, None, None]
    expected = np.where(kept[:, :, None], expected_points(made), np.nan)
    assert np.array_equal(points, expected, equal_nan=True)
    assert np.array_equal(sure, np.where(kept, made.confidence, np.nan), equal_nan=True)


@pytest.mark.parametrize("ears", [None, ("left",)])
def test_deeplabcut_table(made, tmp_path, ears):
    """Read as DeepLabCut does; see its `auxiliaryfunctions.load_analyzed_data`."""
    path = export(made.store, "dlc", tmp_path / "a.csv", selection=Selection(ears=ears))
    levels = 3 if ears else 4
    table = pd.read_csv(path, header=list(range(levels)), index_col=0)
    individuals = [] if ears else ["individuals"]
    assert table.columns.names == ["scorer", *individuals, "bodyparts", "coords"]
    assert table.index.tolist() == list(range(FRAMES))
    for n, name in enumerate(ears or NAMES):
        ear = table["earvid"] if ears else table["earvid"][name]
        for k, landmark in enumerate(made.store.keypoints):
            found = ear[landmark][["x", "y"]].to_numpy(np.float32)
            assert np.array_equal(found, made.position[:, :, k, n], equal_nan=True)
            likelihood = ear[landmark]["likelihood"].to_numpy(np.float32)
            assert np.array_equal(likelihood, made.confidence[:, k, n], equal_nan=True)


def test_deeplabcut_rows_are_frames_though_few_are_selected(made, tmp_path):
    path = export(made.store, "dlc", tmp_path / "a.csv", selection=Selection(frames=(5, 7)))
    table = pd.read_csv(path, header=[0, 1, 2, 3], index_col=0)
    assert table.index.tolist() == list(range(FRAMES))
    filled = table.notna().any(axis=1)
    assert table.index[filled].tolist() == [5, 7]


def test_sleap_project_read_by_sleap_io(made, tmp_path):
    path = export(made.store, "sleap", tmp_path / "a.slp")
    labels = sleap_io.load_slp(str(path), open_videos=False)
    assert [track.name for track in labels.tracks] == list(NAMES)
    assert labels.skeleton.node_names == list(made.store.keypoints)
    assert len(labels.skeleton.edges) == 55 - 4
    assert tuple(labels.video.shape) == (FRAMES, 120, 160, 3)
    assert labels.video.filename == str(made.clip)
    assert labels.provenance["fingerprint"] == made.store.fingerprint
    assert [frame.frame_idx for frame in labels] == list(range(FRAMES))
    found = labels.numpy(return_confidence=True)  # (T, N, K, 3)
    points = np.moveaxis(expected_points(made), 3, 1)
    assert np.array_equal(found[..., :2].astype(np.float32), points, equal_nan=True)
    known = np.isfinite(points).all(axis=3)
    assert np.array_equal(
        found[..., 2].astype(np.float32)[known], made.confidence.transpose(0, 2, 1)[known]
    )
    scores = {(f.frame_idx, i.track.name): i.score for f in labels for i in f.instances}
    assert (ABSENT, "left") not in scores and len(scores) == 2 * FRAMES - 1
    assert scores[WEAK, "left"] == pytest.approx(0.3)


def test_sleap_keeps_frame_numbers_of_a_part_and_can_be_written_again(made, tmp_path):
    path = export(made.store, "sleap", tmp_path / "a.slp", selection=Selection(frames=(3, 8)))
    labels = sleap_io.load_slp(str(path), open_videos=False)
    assert [frame.frame_idx for frame in labels] == [3, 8]
    sleap_io.save_slp(labels, str(tmp_path / "b.slp"), embed=False, verbose=False)
    again = sleap_io.load_slp(str(tmp_path / "b.slp"), open_videos=False)
    assert np.array_equal(again.numpy(), labels.numpy(), equal_nan=True)


def test_a_sleap_project_of_many_blocks(long, tmp_path):
    path = export(long.store, "sleap", tmp_path / "a.slp")
    labels = sleap_io.load_slp(str(path), open_videos=False)
    points = np.moveaxis(expected_points(long), 3, 1)
    assert np.array_equal(labels.numpy().astype(np.float32), points, equal_nan=True)
    assert labels.skeleton.edges == []


@movement
@pytest.mark.parametrize(("to", "name"), [("dlc", "a.csv"), ("sleap", "a.slp")])
def test_read_by_movement(made, tmp_path, to, name):
    from movement.io import load_dataset

    path = export(made.store, to, tmp_path / name)
    software = {"dlc": "DeepLabCut", "sleap": "SLEAP"}[to]
    data = load_dataset(path, source_software=software, fps=30)
    assert np.array_equal(
        data.position.to_numpy().astype(np.float32), made.position, equal_nan=True
    )
    assert data.position.shape == made.position.shape


@pytest.mark.parametrize("to", ["dlc", "sleap", "csv-landmarks"])
def test_a_store_without_landmarks(tmp_path, to):
    made = make(tmp_path / "bare", frames=4, keypoints=())
    with pytest.raises(StoreError, match="has no landmarks"):
        export(made.store, to, tmp_path / "a.slp" if to == "sleap" else tmp_path / "a.csv")
    assert not list(tmp_path.glob("*a.*"))
    assert export(made.store, "coco", tmp_path / "a.json").exists()
