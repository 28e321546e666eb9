"""A moving picture of a drawn ear, with the truth about every frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earvid.errors import UsageError
from earvid.sample.camera import developed, exposed, over
from earvid.sample.hand import Hand, draw_hand
from earvid.sample.motion import Motion, Span, View, project
from earvid.sample.params import EarParams
from earvid.sample.planes import Picture, Plane
from earvid.sample.raster import Mask, inside_any, visible_mask
from earvid.sample.render import Layers, render_ear

_FINENESS = 1.15  # drawn pixels per mean frame pixel
_NOISE = 1.2  # gray values
_EDGE = 0.5  # a frame ends half a pixel beyond the centers of its outermost pixels


@dataclass(frozen=True, eq=False)
class SampleFrame:
    """A frame and the truth about it.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool: at least half of the pixel shows the ear.
        landmarks: (55, 2) float32 `(x, y)` in pixels, integer = pixel center, iBUG-55 order;
            known even where they are covered or out of the frame.
        visible: (55,) bool: within the frame and not covered.
    """

    image: Picture
    mask: Mask
    landmarks: npt.NDArray[np.float32]
    visible: Mask


def make_clip(
    params: EarParams,
    frames: int = 90,
    width: int = 640,
    height: int = 480,
    fps: float = 30.0,
    seed: int = 0,
    *,
    ear_height: float = 0.45,
    occlude: Span | None = None,
    leave: Span | None = None,
) -> Iterator[SampleFrame]:
    """Film a drawn ear.

    The head moves as a plane, so that mask and landmarks are exact: the mask is the ear's contour
    mapped into the frame, and the landmarks are mapped likewise, both at the middle of the
    exposure. Single hairs in front of the ear are too thin to count.

    Args:
        params: Which ear.
        frames: Length of the clip.
        width: Pixels across.
        height: Pixels down.
        fps: Frames per second; the motion takes the same time at any rate.
        seed: Decides the motion and the noise.
        ear_height: Mean height of the ear, as a share of the frame's height.
        occlude: Frames [start, stop) in which a hand covers the whole ear; it comes and goes in
            the third of a second before and after.
        leave: Frames [start, stop) in which the ear is out of the frame, likewise.

    Raises:
        UsageError: A span does not lie within the clip.
    """
    for name, span in (("occlude", occlude), ("leave", leave)):
        if span is not None and not 0 <= span[0] < span[1] <= frames:
            raise UsageError(
                f"{name}={span} does not fit a clip of {frames} frames; give (start, stop) with "
                "0 <= start < stop <= frames."
            )
    view = View(width, height, fps, frames, ear_height * height)
    return _film(params, view, seed, occlude, leave)


def _film(
    params: EarParams, view: View, seed: int, occlude: Span | None, leave: Span | None
) -> Iterator[SampleFrame]:
    layers = render_ear(params, view.ear * _FINENESS)
    hand = None if occlude is None else draw_hand(params, view.ear * _FINENESS)
    motion = Motion(view, layers.outline, params, seed, leave, occlude)
    for index in range(view.frames):
        light = _picture(layers, hand, motion, motion.exposure(index))
        noise = np.random.default_rng([seed, 3, index])
        image = developed(light, motion.brightness(index), _NOISE, noise)
        yield SampleFrame(image, *_truth(layers, hand, motion, index))


def _picture(layers: Layers, hand: Hand | None, motion: Motion, moments: list[float]) -> Plane:
    """(H, W, 3) light on the sensor: room, head and hand from back to front."""
    size = motion.view.width, motion.view.height
    rows, columns = layers.room.shape[:2]
    room = [motion.room(at, columns, rows) for at in moments[:1]]
    from_pixels = np.linalg.inv(layers.to_pixels)
    head = [motion.head(at) @ from_pixels for at in moments]
    light = over(exposed(layers.person, head, *size), exposed(layers.room, room, *size))
    if hand is None:
        return light
    from_pixels = np.linalg.inv(hand.to_pixels)
    return over(
        exposed(hand.picture, [motion.hand(at) @ from_pixels for at in moments], *size), light
    )


def _truth(
    layers: Layers, hand: Hand | None, motion: Motion, index: int
) -> tuple[Mask, npt.NDArray[np.float32], Mask]:
    """Mask, landmarks and their visibility."""
    width, height = motion.view.width, motion.view.height
    head = motion.head(index)
    covers = [project(motion.hand(index), contour) for contour in hand.contours] if hand else []
    mask = visible_mask(project(head, layers.outline), covers, width, height)
    landmarks = project(head, layers.landmarks)
    within = ((landmarks >= -_EDGE) & (landmarks < (width - _EDGE, height - _EDGE))).all(axis=1)
    visible = within & ~inside_any(covers, landmarks)
    return mask, landmarks.astype(np.float32), visible
