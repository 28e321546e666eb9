"""Videos: the clip with an overlay, the masks alone, or a crop that follows the ears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.errors import UsageError
from earvid.export.camera import Camera
from earvid.export.formats import Job
from earvid.export.view import Item, View
from earvid.render import EarMarks, FrameMarks, render_frame
from earvid.render._video import check_same_clip
from earvid.video import Clip, Frame, VideoWriter

MATTE_CRF = 8  # edges of a mask are sharper than those of pictures


def write(view: View, path: Path, job: Job) -> None:
    """Write an `.mp4` with the selected frames, each at its own time from the first of them."""
    if job.picture == "matte":
        _write_matte(view, path, job)
        return
    if job.clip is None:
        raise UsageError("The video shows the clip itself; give the clip.")
    check_same_clip(view.store, job.clip)
    if job.picture == "crop":
        _write_crop(view, job.clip, path, job)
    else:
        _write_overlay(view, job.clip, path, job)


def _write_matte(view: View, path: Path, job: Job) -> None:
    store = view.store
    with VideoWriter(path, store.width, store.height, store.fps, crf=MATTE_CRF) as writer:
        for done, item in enumerate(view.items(), 1):
            white = np.where(item.mask > 0, 255, 0).astype(np.uint8)
            writer.write(np.repeat(white[:, :, None], 3, axis=2), time=_moment(view, item))
            job.step(done, len(view))


def _write_overlay(view: View, clip: Clip, path: Path, job: Job) -> None:
    info = clip.info
    with VideoWriter(path, info.width, info.height, info.fps) as writer:
        pairs = zip(_frames(view, clip), view.items(), strict=True)
        for done, (frame, item) in enumerate(pairs, 1):
            drawn = render_frame(
                frame.image,
                _marks(view, item),
                index=frame.index,
                time=frame.time,
                damaged=frame.damaged,
            )
            writer.write(drawn, time=_moment(view, item))
            job.step(done, len(view))


def _write_crop(view: View, clip: Clip, path: Path, job: Job) -> None:
    """Each ear in the middle of a square of its own, side by side."""
    cameras = [
        Camera.following(boxes)
        for boxes in np.moveaxis(np.stack([item.box for item in view.items(masks=False)]), 1, 0)
        if np.isfinite(boxes).all(axis=1).any()
    ]
    width, height = sum(c.side for c in cameras), max(c.side for c in cameras)
    with VideoWriter(path, width, height, clip.info.fps) as writer:
        for at, frame in enumerate(_frames(view, clip)):
            squares = [_padded(camera.shoot(frame.image, at), height) for camera in cameras]
            moment = float(view.store.times[frame.index] - view.store.times[view.frames[0]])
            writer.write(np.hstack(squares), time=moment)
            job.step(at + 1, len(view))


def _padded(square: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    below = height - len(square)
    return np.asarray(cv2.copyMakeBorder(square, 0, below, 0, 0, cv2.BORDER_CONSTANT), np.uint8)


def _frames(view: View, clip: Clip) -> Iterator[Frame]:
    wanted = set(view.frames.tolist())
    frames = clip.frames(int(view.frames[0]), int(view.frames[-1]) + 1)
    return (frame for frame in frames if frame.index in wanted)


def _moment(view: View, item: Item) -> float:
    return item.time - float(view.store.times[view.frames[0]])


def _marks(view: View, item: Item) -> FrameMarks:
    ears = tuple(_ear_marks(view, item, place) for place in range(len(view.ears)))
    return FrameMarks(item.mask, ears, "corrected" if item.status == 2 else "done")


def _ear_marks(view: View, item: Item, place: int) -> EarMarks:
    ear, box = view.ears[place], item.box[place]
    x0, y0, x1, y1 = (float(value) for value in box)
    return EarMarks(
        id=ear.id,
        name=ear.name,
        present=bool(item.shown[place]),
        corrected=bool(item.corrected[place]),
        score=float(item.score[place]),
        box=(x0, y0, x1, y1) if np.isfinite(box).all() else None,
        landmarks=item.position[place].astype(np.float64),
        visible=item.visible[place],
        confidence=item.confidence[place].astype(np.float64),
    )
