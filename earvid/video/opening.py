"""Opening a clip: choosing who reads it, and gathering the facts about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from earvid.errors import VideoError
from earvid.video.decord_source import DecordSource, refusal
from earvid.video.frame import BT601, ClipInfo, Image, Luma, Pixels
from earvid.video.image_source import FPS, Images, ImageSource, list_images
from earvid.video.index import FrameIndex
from earvid.video.probe import Probe, probe
from earvid.video.pyav_source import PyAVSource

ReaderName = Literal["auto", "decord", "pyav"]
UNEVEN = 0.1  # of the median gap; smaller differences between gaps are rounding or jitter


class Source(Protocol):
    """Where frames come from: images, or what gives them; None stands for a damaged frame."""

    def forward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield the frames start, start + 1, ... stop - 1."""

    def backward(self, start: int, stop: int) -> Iterator[Image | Pixels | None]:
        """Yield the frames stop - 1, stop - 2, ... start."""


@dataclass(frozen=True, eq=False)
class Opened:
    """All that is known about a clip once it is open.

    Args:
        info: Facts for the user.
        times: (N,) float64 seconds from the first frame.
        source: Reads the images.
        files: What the clip's digest is made of.
        frame_bytes: What a frame holds that waits to be used.
        luma: Weights of red, green and blue in gray, whoever reads the clip.
    """

    info: ClipInfo
    times: NDArray[np.float64]
    source: Source
    files: tuple[Path, ...]
    frame_bytes: int
    luma: Luma = BT601


def open_video(path: Path, reader: ReaderName) -> Opened:
    """Open a video file.

    Raises:
        VideoError: It cannot be read faithfully, or not by the reader asked for.
    """
    probed = probe(path)
    source, name, reason = _choose(path, probed, reader)
    index, look = probed.index, probed.look
    width, height = look.upright_size
    fps = _frames_per_second(index)
    info = ClipInfo(
        path=path,
        kind="video",
        width=width,
        height=height,
        frame_count=len(index),
        fps=fps,
        duration=float(index.seconds[-1]) + 1 / fps,
        codec=index.packets.codec,
        pixel_format=look.pixel_format,
        rotation=look.orientation.degrees,
        reader=name,
        reader_reason=reason,
        variable_frame_rate=_uneven(index),
        warnings=probed.warnings,
    )
    held = look.bytes_per_frame if name == "pyav" else 3 * width * height
    return Opened(info, index.seconds, source, (path,), held, look.luma)


def open_images(path: Path) -> Opened:
    """Open a folder of images, or a single image.

    Raises:
        VideoError: There is no image, one cannot be read, sizes differ, or the folder is one of
            videos.
    """
    images = list_images(path)
    count = len(images.files)
    info = ClipInfo(
        path=path,
        kind="images",
        width=images.width,
        height=images.height,
        frame_count=count,
        fps=FPS,
        duration=count / FPS,
        codec="+".join(sorted({file.suffix.lower()[1:] for file in images.files})),
        pixel_format=images.mode,
        rotation=0,
        reader="images",
        reader_reason="not a video file",
        variable_frame_rate=False,
        warnings=_warnings_of(images),
    )
    held = 3 * images.width * images.height
    return Opened(info, np.arange(count) / FPS, ImageSource(images), images.files, held)


def _warnings_of(images: Images) -> tuple[str, ...]:
    return (
        f"Images have no times: {FPS:g} frames per second are assumed.",
        *(
            f"The images are the clip, and the video {file.name} among them is left out; to use "
            "that instead, name it rather than its folder."
            for file in images.left_out
        ),
    )


def _choose(
    path: Path, probed: Probe, reader: ReaderName
) -> tuple[Source, Literal["decord", "pyav"], str]:
    # An index proves where decord would shift or repeat frames, but not that no picture is damaged
    # inside: decord returns such pictures without a word, where PyAV reports most of them. As PyAV
    # was also the faster of the two in every measurement, decord reads only on request.
    if reader != "decord":
        return (
            PyAVSource(path, probed),
            "pyav",
            "asked for" if reader == "pyav" else "reports damage",
        )
    against = refusal(path, probed)
    if against is not None:
        raise VideoError(
            f"{path} cannot be read faithfully by decord ({against}); use the reader auto or pyav."
        )
    return DecordSource(path, probed), "decord", "asked for, and its timestamps match the index"


def _frames_per_second(index: FrameIndex) -> float:
    declared = float(index.packets.rate or 0)
    if len(index) == 1:
        return declared or FPS
    measured = float((len(index) - 1) / index.seconds[-1])
    # The declared rate is exact (30000/1001) where the times are rounded, but it can be a guess.
    return declared if abs(declared / measured - 1) < 1e-3 else measured


def _uneven(index: FrameIndex) -> bool:
    if len(index) < 3:
        return False
    gaps = np.diff(index.seconds)
    median = float(np.median(gaps))
    tick = float(index.packets.time_base)
    return bool(np.abs(gaps - median).max() > max(1.5 * tick, UNEVEN * median))
