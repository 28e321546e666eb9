"""The whole way of a frame: clip, tracker, store."""

from earvid.pipeline.report import ObjectSummary, TrackReport
from earvid.pipeline.run import TrackSettings, track

__all__ = ["ObjectSummary", "TrackReport", "TrackSettings", "track"]
