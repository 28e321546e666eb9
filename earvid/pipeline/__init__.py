"""The whole way of a frame: clip, tracker, store."""

from earvid.pipeline.report import ObjectSummary, TrackReport
from earvid.pipeline.run import TrackSettings, check, track

__all__ = ["ObjectSummary", "TrackReport", "TrackSettings", "check", "track"]
