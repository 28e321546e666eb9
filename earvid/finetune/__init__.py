"""Fine-tuning on ears of one's own: photos with masks, COCO files, and corrected clips."""

from earvid.finetune.checkpoint import Progress
from earvid.finetune.gather import Sources, Split, kind_of, split_data
from earvid.finetune.loop import Finetuner, finetune
from earvid.finetune.report import FinetuneReport
from earvid.finetune.settings import PRECISIONS, RECIPES, FinetuneSettings
from earvid.finetune.start import Start, load_start
from earvid.train.subjects import subject_of

__all__ = [
    "PRECISIONS",
    "RECIPES",
    "FinetuneReport",
    "FinetuneSettings",
    "Finetuner",
    "Progress",
    "Sources",
    "Split",
    "Start",
    "finetune",
    "kind_of",
    "load_start",
    "split_data",
    "subject_of",
]
