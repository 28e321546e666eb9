"""What a store holds as arrays, with the ear second and whatever belongs to an ear after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError
from earvid.qc.doubt import doubt_of
from earvid.qc.measures import measure
from earvid.store import Store, StorePath

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EarTrack:
    """One ear over a clip of T frames, with K landmarks; NaN where nothing is known.

    Args:
        id: its value in masks.
        name: such as ``left``.
        boxes: (T, 4) float32 x0, y0, x1, y1 in source-frame pixels.
        scores: (T,) float32 predicted IoU of the mask, 0..1.
        presence: (T,) float32 probability that the ear is in view, 0..1.
        areas: (T,) float32 pixels of the mask.
        landmarks: (T, K, 2) float32 x, y in source-frame pixels.
        confidence: (T, K) float32 of the landmarks, 0..1.
        visible: (T, K) bool.
    """

    id: int
    name: str
    boxes: Floats
    scores: Floats
    presence: Floats
    areas: Floats
    landmarks: Floats
    confidence: Floats
    visible: NDArray[np.bool_]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) bool: whether the ear has a mask."""
        return np.asarray(self.areas > 0)


class Arrays:
    """The arrays of T frames, N ears and K landmarks; each is read when first asked for.

    Args:
        store: an open store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def path(self) -> StorePath:
        """Or URL of the store."""
        return self.store.path

    @property
    def ears(self) -> tuple[str, ...]:
        """Names of the ears."""
        return self.store.object_names

    @property
    def keypoints(self) -> tuple[str, ...]:
        """Names of the landmarks."""
        return self.store.keypoints

    @property
    def complete(self) -> bool:
        """Whether every frame was done when the store was opened."""
        return self.store.complete

    @property
    def provenance(self) -> dict[str, Any]:
        """How the results came about: clip, model, settings, prompt."""
        return self.store.provenance

    @property
    def masks(self) -> Any:
        """(T, H, W) uint8 ids of ears, 0 = background; what is indexed is read, and no more."""
        return self.store.masks

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) float64 seconds from the first frame."""
        return self.store.times

    @property
    def status(self) -> NDArray[np.uint8]:
        """(T,) uint8: 0 pending, 1 done, 2 done and corrected by hand."""
        return self.store.tracks.status

    @property
    def scores(self) -> Floats:
        """(T, N) float32 predicted IoU of each mask, 0..1; NaN where there is none."""
        return self.store.tracks.score

    @property
    def presence(self) -> Floats:
        """(T, N) float32 probability that the ear is in view, 0..1; NaN where unknown."""
        return self.store.tracks.presence

    @property
    def areas(self) -> Floats:
        """(T, N) float32 pixels of each mask; NaN where the frame is pending."""
        return self.store.tracks.area

    @property
    def memory(self) -> NDArray[np.int32]:
        """(T, N, S) int32 frames that each mask was conditioned on, -1 = none."""
        return self.store.tracks.memory

    @cached_property
    def boxes(self) -> Floats:
        """(T, N, 4) float32 x0, y0, x1, y1 of each mask in pixels; NaN where there is none."""
        return np.ascontiguousarray(self.store.tracks.box.transpose(0, 2, 1))

    @cached_property
    def landmarks(self) -> Floats:
        """(T, N, K, 2) float32 x, y in pixels; NaN where there is none."""
        return np.ascontiguousarray(self.store.tracks.position.transpose(0, 3, 2, 1))

    @cached_property
    def confidence(self) -> Floats:
        """(T, N, K) float32 confidence of each landmark, 0..1; NaN where there is none."""
        return np.ascontiguousarray(self.store.tracks.confidence.transpose(0, 2, 1))

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """(T, N, K) bool: which landmarks are in view and not covered."""
        return np.ascontiguousarray(self.store.tracks.visible.transpose(0, 2, 1) != 0)

    @cached_property
    def doubt(self) -> NDArray[np.float64]:
        """(T, N) float64 how much a look at each frame is worth, 0..1; see `earvid.qc.doubt`.

        Every mask is read once, when it is first asked for.
        """
        return np.stack([doubt_of(one).total for one in measure(self.store)], axis=1)

    def ear(self, name: str | None = None) -> EarTrack:
        """All about one ear.

        Args:
            name: which; None is the only one.

        Raises:
            UsageError: there is no such ear, or none is named and there are several.
        """
        n = self._column(name)
        return EarTrack(
            id=self.store.object_ids[n],
            name=self.ears[n],
            boxes=self.boxes[:, n],
            scores=self.scores[:, n],
            presence=self.presence[:, n],
            areas=self.areas[:, n],
            landmarks=self.landmarks[:, n],
            confidence=self.confidence[:, n],
            visible=self.visible[:, n],
        )

    def _column(self, name: str | None) -> int:
        names = self.ears
        if name is None and len(names) > 1:
            raise UsageError(f"There are several ears; name one of {', '.join(names)}.")
        if name is not None and name not in names:
            raise UsageError(f"There is no ear {name!r}; choose from {', '.join(names)}.")
        return 0 if name is None else names.index(name)
