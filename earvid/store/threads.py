"""How many threads zarr compresses with."""

import zarr


def compress_in_one_thread() -> None:
    """Have zarr compress in a single thread, for the rest of this process.

    It would take as many threads as there are cores, and a few more: all of them wait for Python's
    lock, and whoever computes beside them waits with them. For processes that track and do nothing
    else.
    """
    zarr.config.set({"threading.max_workers": 1})
