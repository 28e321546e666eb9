"""The clip of a store, from which pictures in color come."""

from __future__ import annotations

from pathlib import Path

from earvid.errors import EarvidError, StoreError
from earvid.qc.commands import beside
from earvid.store import Store
from earvid.video import Clip


def find_clip(store: Store, given: Path | None) -> tuple[Clip | None, str | None]:
    """Open the clip of a store.

    Args:
        store: the store.
        given: where the clip is; None looks for it beside the store.

    Returns:
        The clip, to be closed; or None and a sentence on why there is none.

    Raises:
        VideoError: the clip that is given cannot be read.
        StoreError: it is another.
    """
    if given is not None:
        clip = Clip.open(given)
        try:
            check_same_clip(store, clip)
        except StoreError:
            clip.close()
            raise
        return clip, None
    there = beside(store)
    if there is None or not there.exists():
        return None, _without(f"The clip {store.clip_name} is not beside the store")
    try:
        clip = Clip.open(there)
    except EarvidError as error:
        return None, _without(f"The clip cannot be read ({str(error).rstrip('.')})")
    if _is_same(store, clip):
        return clip, None
    clip.close()
    return None, _without(f"{store.clip_name} beside the store is another clip than it was")


def check_same_clip(store: Store, clip: Clip) -> None:
    """Refuse a clip that cannot be the one of a store.

    Raises:
        StoreError: it has another size or number of frames.
    """
    if not _is_same(store, clip):
        raise StoreError(
            f"{clip.info.path} has another size or number of frames than the clip of {store.path}: "
            f"give the clip that the store was made from."
        )


def _is_same(store: Store, clip: Clip) -> bool:
    info = clip.info
    return (info.width, info.height, len(clip)) == (store.width, store.height, len(store))


def _without(reason: str) -> str:
    return (
        f"{reason}, so the pictures here are the small gray ones of the store. The commands need "
        f"the clip: put it back, or make this page again with --clip."
    )
