"""Progress bars: on standard error, and only where a person sees them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

Progress = Callable[[int, int], None]
# As tqdm's own, but with frames/s below one a second too, where tqdm would tell s/frame.
FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"

LABEL = 32  # characters; a longer name would leave no room for the bar


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Show a bar with speed and time left; yields a callback for frames done and in all."""
    bar: tqdm[None] | None = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            # A resumed run starts in the middle; what was done before has no part in the speed.
            bar = tqdm(
                total=total,
                initial=done - 1,
                desc=label if len(label) <= LABEL else f"{label[: LABEL - 1]}…",
                unit=" frames",
                bar_format=FORMAT,
                file=sys.stderr,
                disable=not sys.stderr.isatty(),
                **_size(),
            )
        bar.update(done - bar.n)

    try:
        yield update
    finally:
        if bar is not None:
            bar.close()


def _size() -> dict[str, Any]:
    """How large the bar may be; some terminals, such as those of containers, do not know theirs."""
    if sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns == 0:
        return {"ncols": 80, "nrows": 24}
    return {"dynamic_ncols": True}
