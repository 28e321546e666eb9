"""The whole way of a frame: clip, tracker, store."""

from earvid.pipeline.report import ObjectSummary, TrackReport
from earvid.pipeline.run import check, track
from earvid.pipeline.settings import TrackSettings

__all__ = ["ObjectSummary", "TrackReport", "TrackSettings", "check", "track"]
