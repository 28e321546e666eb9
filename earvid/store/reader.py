"""Reading a store, complete or still being written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from earvid.errors import StoreError
from earvid.store._errors import reading
from earvid.store.corrected import absent_ears, corrected_ears
from earvid.store.identity import require_header
from earvid.store.layout import VARIABLES, Variable, array, arrays, is_built
from earvid.store.place import AnyPath, Place, place_of
from earvid.store.record import PENDING
from earvid.store.spec import spec_of
from earvid.store.swap import check_settled

if TYPE_CHECKING:
    import xarray

    from earvid.store.layout import AnyArray


@dataclass(frozen=True, eq=False)
class Tracks:
    """All that a store knows beside its images: T frames, N objects, K landmarks, S memory slots.

    Frames that are not done hold NaN, -1 in `memory`, and 0 in `visible` and `status`.

    Args:
        position: (T, 2, K, N) float32 x, y in source-frame pixels, NaN = none.
        confidence: (T, K, N) float32, NaN = none.
        visible: (T, K, N) uint8, 1 = visible.
        box: (T, 4, N) float32 x0, y0, x1, y1 in source-frame pixels, NaN = absent.
        score: (T, N) float32, NaN = none.
        presence: (T, N) float32, NaN = none.
        area: (T, N) float32 pixels of the mask.
        memory: (T, N, S) int32 frames that the mask was conditioned on, -1 = none.
        duplicate_of: (T, N) uint8 id of the object in whose place it was seen, and which kept that
            place so that this one has no mask; 0 = none.
        status: (T,) uint8 0 pending, 1 done, 2 done and corrected by hand.
    """

    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: NDArray[np.uint8]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    presence: NDArray[np.float32]
    area: NDArray[np.float32]
    memory: NDArray[np.int32]
    duplicate_of: NDArray[np.uint8]
    status: NDArray[np.uint8]


class Store:
    """A store, opened for reading; to be had from `open`.

    ::

        store = Store.open("clip.earvid.zarr")
        mask = store.mask(30)  # (H, W) object ids
        left = store.tracks.box[:, :, 0]  # (T, 4)

    Attributes:
        path: Or URL of the store.
        spec: What was fixed before the first frame.
        clip_name: File name of the clip.
        frame_count: Frames of the clip, done or not.
        width: Of a frame in pixels.
        height: Of a frame in pixels.
        fps: Nominal frames per second.
        times: (T,) float64 seconds from the first frame.
        object_ids: Values in the masks.
        object_names: Name of each object.
        keypoints: Name of each landmark.
        shard_length: Frames per shard, the last one apart.
        complete: Whether the store was complete when it was opened.
        fingerprint: sha256 hex of all that decides what the arrays hold.
        provenance: How the store came about.
        summary: What it came to; empty until the store is complete.
        masks: (T, H, W) uint8 zarr array.
        proxy: (T, ceil(H / 4), ceil(W / 4)) uint8 zarr array of small gray frames.
    """

    def __init__(self, place: Place, head: dict[str, Any]) -> None:
        path = place.path
        with reading(path, "The layout"):
            root = zarr.open_group(place.zarr(), mode="r", zarr_format=3)
            if not is_built(root):
                raise StoreError(f"{path} has only just been begun: wait, or track the clip again.")
            self._arrays: dict[str, AnyArray] = arrays(root, head["version"])
            spec = spec_of(head, np.asarray(array(root, "tracks/time")[:], np.float64))
        self.path = path
        self._place = place
        self.spec = spec
        self.clip_name = spec.clip_name
        self.frame_count = spec.frame_count
        self.width = spec.width
        self.height = spec.height
        self.fps = spec.fps
        self.times = spec.times
        self.object_ids = spec.object_ids
        self.object_names = spec.object_names
        self.keypoints = spec.keypoints
        self.shard_length = spec.shard_length
        self.fingerprint = spec.fingerprint
        self.provenance = dict(spec.provenance)
        self.complete = bool(head["complete"])
        self.summary: dict[str, Any] = head.get("summary") or {}
        self.masks = self._arrays["mask"]
        self.proxy = self._arrays["proxy"]

    @classmethod
    def open(cls, path: AnyPath) -> Self:
        """Open a store that is complete or being written.

        Args:
            path: Or URL, ``s3://bucket/key.zarr``, of the store.

        Raises:
            StoreError: There is none, it is damaged, it is not one of ours, or it was left half
                replaced by a correction.
        """
        place = place_of(path)
        check_settled(place)
        return cls(place, require_header(place.path))

    def __len__(self) -> int:
        return self.frame_count

    def __repr__(self) -> str:
        state = "complete" if self.complete else "incomplete"
        return f"Store({str(self.path)!r}, {len(self)} frames, {self.width}x{self.height}, {state})"

    @property
    def status(self) -> NDArray[np.uint8]:
        """(T,) uint8 as on disk now: 0 pending, 1 done, 2 done and corrected by hand."""
        return np.asarray(self._read("status"), np.uint8)

    @property
    def corrected(self) -> NDArray[np.bool_]:
        """(T, N) bool as on disk now: ears that were corrected by hand, frame by frame."""
        return corrected_ears(self.status, self.object_names, self.provenance)

    @property
    def ruled_out(self) -> NDArray[np.bool_]:
        """(T, N) bool: where a person said that an ear is not, on frames done or not."""
        return absent_ears(len(self), self.object_names, self.provenance)

    @property
    def progress(self) -> float:
        """Fraction of frames that are done by now."""
        return float(np.mean(self.status != PENDING))

    @cached_property
    def tracks(self) -> Tracks:
        """All tracks, read when first asked for and kept.

        Raises:
            StoreError: They are damaged.
        """
        tracks = [variable for variable in VARIABLES if not variable.is_image]
        return Tracks(**{one.name: self._read_or_fill(one) for one in tracks})

    def mask(self, index: int) -> NDArray[np.uint8]:
        """(H, W) uint8 object ids of a frame; empty as long as the frame is not done.

        Raises:
            StoreError: There is no such frame, or it is damaged.
        """
        if not 0 <= index < self.frame_count:
            raise StoreError(
                f"There is no frame {index} in {self.path}: frames run from 0 to "
                f"{self.frame_count - 1}."
            )
        with reading(self.path, f"The mask of frame {index}"):
            return np.asarray(self.masks[index], np.uint8)

    def group(self, name: str) -> zarr.Group:
        """A group of the store as zarr has it, to be read.

        Args:
            name: ``tracks``, ``labels/ear`` or ``proxy``.

        Raises:
            StoreError: It is damaged.
        """
        with reading(self.path, f"The group {name!r}"):
            return zarr.open_group(self._place.zarr(), mode="r", path=name)

    def to_xarray(self) -> xarray.Dataset:
        """The tracks as a dataset, loaded when used, as `movement` reads it.

        Raises:
            StoreError: xarray is not installed.
        """
        try:
            import xarray
        except ImportError as error:
            raise StoreError(
                "Datasets need xarray: install it with pip install 'earvid[analysis]'."
            ) from error
        return xarray.open_zarr(self._place.zarr(), group="tracks", chunks=None)

    def _read_or_fill(self, variable: Variable) -> NDArray[Any]:
        if variable.name in self._arrays:
            return self._read(variable.name)
        shape = (len(self), *variable.shape(self.spec))
        return np.full(shape, variable.fill, variable.dtype)

    def _read(self, name: str) -> NDArray[Any]:
        with reading(self.path, f"The array {name!r}"):
            return np.asarray(self._arrays[name][...])
