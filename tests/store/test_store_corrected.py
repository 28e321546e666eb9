"""Ears that were corrected by hand, told apart on frames that have one status for all."""

from __future__ import annotations

import numpy as np
import pytest

from earvid.store.corrected import corrected_ears

LEFT, RIGHT = "left", "right"


def prompt(**ears):
    """A document of ears with these keyframes."""
    return {
        "objects": [
            {"id": number, "name": name, "frames": {str(frame): {} for frame in frames}}
            for number, (name, frames) in enumerate(ears.items(), 1)
        ]
    }


def correction(before, **keyframes):
    return {"before": {"prompt": before}, "keyframes": keyframes}


def told(status, provenance):
    """The frames of either ear."""
    flags = corrected_ears(np.array(status, np.uint8), (LEFT, RIGHT), provenance)
    return [np.flatnonzero(column).tolist() for column in flags.T]


def marked(*frames):
    return [2 if frame in frames else 1 for frame in range(10)]


FIRST = prompt(left=[3], right=[6])


def test_a_correction_is_of_the_ear_that_it_names():
    about = {"prompt": prompt(left=[3, 8], right=[6]), "corrections": [correction(FIRST, left=[8])]}
    assert told(marked(8), about) == [[8], []]


def test_it_may_be_earlier_than_the_first_keyframe():
    about = {"corrections": [correction(FIRST, right=[1])], "prompt": prompt(right=[1, 6])}
    assert told(marked(1), about) == [[], [1]]


def test_later_keyframes_of_the_first_prompt_count():
    first = prompt(left=[3, 7], right=[6])
    assert told(marked(7), {"prompt": first}) == [[7], []]
    after = {"corrections": [correction(first, right=[7])]}
    assert told(marked(7), after) == [[7], [7]]


def test_an_ear_that_was_added_is_not_corrected_on_its_first_keyframe():
    first = prompt(left=[3])
    about = {"corrections": [correction(first, left=[5], right=[5, 9])]}
    assert told(marked(5, 9), about) == [[5], [9]]


@pytest.mark.parametrize("about", [{}, {"prompt": None}, {"corrections": [{}]}])
def test_where_nothing_is_told_it_counts_for_every_ear(about):
    assert told(marked(4), about) == [[4], [4]]


def test_only_frames_of_that_status_count():
    about = {"corrections": [correction(FIRST, left=[8, 99])]}
    assert told(marked(), about) == [[], []]
