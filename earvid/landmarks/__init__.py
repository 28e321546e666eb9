"""Landmarks of an ear: schemes, files, and following them from a keyframe through a clip.

The automatic first guess is in :mod:`earvid.landmarks.guess`.
"""

from earvid.landmarks.chart import Cover
from earvid.landmarks.files import write_landmarks
from earvid.landmarks.scheme import IBUG55, Scheme, mirrored, scheme_of
from earvid.landmarks.smooth import smooth_landmarks
from earvid.landmarks.state import dump_state, load_state
from earvid.landmarks.track import LandmarkResult, LandmarkTrack

__all__ = [
    "IBUG55",
    "Cover",
    "LandmarkResult",
    "LandmarkTrack",
    "Scheme",
    "dump_state",
    "load_state",
    "mirrored",
    "scheme_of",
    "smooth_landmarks",
    "write_landmarks",
]
