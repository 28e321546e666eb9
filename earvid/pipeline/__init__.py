"""The whole way of a frame: clip, tracker, store."""

from earvid.pipeline.report import ObjectSummary, Sureness, TrackReport
from earvid.pipeline.run import check, track
from earvid.pipeline.settings import TrackSettings

__all__ = ["ObjectSummary", "Sureness", "TrackReport", "TrackSettings", "check", "track"]
