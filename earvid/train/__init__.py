"""Training: clips synthesized from stills, losses, and a resumable loop."""

from earvid.train.calibrate import Calibration, calibrate
from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.loop import Trainer
from earvid.train.settings import TrainSettings
from earvid.train.stills import Still, StillRef, find_stills, load_still, select, split

__all__ = [
    "Calibration",
    "ClipMaker",
    "ClipSettings",
    "Still",
    "StillRef",
    "TrainSettings",
    "Trainer",
    "TrainingClip",
    "calibrate",
    "find_stills",
    "load_still",
    "select",
    "split",
]
