"""Cores are shared, and given back."""

import cv2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earvid.threads import Share, sharing


@given(st.integers(1, 256), st.booleans())
def test_no_core_is_used_twice_and_none_is_refused(cores, small):
    share = Share.of(cores, small=small)
    assert share.within >= 1 and share.beside >= 1
    assert share.within * share.beside <= cores
    assert small or share.within == cores
    assert cores == 1 or not small or share.beside > 1


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_set_before_comes_back(fails):
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        torch.set_num_threads(2)
        cv2.setNumThreads(2)
        try:
            with sharing(small=True) as share:
                assert (share.within, share.beside) == (1, 2)
                assert torch.get_num_threads() == cv2.getNumThreads() == 1
                if fails:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert fails
        assert torch.get_num_threads() == cv2.getNumThreads() == 2
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def test_who_comes_second_changes_nothing():
    before = torch.get_num_threads()
    with sharing(small=True):
        within = torch.get_num_threads()
        with sharing(small=True) as second:
            assert (second.within, second.beside) == (within, 1)
        assert torch.get_num_threads() == within
    assert torch.get_num_threads() == before
