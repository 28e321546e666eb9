"""What is known about the ears of one frame, and how it is read from a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from earvid.landmarks import scheme_of

Status = Literal["pending", "done", "corrected"]
SURE = 0.4
"""Confidence of a landmark below which its place is not to be relied on."""
STATUSES: tuple[Status, ...] = ("pending", "done", "corrected")


class TracksLike(Protocol):
    """Arrays over frames T, objects N and landmarks K, as a store holds them."""

    @property
    def box(self) -> npt.NDArray[Any]:
        """(T, 4, N) x0, y0, x1, y1 in source-frame pixels, NaN = none."""

    @property
    def score(self) -> npt.NDArray[Any]:
        """(T, N) quality of each mask, NaN = none."""

    @property
    def area(self) -> npt.NDArray[Any]:
        """(T, N) pixels of each mask, 0 or NaN = not visible."""

    @property
    def position(self) -> npt.NDArray[Any]:
        """(T, 2, K, N) x, y in source-frame pixels, NaN = none."""

    @property
    def visible(self) -> npt.NDArray[Any]:
        """(T, K, N) not 0 where a landmark is visible."""

    @property
    def confidence(self) -> npt.NDArray[Any]:
        """(T, K, N) of each landmark, NaN = none."""

    @property
    def status(self) -> npt.NDArray[Any]:
        """(T,) as of the store, when the tracks were read."""


class StoreLike(Protocol):
    """The part of `earvid.store.Store` that overlays need."""

    @property
    def frame_count(self) -> int:
        """Frames of the clip, done or not."""

    @property
    def width(self) -> int:
        """Of a frame, in pixels."""

    @property
    def height(self) -> int:
        """Of a frame, in pixels."""

    @property
    def object_ids(self) -> Sequence[int]:
        """Value of each object in the masks."""

    @property
    def object_names(self) -> Sequence[str]:
        """Name of each object."""

    @property
    def keypoints(self) -> Sequence[str]:
        """Name of each landmark."""

    @property
    def status(self) -> npt.NDArray[Any]:
        """(T,) 0 pending, 1 done, 2 corrected by hand."""

    @property
    def corrected(self) -> npt.NDArray[np.bool_]:
        """(T, N) ears that were corrected by hand, frame by frame."""

    @property
    def tracks(self) -> TracksLike:
        """What is known beside the masks."""

    def mask(self, index: int) -> npt.NDArray[np.uint8]:
        """(H, W) object ids of frame `index`."""


def are_sure(
    visible: npt.NDArray[np.bool_], confidence: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.bool_]:
    """Which landmarks are drawn filled: those in view whose place is trusted; others are hollow.

    Args:
        visible: (K,) bool.
        confidence: (K,) 0 to 1; empty = not known, which counts as trusted.
    """
    if not confidence.size:
        return visible
    return np.asarray(visible & (np.nan_to_num(confidence) >= SURE))


def _no_landmarks() -> npt.NDArray[np.float64]:
    return np.zeros((0, 2))


def _no_flags() -> npt.NDArray[np.bool_]:
    return np.zeros(0, bool)


@dataclass(frozen=True, eq=False, kw_only=True)
class EarMarks:
    """One ear on one frame.

    Args:
        id: Its value in the mask.
        name: Its name.
        present: Whether it is in view.
        corrected: Whether it was corrected by hand on this frame.
        score: Quality of its mask; NaN = unknown.
        box: `(x0, y0, x1, y1)` in source-frame pixels, or None.
        landmarks: (K, 2) `(x, y)` in source-frame pixels, NaN = none.
        visible: (K,) bool, which landmarks are visible.
        confidence: (K,) of the landmarks, 0 to 1; empty = not known.
        curves: Landmarks that follow one another, for each curve of their scheme.
    """

    id: int
    name: str
    present: bool = True
    corrected: bool = False
    score: float = float("nan")
    box: tuple[float, float, float, float] | None = None
    landmarks: npt.NDArray[np.float64] = field(default_factory=_no_landmarks)
    visible: npt.NDArray[np.bool_] = field(default_factory=_no_flags)
    confidence: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    curves: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class FrameMarks:
    """All ears on one frame.

    Args:
        mask: (H, W) uint8, the id of the ear in each pixel, 0 = background; None = no masks.
        ears: What is known beside the mask.
        status: Whether the frame has been tracked.
    """

    mask: npt.NDArray[np.uint8] | None
    ears: tuple[EarMarks, ...]
    status: Status = "done"


class MarksReader:
    """Reads the marks of a store frame by frame, and its tracks once.

    Args:
        store: An open store.
    """

    def __init__(self, store: StoreLike) -> None:
        self._store = store
        self._curves = tuple(scheme_of(store.keypoints).contours.values())
        # A store may grow while it is read. Its writer sets the status last, so what is done
        # before the tracks are read is whole; and the tracks may have been read earlier.
        status = np.asarray(store.status)
        self._tracks = store.tracks
        self._status = np.minimum(status, self._tracks.status)
        self._corrected = store.corrected

    def at(self, index: int) -> FrameMarks:
        """Read one frame.

        Args:
            index: Frame, from 0.
        """
        status = STATUSES[int(self._status[index])]
        if status == "pending":
            return FrameMarks(None, (), status)
        names = zip(self._store.object_ids, self._store.object_names, strict=True)
        ears = tuple(
            self._ear(index, column, object_id, name)
            for column, (object_id, name) in enumerate(names)
        )
        return FrameMarks(self._store.mask(index), ears, status)

    def _ear(self, index: int, column: int, object_id: int, name: str) -> EarMarks:
        tracks = self._tracks
        box = np.asarray(tracks.box[index, :, column], float)
        x0, y0, x1, y1 = (float(value) for value in box)
        return EarMarks(
            id=int(object_id),
            name=str(name),
            present=bool(tracks.area[index, column] > 0),
            corrected=bool(self._corrected[index, column]),
            score=float(tracks.score[index, column]),
            box=(x0, y0, x1, y1) if np.isfinite(box).all() else None,
            landmarks=np.asarray(tracks.position[index, :, :, column], float).T,
            visible=np.asarray(tracks.visible[index, :, column]) != 0,
            confidence=np.asarray(tracks.confidence[index, :, column], float),
            curves=self._curves,
        )


def marks_at(store: StoreLike, index: int) -> FrameMarks:
    """Read what a store knows about one frame, for `render_frame`.

    Args:
        store: An open store.
        index: Frame, from 0.
    """
    return MarksReader(store).at(index)
