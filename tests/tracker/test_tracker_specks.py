"""Masks without specks."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from earvid.tracker.results import SPECK, without_specks

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


@given(MASKS)
def test_pieces_of_a_share_of_the_largest_are_kept(mask):
    """Specks within holes of a piece count as pieces, too."""
    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    areas = [np.count_nonzero(parts == n) for n in range(1, count)]
    wanted = np.zeros_like(mask)
    for n, area in enumerate(areas, 1):
        if area >= SPECK * max(areas):
            wanted |= parts == n
    assert np.array_equal(without_specks(mask), wanted)


def test_a_part_of_a_larger_mask_will_do():
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:25] = True
    mask[30, 30] = True
    kept = without_specks(mask[2:36, 3:37])
    assert kept.sum() == 400 and not kept[28, 27]
