"""Reading clips frame by frame, exactly, and writing videos."""

from earvid.video.clip import Clip
from earvid.video.frame import ClipInfo, Frame
from earvid.video.opening import ReaderName
from earvid.video.write import VideoWriter

__all__ = ["Clip", "ClipInfo", "Frame", "ReaderName", "VideoWriter"]
