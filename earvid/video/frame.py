"""What a clip hands out: single frames, and the facts about the whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a clip.

    Args:
        index: Position in the clip, from 0, in presentation order.
        time: Seconds from the first frame's presentation time.
        image: (H, W, 3) uint8 RGB, upright (rotation metadata applied).
        damaged: The frame could not be decoded faithfully; the image is then all zeros.
    """

    index: int
    time: float
    image: Image
    damaged: bool = False

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        state = ", damaged" if self.damaged else ""
        return f"Frame({self.index}, {self.time:.3f} s, {width}x{height}{state})"


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a clip.

    Args:
        path: The video file or image folder.
        kind: "video" or "images".
        width: Pixels across, after rotation.
        height: Pixels down, after rotation.
        frame_count: Number of frames that `Clip.frames` yields.
        fps: Mean frames per second (assumed for images, see `warnings`).
        duration: Seconds from the first frame's start to the last frame's end.
        codec: Name of the codec, such as "h264".
        pixel_format: Format as stored, such as "yuv420p".
        rotation: Degrees clockwise by which stored pictures are turned: 0, 90, 180 or 270.
        reader: Which library decodes: "decord", "pyav" or "images".
        reader_reason: Why that one, in a phrase.
        variable_frame_rate: Frames are not evenly spaced in time.
        warnings: What a careful user would want to know, a sentence each.
    """

    path: Path
    kind: Literal["video", "images"]
    width: int
    height: int
    frame_count: int
    fps: float
    duration: float
    codec: str
    pixel_format: str
    rotation: int
    reader: Literal["decord", "pyav", "images"]
    reader_reason: str
    variable_frame_rate: bool
    warnings: tuple[str, ...]
