"""Schemes, files and smoothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earvid.errors import UsageError
from earvid.landmarks import IBUG55, mirrored, scheme_of, smooth_landmarks, write_landmarks
from earvid.prompt import read_landmarks

coordinates = st.floats(-1e4, 1e5, allow_nan=False, width=32)
names = st.text("abc 0123é_-", min_size=1, max_size=8).map(str.strip).filter(bool)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".pts"])
def test_ibug55_comes_back_as_it_was(tmp_path, suffix):
    points = {name: (float(k), k / 3) for k, name in enumerate(IBUG55.names)}
    path = tmp_path / f"ear{suffix}"
    write_landmarks(path, points)
    back = read_landmarks(path)
    assert back.scheme == "ibug55" and list(back.points) == list(points)
    np.testing.assert_allclose(list(back.points.values()), list(points.values()), atol=1e-5)


@given(points=st.dictionaries(names, st.tuples(coordinates, coordinates), min_size=1, max_size=6))
@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_names_of_any_kind_come_back(tmp_path_factory, suffix, points):
    path = tmp_path_factory.mktemp("files") / f"ear{suffix}"
    write_landmarks(path, points)
    back = read_landmarks(path)
    assert list(back.points) == list(points)
    np.testing.assert_allclose(list(back.points.values()), list(points.values()), atol=1e-5)


def test_what_a_file_would_lose_or_replace_is_refused(tmp_path):
    with pytest.raises(UsageError, match="keeps no names"):
        write_landmarks(tmp_path / "a.pts", {"tragus": (1.0, 2.0)})
    with pytest.raises(UsageError, match="keeps no names"):
        write_landmarks(tmp_path / "a.pts", {"0": (1.0, 2.0), "2": (1.0, 2.0)})
    with pytest.raises(UsageError, match=r"\.json"):
        write_landmarks(tmp_path / "a.txt", {"0": (1.0, 2.0)})
    write_landmarks(tmp_path / "a.csv", {"0": (1.0, 2.0)})
    with pytest.raises(UsageError, match="there already"):
        write_landmarks(tmp_path / "a.csv", {"0": (5.0, 2.0)})
    write_landmarks(tmp_path / "a.csv", {"0": (5.0, 2.0)}, overwrite=True)
    assert read_landmarks(tmp_path / "a.csv").points == {"0": (5.0, 2.0)}
    with pytest.raises(UsageError, match="cannot be written"):
        write_landmarks(tmp_path / "no" / "a.csv", {"0": (5.0, 2.0)})


def test_every_landmark_of_ibug55_is_on_one_curve():
    assert sorted(k for curve in IBUG55.contours.values() for k in curve) == list(range(55))
    assert len(IBUG55.segments()) == 55 - 4 and IBUG55.contour_of()[19:21] == (0, 1)
    assert scheme_of(IBUG55.names) is IBUG55
    own = scheme_of(["tragus", "lobe"])
    assert own.names == ("tragus", "lobe") and own.segments() == ()
    assert own.contour_of() == (-1, -1)


def test_the_other_ear_is_the_mirror_image():
    image = np.zeros((4, 10))
    image[2, 3] = 1
    ((x, y),) = mirrored(np.array([[3.0, 2.0]]), 10)
    assert image[:, ::-1][int(y), int(x)] == 1
    np.testing.assert_array_equal(mirrored(mirrored([[3.5, 2]], 10), 10), [[3.5, 2]])


def test_smoothing_has_no_lag_and_fills_no_gap():
    time = np.arange(60)
    path = np.stack([0.02 * time**2, 5.0 * np.sin(time / 9)], 1).astype(np.float32)[:, :, None]
    rough = path + np.random.default_rng(0).normal(0, 0.5, path.shape).astype(np.float32)
    rough[20:24] = np.nan
    raw = rough.copy()
    smoothed = smooth_landmarks(rough, 9)
    np.testing.assert_array_equal(raw, rough)  # what was tracked is kept
    assert (
        np.isnan(smoothed[20:24]).all() and np.isfinite(np.delete(smoothed, range(20, 24), 0)).all()
    )
    known = np.isfinite(rough)
    before, after = (np.abs(values - path)[known].mean() for values in (rough, smoothed))
    assert after < 0.7 * before
    exact = smooth_landmarks(path, 9)[:, 0]
    np.testing.assert_allclose(exact, path[:, 0], atol=1e-3)  # a parabola is not delayed


def test_short_runs_stay_and_windows_must_make_sense():
    short = np.array([1.0, 5.0, 2.0, np.nan, 3.0], np.float32)[:, None]
    np.testing.assert_array_equal(smooth_landmarks(short, 5), short)
    for window in (1, 4):
        with pytest.raises(UsageError, match="odd"):
            smooth_landmarks(short, window)
