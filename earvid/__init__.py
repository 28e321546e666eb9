"""Ear masks and landmarks on every frame of a clip, from one prompt on a keyframe.

::

    import earvid

    recording = earvid.track("clip.mp4", box=(412, 160, 498, 301), frame=30)
    recording.masks[30], recording.landmarks, recording.scores
    earvid.plot.timeline(recording)

    for frame in earvid.stream("clip.mp4"):
        print(frame.index, frame.ears["left"].box)

Importing it costs next to nothing: what a name needs is imported when the name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earvid import errors, plot
    from earvid.library import EarTrack, Recording, TrackedEar, TrackedFrame, open, stream, track

__version__ = "0.1.0"

__all__ = [
    "EarTrack",
    "Recording",
    "TrackedEar",
    "TrackedFrame",
    "__version__",
    "errors",
    "open",
    "plot",
    "stream",
    "track",
]

if not TYPE_CHECKING:  # else type checkers would take any name for one of ours

    def __getattr__(name):
        if name in ("errors", "plot"):
            return import_module(f"earvid.{name}")
        if name in __all__:
            return getattr(import_module("earvid.library"), name)
        raise AttributeError(f"module 'earvid' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
