"""earvid in notebooks: track, stream and open, with friendly arguments and labeled results."""

from earvid.library.arrays import EarTrack
from earvid.library.frame import TrackedEar, TrackedFrame
from earvid.library.opening import open
from earvid.library.recording import Recording
from earvid.library.streaming import stream
from earvid.library.tracking import track

__all__ = ["EarTrack", "Recording", "TrackedEar", "TrackedFrame", "open", "stream", "track"]
