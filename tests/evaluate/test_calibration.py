import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earvid.evaluate.calibration import plot_reliability, reliability


def test_a_forecast_that_comes_true_has_no_error():
    rng = np.random.default_rng(0)
    promised = rng.uniform(0, 1, 40_000)
    came = rng.uniform(0, 1, 40_000) < promised
    assert reliability(promised, came).error < 0.02


def test_the_error_is_the_gap_between_promise_and_outcome():
    part = reliability(np.full(10, 0.9), np.array([1.0] * 6 + [0.0] * 4))
    assert part.error == pytest.approx(0.3)
    assert part.count.tolist() == [0] * 9 + [10]
    assert part.promised[9] == pytest.approx(0.9) and part.seen[9] == pytest.approx(0.6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_nothing_is_lost_between_bins(pairs):
    promised, came = map(np.array, zip(*pairs, strict=True))
    part = reliability(promised, came)
    assert part.count.sum() == len(pairs) and 0 <= part.error <= 1


def test_no_data_and_nonsense():
    assert np.isnan(reliability(np.zeros(0), np.zeros(0)).error)
    with pytest.raises(ValueError, match="one length"):
        reliability(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability(np.array([1.2]), np.zeros(1))
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability(np.array([np.nan]), np.zeros(1))


def test_the_plot_is_a_picture(tmp_path):
    part = reliability(np.array([0.1, 0.8]), np.array([0.0, 1.0]))
    plot_reliability({"score": part, "presence": part}, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
