"""One finished frame, and the shard that frames are gathered in."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import StoreError
from earvid.store.layout import VARIABLES
from earvid.store.spec import StoreSpec

PENDING, DONE, CORRECTED = 0, 1, 2


@dataclass(eq=False)
class FrameRecord:
    """One finished frame of a clip, all objects: N objects, K landmarks, S memory slots.

    Args:
        index: Of the frame, from 0.
        mask: (H, W) uint8 object id, 0 = background.
        proxy: (ceil(H / 4), ceil(W / 4)) uint8, the frame in gray, made small.
        box: (4, N) float32 x0, y0, x1, y1 in source-frame pixels, NaN = absent.
        score: (N,) float32, NaN = none.
        presence: (N,) float32, NaN = none.
        area: (N,) float32 pixels of the mask.
        memory: (N, S) int32 frames that the mask was conditioned on, -1 = none.
        duplicate_of: (N,) uint8 id of the object in whose place it was seen and which kept that
            place, 0 = none.
        position: (2, K, N) float32 x, y in source-frame pixels, NaN = none.
        confidence: (K, N) float32, NaN = none.
        visible: (K, N) uint8, 1 = visible.
        status: 1 done, 2 done and corrected by hand.
    """

    index: int
    mask: NDArray[np.uint8]
    proxy: NDArray[np.uint8]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    presence: NDArray[np.float32]
    area: NDArray[np.float32]
    memory: NDArray[np.int32]
    duplicate_of: NDArray[np.uint8]
    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: NDArray[np.uint8]
    status: int = DONE


class ShardBuffer:
    """The frames of one shard, until all are there.

    Args:
        spec: Of the store.
        shard: Which one.
    """

    def __init__(self, spec: StoreSpec, shard: int) -> None:
        self.frames = spec.shard_range(shard)
        # Pages of zeros cost no memory until something is written to them.
        self.values: dict[str, NDArray[Any]] = {
            variable.name: np.zeros((len(self.frames), *variable.shape(spec)), variable.dtype)
            for variable in VARIABLES
        }
        self._seen = np.zeros(len(self.frames), bool)

    @property
    def is_whole(self) -> bool:
        """Whether every frame is there."""
        return bool(self._seen.all())

    def put(self, record: FrameRecord) -> None:
        """Copy a frame in.

        Raises:
            StoreError: It is in already.
        """
        row = record.index - self.frames.start
        if self._seen[row]:
            raise StoreError(f"Frame {record.index} came twice: add every frame once.")
        for name, values in self.values.items():
            if name == "mask":  # nearly all of it is background, which is there already
                filled = _filled(record.mask)
                values[row, filled] = record.mask[filled]
            else:
                values[row] = getattr(record, name)
        self._seen[row] = True


def _filled(mask: NDArray[np.uint8]) -> slice:
    """The rows of a mask from the first to the last with anything in it."""
    _, top, _, height = cv2.boundingRect(mask)
    return slice(top, top + height)


def check_record(record: FrameRecord, spec: StoreSpec) -> None:
    """See that a record fits its store.

    Raises:
        StoreError: It does not; the message names the frame and the field.
    """
    frame = f"Frame {record.index}"
    if not 0 <= record.index < spec.frame_count:
        raise StoreError(f"{frame} is not in a clip of {spec.frame_count} frames.")
    if record.status not in (DONE, CORRECTED):
        raise StoreError(f"{frame} has status {record.status}, which is neither 1 nor 2.")
    for variable in VARIABLES[:-1]:
        value, shape = getattr(record, variable.name), variable.shape(spec)
        if value.shape != shape or value.dtype != variable.dtype:
            raise StoreError(
                f"{frame} has a {variable.name} of {value.shape} {value.dtype} where the store "
                f"holds {shape} {variable.dtype}."
            )
    highest = int(record.mask.max())
    if highest and highest not in spec.object_ids:
        raise StoreError(f"{frame} has the unknown object id {highest} in its mask.")
