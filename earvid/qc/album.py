"""The pictures of a page: small JPEG files within it, of bounded size and number."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError
from earvid.qc.thumbnails import gray_frame, thumbnail
from earvid.render import Style, marks_at, render_frame
from earvid.store import Store
from earvid.video import Clip, Frame

Image = NDArray[np.uint8]

SHEET_SIDE, SHEET_BYTES = 320, 14_000  # longest side in pixels, bytes before base64
EAR_SIDE, EAR_BYTES = 200, 10_000
FRAME_SIDE, FRAME_BYTES = 720, 34_000
QUALITIES = (82, 70, 55, 40, 25)  # of JPEG; the first that fits
DOUBLED = 2.0  # lines on the sheet, whose frames are small


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Args:
        uri: ``data:`` with the JPEG file.
        width: in pixels.
        height: in pixels.
        gray: whether it comes from the small gray copy in the store.
    """

    uri: str
    width: int
    height: int
    gray: bool


@dataclass(frozen=True)
class Wish:
    """A picture that is wanted.

    Args:
        index: of the frame.
        object_id: the ear to cut out; None is the whole frame.
        marked: whether masks are drawn over a whole frame.
    """

    index: int
    object_id: int | None = None
    marked: bool = True


class Album:
    """Makes the pictures of a page, reading each frame once and in order.

    Args:
        store: of the clip.
        clip: its frames; None shows the store's small gray ones.
    """

    def __init__(self, store: Store, clip: Clip | None) -> None:
        self._store = store
        self._clip = clip

    def make(
        self, wishes: Sequence[Wish], progress: Callable[[int, int], None] = lambda a, b: None
    ) -> dict[Wish, Picture]:
        """Make pictures.

        Args:
            wishes: which; twice is once.
            progress: called with pictures done and pictures in all.
        """
        ordered = sorted(set(wishes), key=lambda wish: wish.index)
        made: dict[Wish, Picture] = {}
        frame: Frame | None = None
        for wish in ordered:
            if frame is None or frame.index != wish.index:
                frame = self._frame(wish.index)
            made[wish] = self._picture(wish, frame)
            progress(len(made), len(ordered))
        return made

    def _frame(self, index: int) -> Frame:
        """From the clip or, where that is damaged or missing, gray from the store."""
        if self._clip is not None:
            try:
                frame = self._clip.frame(index)
            except EarvidError:
                self._clip = None
            else:
                if not frame.damaged:
                    return frame
        gray = gray_frame(self._store, index)
        return Frame(index, float(self._store.times[index]), gray, damaged=True)

    def _picture(self, wish: Wish, frame: Frame) -> Picture:
        if wish.object_id is not None:
            small = thumbnail(self._store, frame, wish.object_id, EAR_SIDE)
            return _encoded(small, EAR_BYTES, frame.damaged)
        if not wish.marked:
            return _encoded(_shrunk(frame.image, FRAME_SIDE), FRAME_BYTES, frame.damaged)
        side = max(frame.image.shape[:2])
        style = Style(
            labels=False,
            landmarks=False,
            frame_number=False,
            box=False,
            scale=float(np.clip(DOUBLED * side / SHEET_SIDE / 2, 1.0, 10.0)),
        )
        drawn = render_frame(frame.image, marks_at(self._store, wish.index), style=style)
        return _encoded(_shrunk(drawn, SHEET_SIDE), SHEET_BYTES, frame.damaged)


def _shrunk(image: Image, side: int) -> Image:
    height, width = image.shape[:2]
    factor = min(1.0, side / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(image: Image, limit: int, gray: bool) -> Picture:
    swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    data = b""
    for quality in QUALITIES:
        _, encoded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
        data = encoded.tobytes()
        if len(data) <= limit:
            break
    else:  # nothing but noise: what is left is to make it smaller
        if max(image.shape[:2]) > 64:
            return _encoded(_shrunk(image, max(image.shape[:2]) // 2), limit, gray)
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return Picture(uri, image.shape[1], image.shape[0], gray)
