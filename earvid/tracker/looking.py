"""Looking at a frame: cutting out a region, encoding it, and finding a prompted ear in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Protocol, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from earvid.prompt import FramePrompt
from earvid.tracker import roi as following
from earvid.tracker.engine import Engine, Features, Prediction
from earvid.tracker.looks import Vector, glimpse
from earvid.tracker.prompts import ear_points, prompt_box, to_model_points
from earvid.tracker.reentry import NearScout, Scout
from earvid.tracker.results import Box, mask_box, tidied
from earvid.tracker.roi import Part, Roi, RoiSettings, RoiState

ZOOM_STEPS = 3  # looks at a clicked ear, each closer than the one before


class FrameLike(Protocol):
    """A frame of a stream: its number and its ``(H, W, 3)`` uint8 RGB image."""

    @property
    def index(self) -> int:
        """Number of the frame."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture."""


class PartedFrame(Protocol):
    """A frame that gives regions of its image without making all of it, as a clip's frames do."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""

    @property
    def gray(self) -> NDArray[np.uint8]:
        """The frame in gray, which tells frames of clips from others that happen to have parts."""

    def part(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """A half-open region inside the frame, as RGB."""


class View:
    """One frame as a model sees it; each region is encoded once, for all ears that look at it.

    Args:
        frame: the frame.
        engine: the model.
        settings: how crops follow ears; ``None`` to look at the whole frame as stock SAM 2 does.
    """

    def __init__(self, frame: FrameLike, engine: Engine, settings: RoiSettings | None) -> None:
        self.index = frame.index
        self._parted = _is_parted(frame)
        if _is_parted(frame):
            self._part: Part = frame.part
            self.width, self.height = frame.size
        else:
            image = frame.image  # once: who knows how it is made
            self._part = lambda x0, y0, x1, y1: image[y0:y1, x0:x1]
            self.height, self.width = image.shape[:2]
        self._engine, self._settings = engine, settings
        self._encoded: dict[Roi, Features] = {}
        self._glimpses: dict[Roi, Vector] = {}

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The whole frame as ``(H, W, 3)`` RGB; a frame that waits to be written keeps none."""
        return self._part(0, 0, self.width, self.height)

    def shown_to(self, scout: Scout, box: Box) -> NDArray[np.uint8]:
        """The frame as a scout needs it to describe an ear: as far as it looks, if it says so."""
        if not self._parted or not isinstance(scout, NearScout):
            return self.image
        x0, y0, x1, y1 = scout.reach(box)
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(self.width, x1), min(self.height, y1)
        # In its place in a picture of the frame's size, for the scout's arithmetic is then the same
        # to the bit. Memory that nobody touches costs nothing.
        image = np.empty((self.height, self.width, 3), np.uint8)
        if x0 < x1 and y0 < y1:
            image[y0:y1, x0:x1] = self._part(x0, y0, x1, y1)
        return image

    def features(self, region: Roi) -> Features:
        """Encode a region."""
        if region not in self._encoded:
            size = self._engine.size
            if self._settings is None:
                cut = whole_frame(self.image, size)
            else:
                cut = region.cut_from(self._part, self.width, self.height, size)
            self._encoded[region] = self._engine.encode(cut)
            self._glimpses[region] = glimpse(cut)
        return self._encoded[region]

    def glimpse(self, region: Roi) -> Vector:
        """An encoded region as :func:`~earvid.tracker.looks.glimpse` keeps it."""
        return self._glimpses[region]

    def find(self, given: FramePrompt) -> tuple[Prediction, Roi]:
        """Predict from a prompt; where clicks do not tell the ear's size, zoom in on it."""
        if self._settings is None:
            region = Roi.whole(self.width, self.height)
            return self._prompted(given, region), region
        box = prompt_box(given)
        if box is not None:
            region = self.start(box).roi()
            return self._prompted(given, region), region
        return self._zoomed(given, self._settings)

    def start(self, box: Box) -> RoiState:
        """The crop around an ear whose box is known."""
        assert self._settings is not None
        return bounded(following.start(box, self._settings), self.width, self.height)

    def box_of(self, prediction: Prediction, region: Roi) -> Box | None:
        """The box of a mask, frame pixels, specks left out."""
        return self.shape_of(prediction, region)[0]

    def shape_of(self, prediction: Prediction, region: Roi) -> tuple[Box | None, float]:
        """The box of a mask, frame pixels, specks left out, and how whole it is.

        See :func:`~earvid.tracker.results.tidied`.
        """
        logits, (rows, cols) = region.paste(prediction.logits, self.width, self.height)
        if logits.size == 0:
            return None, 1.0
        mask, whole = tidied(logits > 0)
        box, (x, y) = mask_box(mask), (cols.start, rows.start)
        return None if box is None else (box[0] + x, box[1] + y, box[2] + x, box[3] + y), whole

    def _zoomed(self, given: FramePrompt, settings: RoiSettings) -> tuple[Prediction, Roi]:
        points, labels = ear_points(given)
        ear = points[labels == 1].mean(axis=0)
        center, side = (float(ear[0]), float(ear[1])), 0.5 * min(self.width, self.height)
        for _ in range(ZOOM_STEPS):
            region = Roi.square(center, max(side, settings.min_side))
            prediction = self._prompted(given, region)
            found = self.box_of(prediction, region) if prediction.presence > 0 else None
            if found is None:
                side = side / 2
                continue
            state = self.start(found)
            center, side = state.center, state.side
        return prediction, region

    def _prompted(self, given: FramePrompt, region: Roi) -> Prediction:
        mask = None if given.mask is None else _cut_mask(given.mask, region)
        points, labels = to_model_points(given, region, self._engine.size)
        return self._engine.prompt(self.index, self.features(region), region, points, labels, mask)


def _is_parted(frame: object) -> TypeGuard[PartedFrame]:
    """Whether a frame gives parts; asked of its class, for properties may be costly."""
    return all(hasattr(type(frame), name) for name in ("size", "gray", "part"))


def bounded(state: RoiState, width: int, height: int) -> RoiState:
    """Keep a crop from growing beyond what there is to see."""
    widest = float(max(width, height))
    return replace(state, side=min(state.side, widest), ear_side=min(state.ear_side, widest))


def whole_frame(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale a whole frame as stock SAM 2 does (Pillow's bicubic), for parity with it."""
    return np.array(Image.fromarray(image).resize((size, size)), np.uint8)


def _cut_mask(mask: NDArray[np.bool_], roi: Roi) -> NDArray[np.bool_]:
    height, width = mask.shape
    if (roi.x0, roi.y0, roi.width, roi.height) == (0, 0, width, height):
        return mask
    shift = np.array([[1, 0, -roi.x0], [0, 1, -roi.y0]], np.float32)
    cut = cv2.warpAffine(
        mask.astype(np.uint8), shift, (roi.width, roi.height), flags=cv2.INTER_NEAREST
    )
    return np.asarray(cut, np.uint8) > 0
