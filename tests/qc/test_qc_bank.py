"""What is read out of a store about its memory bank."""

import numpy as np

from earvid.qc import bank_use
from earvid.qc.bank import _runs


def test_the_runs_say_just_what_the_store_says(store):
    left, right = bank_use(store)
    said = {(y, x) for y, a, b in left.runs for x in range(a, b)}
    memory = store.tracks.memory[:, 0]
    assert said == {(y, x) for x in range(8) for y in memory[x] if y >= 0}
    assert left.used() == {2: 8, 3: 2, 4: 2, 5: 2, 0: 1, 1: 1, 6: 1}
    assert left.keyframes == (2,) and (left.runs[:, 1] < left.runs[:, 2]).all()
    assert right.used() == {} and right.keyframes == () and right.runs.shape == (0, 3)
    assert np.isnan(left.score[8:]).all() and left.presence[7] == 1


def test_a_gap_ends_a_run():
    pairs = np.array([[0, 1], [0, 2], [0, 4], [1, 5], [1, 6]])
    assert _runs(pairs).tolist() == [[0, 1, 3], [0, 4, 5], [1, 5, 7]]
