"""Training: clips synthesized from stills, losses, and a resumable loop."""

from earvid.train.clips import ClipMaker, ClipSettings, TrainingClip
from earvid.train.loop import Trainer, TrainSettings
from earvid.train.stills import Still, StillRef, find_stills, load_still, split

__all__ = [
    "ClipMaker",
    "ClipSettings",
    "Still",
    "StillRef",
    "TrainSettings",
    "Trainer",
    "TrainingClip",
    "find_stills",
    "load_still",
    "split",
]
