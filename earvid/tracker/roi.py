"""The crop that follows an ear, so that a small model sees it at a useful size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.models.nano import PAD_COLOR

USUAL = 0.97  # share of the usual side that is kept per frame
WIDENING = 0.04  # of a waiting crop per frame

Part = Callable[[int, int, int, int], NDArray[np.uint8]]
"""Gives a region of a frame ``x0, y0, x1, y1``, half open and inside, as RGB."""


@dataclass(frozen=True)
class Roi:
    """An axis-aligned region of the frame that the model looks at.

    Args:
        x0: left edge, a whole pixel; may lie outside the frame.
        y0: top edge.
        width: pixels, at least 1.
        height: pixels; equal to ``width`` for crops that follow an ear.
    """

    x0: int
    y0: int
    width: int
    height: int

    @classmethod
    def whole(cls, width: int, height: int) -> Roi:
        """The whole frame, as stock SAM 2 sees it."""
        return cls(0, 0, width, height)

    @classmethod
    def square(cls, center: tuple[float, float], side: float) -> Roi:
        """A square of about ``side`` pixels around ``center`` (pixel centers are integers)."""
        n = max(1, round(side))
        return cls(round(center[0] - (n - 1) / 2), round(center[1] - (n - 1) / 2), n, n)

    def cut(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Cut the region out of a frame and scale it to the model's input.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            size: side of the model's input.

        Returns:
            ``(size, size, 3)`` uint8; parts beyond the frame have the padding color.
        """
        height, width = image.shape[:2]
        return self.cut_from(lambda x0, y0, x1, y1: image[y0:y1, x0:x1], width, height, size)

    def cut_from(self, part: Part, width: int, height: int, size: int) -> NDArray[np.uint8]:
        """Cut the region out of a frame of which no more is asked than that.

        Args:
            part: gives regions of the frame.
            width: of the frame.
            height: of the frame.
            size: side of the model's input.

        Returns:
            the same as :meth:`cut`.
        """
        x0, y0 = max(0, self.x0), max(0, self.y0)
        x1, y1 = min(width, self.x0 + self.width), min(height, self.y0 + self.height)
        if x0 >= x1 or y0 >= y1:
            return np.full((size, size, 3), PAD_COLOR, np.uint8)
        pixels = part(x0, y0, x1, y1)
        left, right = x0 - self.x0, self.x0 + self.width - x1
        top, bottom = y0 - self.y0, self.y0 + self.height - y1
        if left or top or right or bottom:
            pixels = cv2.copyMakeBorder(  # type: ignore[assignment]
                pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=PAD_COLOR
            )
        shrinks = max(self.width, self.height) > size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pixels, (size, size), interpolation=how), np.uint8)

    def to_model(self, points: NDArray[np.floating], size: int) -> NDArray[np.float32]:
        """Map ``(P, 2)`` frame coordinates to the model's input.

        SAM 2 scales a coordinate by ``size / width`` and adds half a pixel inside its prompt
        encoder; following it exactly keeps parity with stock when the region is the whole frame.
        """
        scale = np.array([size / self.width, size / self.height])
        moved = np.asarray(points, np.float64) - np.array([self.x0, self.y0])
        return np.asarray(moved * scale, np.float32)

    def paste(
        self, logits: NDArray[np.float32], width: int, height: int
    ) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
        """Scale mask logits to the frame.

        Args:
            logits: ``(h, w)`` over the region.
            width: of the frame.
            height: of the frame.

        Returns:
            the logits of the region's part inside the frame, and that part as ``(rows, columns)``.
        """
        full = cv2.resize(logits, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        rows = slice(min(height, max(0, self.y0)), max(0, min(height, self.y0 + self.height)))
        cols = slice(min(width, max(0, self.x0)), max(0, min(width, self.x0 + self.width)))
        inside = full[
            rows.start - self.y0 : rows.stop - self.y0, cols.start - self.x0 : cols.stop - self.x0
        ]
        return np.asarray(inside, np.float32), (rows, cols)


@dataclass(frozen=True)
class RoiSettings:
    """How a crop follows its ear.

    Args:
        factor: side of the crop over the longer side of the ear's box.
        smoothing: share of the old side that is kept per frame, on a log scale.
        patience: frames without the ear before the search widens.
        growth: by how much the search widens per frame, in crop sides. Slowly, because an ear
            mostly comes back where it left, and a wider crop may show somebody's other ear.
        min_side: smallest crop, frame pixels; smaller ones would only enlarge noise.
        min_score: predicted IoU below which a mask is no evidence that the ear is in view.
        trusted_score: predicted IoU from which a mask may change the crop's size; an ear that turns
            away leaves slivers, which must not draw the crop together.
        reacquire_score: predicted IoU that a widened search must reach to count as found.
        shred: pixels of a mask, over the square of the ear's longer side of late, below which it
            is a shred and no evidence that the ear is in view. Ears fill 0.3 to 0.5 of that
            square from the side, and slivers of 1:10 still 0.08.
    """

    factor: float = 2.1
    smoothing: float = 0.7
    patience: int = 3
    growth: float = 0.02
    min_side: float = 40.0
    min_score: float = 0.25
    trusted_score: float = 0.55
    reacquire_score: float = 0.6
    shred: float = 0.02


@dataclass(frozen=True)
class RoiState:
    """Where the crop is, and for how long its ear has been away.

    Args:
        center: of the crop, frame pixels.
        side: of the crop, frame pixels.
        ear_side: crop side at which the ear was last followed.
        usual: side that followed the ear of late; one that turns away leaves slivers, by which
            nobody would find it again.
        absent: frames since the ear was last seen.
    """

    center: tuple[float, float]
    side: float
    ear_side: float
    usual: float
    absent: int = 0

    def roi(self) -> Roi:
        """The crop for the next frame."""
        return Roi.square(self.center, self.side)

    @property
    def searching(self) -> bool:
        """Whether the crop is wider than its ear needs."""
        return self.side > self.ear_side


def start(box: tuple[float, float, float, float], settings: RoiSettings) -> RoiState:
    """Begin at an ear's box ``x0, y0, x1, y1``, frame pixels."""
    center, side = _frame_box(box, settings)
    return RoiState(center, side, side, side)


def follow(
    state: RoiState, box: tuple[float, float, float, float], score: float, settings: RoiSettings
) -> RoiState:
    """Move to the ear seen on the last frame; its size follows more slowly than its place.

    Args:
        state: where the crop was.
        box: of the ear, frame pixels.
        score: predicted IoU of its mask.
        settings: how to follow.
    """
    center, side = _frame_box(box, settings)
    if score < settings.trusted_score:
        return RoiState(center, state.ear_side, state.ear_side, state.usual)
    if state.searching:
        # Found again: that it is larger is news; that it is smaller may be because only a part of
        # it has come out yet, and shows in the next frames if it is true.
        side = max(side, state.ear_side)
        return RoiState(center, side, side, state.usual)
    keep = settings.smoothing
    side = float(np.exp(keep * np.log(state.ear_side) + (1 - keep) * np.log(side)))
    return RoiState(center, side, side, USUAL * state.usual + (1 - USUAL) * side)


def lose(state: RoiState, settings: RoiSettings, width: int, height: int) -> RoiState:
    """Widen the search after a frame without the ear, at most to the whole frame."""
    absent = state.absent + 1
    if absent <= settings.patience:
        return replace(state, absent=absent)
    widest = float(max(width, height))
    side = max(state.side, min(widest, state.side + settings.growth * state.ear_side))
    # As the crop grows towards the frame, it also drifts to the frame's middle: at full width
    # nothing of the frame may lie outside.
    room = widest - state.side
    share = min(1.0, (side - state.side) / room) if room > 0 else settings.growth
    middle = ((width - 1) / 2, (height - 1) / 2)
    center = (
        state.center[0] + share * (middle[0] - state.center[0]),
        state.center[1] + share * (middle[1] - state.center[1]),
    )
    return RoiState(center, side, state.ear_side, state.usual, absent)


def wait(state: RoiState, widest: float, width: int, height: int) -> RoiState:
    """Stay where the ear was lost, after a frame without it, while others search the frame.

    Args:
        state: where the crop is.
        widest: side to which it widens, over its usual side: ears come back near where they left.
        width: of the frame.
        height: of the frame.
    """
    ear = max(state.ear_side, state.usual)
    side = max(state.side, min(widest, 1 + WIDENING * state.absent) * ear)
    return replace(state, side=min(side, float(max(width, height))), absent=state.absent + 1)


def _frame_box(
    box: tuple[float, float, float, float], settings: RoiSettings
) -> tuple[tuple[float, float], float]:
    x0, y0, x1, y1 = box
    center = ((x0 + x1) / 2, (y0 + y1) / 2)
    return center, max(settings.min_side, settings.factor * max(x1 - x0 + 1, y1 - y0 + 1))
