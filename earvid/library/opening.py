"""Opening a store, with its clip where that lies beside it."""

from __future__ import annotations

import os
from pathlib import Path

from earvid.errors import VideoError
from earvid.library.recording import Recording
from earvid.store import Store


def open(path: str | os.PathLike[str], *, clip: str | os.PathLike[str] | None = None) -> Recording:
    """Open a store that is complete or being written.

    Args:
        path: or URL of the store, such as ``clip.earvid.zarr``.
        clip: the video or folder of images that it was made from; looked for beside the store by
            default, and opened only when frames are asked for.

    Raises:
        StoreError: there is none, or it is damaged.
        VideoError: there is no such clip.
    """
    store = Store.open(path)
    if clip is not None and not Path(clip).exists():
        raise VideoError(f"{clip} does not exist; check the path.")
    return Recording(store, beside(store) if clip is None else clip)


def beside(store: Store) -> Path | None:
    """The clip of a store in the same folder, if it is there; of one in a bucket, none."""
    if not isinstance(store.path, Path):
        return None
    clip = store.path.resolve().parent / store.clip_name
    return clip if clip.exists() else None
