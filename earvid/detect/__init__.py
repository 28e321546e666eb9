"""Finding ears without a prompt: in images, and over a whole clip."""

from earvid.detect.candidates import Candidate, FoundEar, find_ears
from earvid.detect.choose import (
    SURE,
    FoundPrompt,
    Judgment,
    Wanted,
    choose_prompt,
    command_for,
    find_prompt,
    judge_ears,
    prompt_of,
    refusal,
)
from earvid.detect.detector import Detection, EarDetector, load_detector
from earvid.detect.evaluate import DetectionScores, score_detector
from earvid.detect.network import DetectorConfig, EarNetwork
from earvid.detect.recall import recall_prompt
from earvid.detect.scout import EarScout, load_scout, scout_digests
from earvid.detect.sheet import candidate_sheet
from earvid.detect.verify import TrackerVerifier

__all__ = [
    "SURE",
    "Candidate",
    "Detection",
    "DetectionScores",
    "DetectorConfig",
    "EarDetector",
    "EarNetwork",
    "EarScout",
    "FoundEar",
    "FoundPrompt",
    "Judgment",
    "TrackerVerifier",
    "Wanted",
    "candidate_sheet",
    "choose_prompt",
    "command_for",
    "find_ears",
    "find_prompt",
    "judge_ears",
    "load_detector",
    "load_scout",
    "prompt_of",
    "recall_prompt",
    "refusal",
    "score_detector",
    "scout_digests",
]
