"""One frame with all that is known about its ears, from a store or from a running tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earvid.video import Frame

Box = tuple[float, float, float, float]
Status = Literal["pending", "done", "corrected"]
STATUSES: tuple[Status, ...] = ("pending", "done", "corrected")

PER_FRAME = (
    "box", "score", "presence", "area", "position", "confidence", "visible", "memory", "status",
)  # fmt: skip
"""What is known about a frame beside its mask, by the names that a store has for it."""


@dataclass(frozen=True, eq=False)
class TrackedEar:
    """One ear on one frame, with K landmarks.

    Args:
        id: its value in label images.
        name: such as ``left``.
        mask: (H, W) bool, empty where the ear is not seen.
        box: x0, y0, x1, y1 of the mask in source-frame pixels; None where it is not seen.
        score: predicted IoU of the mask, 0..1; NaN where it is not seen.
        presence: probability that the ear is in view, 0..1; NaN where nothing is known yet.
        area: pixels of the mask.
        landmarks: (K, 2) float32 x, y in source-frame pixels, NaN = none.
        confidence: (K,) float32 of the landmarks, 0..1, NaN = none.
        visible: (K,) bool.
        memory: frames that the mask was conditioned on.
        keyframe: whether a prompt was given on this frame.
        corrected: whether it was corrected by hand on this frame.
    """

    id: int
    name: str
    mask: NDArray[np.bool_]
    box: Box | None
    score: float
    presence: float
    area: int
    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: NDArray[np.bool_]
    memory: tuple[int, ...]
    keyframe: bool
    corrected: bool = False

    @property
    def seen(self) -> bool:
        """Whether the ear has a mask on this frame."""
        return self.area > 0

    def __repr__(self) -> str:
        if not self.seen:
            return f"TrackedEar({self.name!r}, not seen, presence {self.presence:.2f})"
        box = ", ".join(f"{value:g}" for value in self.box or ())
        return f"TrackedEar({self.name!r}, box ({box}), score {self.score:.2f})"


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One frame of a clip and its ears.

    Args:
        index: from 0, in presentation order.
        time: seconds from the first frame.
        image: (H, W, 3) uint8 RGB; black where the frame is damaged.
        labels: (H, W) uint8 ids of the ears, 0 = background.
        ears: by name, in the order of their ids.
        status: ``pending``, ``done``, or ``corrected`` by hand, at least one of its ears.
        damaged: the frame could not be decoded.
    """

    index: int
    time: float
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    ears: Mapping[str, TrackedEar]
    status: Status
    damaged: bool

    def __repr__(self) -> str:
        ears = ", ".join(f"{ear.name} {_word(ear)}" for ear in self.ears.values())
        return f"TrackedFrame({self.index}, {self.time:.3f} s, {ears})"


def tracked_frame(
    frame: Frame,
    labels: NDArray[np.uint8],
    values: Mapping[str, NDArray[Any]],
    objects: Sequence[tuple[int, str]],
    corrected: Sequence[bool] | NDArray[np.bool_],
) -> TrackedFrame:
    """Put a frame together.

    Args:
        frame: as decoded.
        labels: (H, W) uint8 ids of the ears.
        values: :data:`PER_FRAME`, shaped as :class:`earvid.store.FrameRecord` says.
        objects: id and name of every ear, in the order of the last axis of the values.
        corrected: whether each of them was corrected by hand on this frame.
    """
    ears = {
        name: replace(
            _ear(frame.index, labels, values, column, object_id, name),
            corrected=bool(corrected[column]),
        )
        for column, (object_id, name) in enumerate(objects)
    }
    status = STATUSES[int(values["status"])]
    return TrackedFrame(
        frame.index, frame.time, frame.image, labels, ears, status, damaged=frame.damaged
    )


def _ear(
    index: int,
    labels: NDArray[np.uint8],
    values: Mapping[str, NDArray[Any]],
    column: int,
    object_id: int,
    name: str,
) -> TrackedEar:
    x0, y0, x1, y1 = (float(value) for value in values["box"][:, column])
    remembered = values["memory"][column]
    memory = tuple(int(one) for one in remembered[remembered >= 0])
    return TrackedEar(
        id=object_id,
        name=name,
        mask=labels == object_id,
        box=None if np.isnan(x0) else (x0, y0, x1, y1),
        score=float(values["score"][column]),
        presence=float(values["presence"][column]),
        area=int(np.nan_to_num(values["area"][column])),
        landmarks=np.asarray(values["position"][:, :, column].T, np.float32),
        confidence=np.asarray(values["confidence"][:, column], np.float32),
        visible=np.asarray(values["visible"][:, column] != 0),
        memory=memory,
        keyframe=index in memory,  # only a keyframe is conditioned on itself
    )


def _word(ear: TrackedEar) -> str:
    return f"{ear.score:.2f}" if ear.seen else "not seen"
