"""A tracked clip: masks, landmarks and all that is known beside them, read when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earvid.errors import StoreError, UsageError
from earvid.library.arrays import Arrays
from earvid.library.frame import PER_FRAME, TrackedFrame, tracked_frame
from earvid.library.pictures import gray_frame
from earvid.library.select import Where, chosen, flags
from earvid.store import Store
from earvid.video import Clip, Frame

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float32]


class Recording(Arrays):
    """A tracked clip of T frames, with N ears and K landmarks; to be had from `earvid.open`. ::

        recording = earvid.open("clip.earvid.zarr")
        recording.masks[30]                # (H, W) ids of ears, 0 = background
        recording.landmarks[30, 0]         # (K, 2) of the first ear
        recording.ear("left").scores       # (T,)
        for frame in recording.frames("doubtful"):
            print(frame.index, frame.ears["left"].box)

    Arrays are numpy's, ears come second, and coordinates are ``x, y`` in pixels of the clip's
    frames, where whole numbers are pixel centers. :meth:`to_xarray` gives names to the axes.

    Args:
        store: an open store.
        clip: the video or folder of images that it was made from; None where it is not at hand,
            and pictures are then the store's small gray ones.
    """

    def __init__(self, store: Store, clip: str | os.PathLike[str] | None = None) -> None:
        super().__init__(store)
        self.clip = None if clip is None else Path(clip)

    def mask(self, frame: int, ear: str | None = None) -> NDArray[np.bool_]:
        """(H, W) bool mask of one ear on one frame.

        Args:
            frame: its number.
            ear: name; None is the only one.

        Raises:
            UsageError: as for :meth:`ear`.
            StoreError: there is no such frame.
        """
        return np.asarray(self.store.mask(frame) == self.store.object_ids[self._column(ear)])

    def image(self, frame: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of one frame: of the clip, or else the store's gray one, enlarged.

        Raises:
            StoreError: there is no such frame, or the clip is another one.
        """
        self._check(frame)
        if self.clip is None:
            return gray_frame(self.store, frame)
        return self._source.frame(frame).image

    def where(self, name: str) -> NDArray[np.bool_]:
        """(T,) bool: which frames a name stands for; at least one ear is what it says.

        Args:
            name: ``seen``, ``absent``, ``doubtful`` (worth a look, as ``earvid qc`` flags them),
                ``corrected`` (by hand: it has a keyframe other than its first there, or was said
                not to be there, of which ``store.ruled_out`` tells), ``keyframes``, ``done`` or
                ``pending``.

        Raises:
            UsageError: there is no such name.
        """
        return flags(self, name)

    def frames(self, where: Where = None) -> Iterator[TrackedFrame]:
        """Decode frames one by one, with their results.

        Args:
            where: a name as for :meth:`where`; a slice; frame numbers; or a condition, (T,) or
                (T, N) bool, such as ``recording.scores < 0.8``. None is all frames that are done.

        Raises:
            UsageError: there are no such frames, or the clip is not at hand.
        """
        numbers = chosen(self, where)
        self._require_clip()
        return (self.frame(int(number)) for number in numbers)

    def frame(self, index: int, *, gray: bool = False) -> TrackedFrame:
        """Decode one frame, with its results.

        Args:
            index: its number.
            gray: take the store's gray copy where the clip is not at hand, rather than fail.

        Raises:
            UsageError: there is no such frame, or the clip is not at hand.
        """
        self._check(index)
        if self.clip is None and gray:
            frame = Frame(index, float(self.times[index]), gray_frame(self.store, index))
        else:
            self._require_clip()
            frame = self._source.frame(index)
        tracks = self.store.tracks
        values = {name: getattr(tracks, name)[index] for name in PER_FRAME}
        objects = tuple(zip(self.store.object_ids, self.ears, strict=True))
        corrected = self.store.corrected[index]
        return tracked_frame(frame, self.store.mask(index), values, objects, corrected)

    def to_xarray(self) -> xarray.Dataset:
        """All of it as one dataset with named axes, read when used; see the store's layout.

        Returns:
            Dimensions ``time``, ``y``, ``x``, ``space``, ``keypoint``, ``individual``, ``bound``
                and ``slot``; ``mask`` and the variables of the group ``tracks``.

        Raises:
            UsageError: xarray is not installed.
        """
        from earvid.library.labeled import to_dataset

        return to_dataset(self)

    def to_movement(self) -> xarray.Dataset:
        """The landmarks as a dataset of poses for `movement`, checked by it if it is installed.

        Returns:
            ``position`` (time, space, keypoint, individual) and ``confidence``; dimensions are
                called as the installed version of movement calls them.

        Raises:
            UsageError: there are no landmarks, or xarray is not installed.
        """
        from earvid.library.labeled import to_poses

        return to_poses(self)

    def close(self) -> None:
        """Release the clip; it is opened again when it is needed."""
        source = self.__dict__.pop("_source", None)
        if source is not None:
            source.close()

    def __len__(self) -> int:
        return self.store.frame_count

    def __repr__(self) -> str:
        store = self.store
        state = "complete" if store.complete else f"{100 * store.progress:.0f} % done"
        ears = ", ".join(self.ears)
        return (
            f"Recording({str(self.path)!r}, {len(self)} frames of {store.width}x{store.height}, "
            f"{ears}, {len(self.keypoints)} landmarks, {state})"
        )

    def _repr_html_(self) -> str:
        from earvid.library.html import as_html

        return as_html(self)

    @cached_property
    def _source(self) -> Clip:
        assert self.clip is not None
        source, store = Clip.open(self.clip), self.store
        size = source.info.width, source.info.height, len(source)
        if size != (store.width, store.height, len(self)):
            source.close()
            raise StoreError(
                f"{self.clip} has another size or number of frames than the clip of {self.path}: "
                f"give the clip that it was made from."
            )
        return source

    def _check(self, frame: int) -> None:
        if not 0 <= frame < len(self):
            raise UsageError(f"There is no frame {frame}; frames run from 0 to {len(self) - 1}.")

    def _require_clip(self) -> None:
        if self.clip is None:
            raise UsageError(
                f"The clip {self.store.clip_name} is not beside {self.path}; name it with "
                f"earvid.open({str(self.path)!r}, clip=...)."
            )
