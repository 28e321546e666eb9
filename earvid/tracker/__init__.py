"""Tracking ears with the modules of SAM 2: image encoding, memory bank, mask decoding, crop."""

from earvid.tracker.memory import Fifo, MemoryBank, MemoryEntry, MemoryPolicy, Selection
from earvid.tracker.results import FrameResult, LabeledFrame, ObjectResult, label_frame
from earvid.tracker.roi import Roi, RoiSettings
from earvid.tracker.session import Session
from earvid.tracker.state import dump_results, dump_session, load_results, load_session

__all__ = [
    "Fifo",
    "FrameResult",
    "LabeledFrame",
    "MemoryBank",
    "MemoryEntry",
    "MemoryPolicy",
    "ObjectResult",
    "Roi",
    "RoiSettings",
    "Selection",
    "Session",
    "dump_results",
    "dump_session",
    "label_frame",
    "load_results",
    "load_session",
]
