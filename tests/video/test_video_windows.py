"""Windows cover a range once, fit in memory, and end at keyframes where they can."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earvid.video.windows import ascending, descending


@settings(deadline=None)
@given(
    keys=st.sets(st.integers(0, 60)),
    span=st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted),
    size=st.integers(1, 20),
)
def test_windows(keys: set[int], span: list[int], size: int) -> None:
    borders, (start, stop) = np.array(sorted(keys), np.int64), span
    forward = list(ascending(borders, start, stop, size))
    backward = list(descending(borders, start, stop, size))
    for windows in (forward, backward[::-1]):
        assert [i for a, b in windows for i in range(a, b)] == list(range(start, stop))
        assert all(0 < b - a <= size for a, b in windows)
    for a, b in forward:
        assert b == stop or b in keys or not keys & set(range(a + 1, b + 1))
    for a, b in backward:
        assert a == start or a in keys or not keys & set(range(a, b))
