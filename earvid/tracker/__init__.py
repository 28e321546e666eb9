"""Tracking ears with the modules of SAM 2: image encoding, memory bank, mask decoding, crop."""

from earvid.tracker.candidates import Candidates, Choice
from earvid.tracker.memory import MemoryBank, MemoryEntry, Selection
from earvid.tracker.object_track import ObjectTrack
from earvid.tracker.policies import (
    POLICIES,
    Distractor,
    Fifo,
    Gated,
    MemoryPolicy,
    Moment,
    Motion,
    SelfSorting,
    policy,
)
from earvid.tracker.reentry import Scout
from earvid.tracker.results import FrameResult, LabeledFrame, ObjectResult, label_frame
from earvid.tracker.roi import Roi, RoiSettings
from earvid.tracker.session import Session
from earvid.tracker.state import dump_results, dump_session, load_results, load_session

__all__ = [
    "POLICIES",
    "Candidates",
    "Choice",
    "Distractor",
    "Fifo",
    "FrameResult",
    "Gated",
    "LabeledFrame",
    "MemoryBank",
    "MemoryEntry",
    "MemoryPolicy",
    "Moment",
    "Motion",
    "ObjectResult",
    "ObjectTrack",
    "Roi",
    "RoiSettings",
    "Scout",
    "Selection",
    "SelfSorting",
    "Session",
    "dump_results",
    "dump_session",
    "label_frame",
    "load_results",
    "load_session",
    "policy",
]
