"""What a user says about the ears of a clip: boxes, points, masks and landmarks on keyframes."""

from earvid.prompt._absent import parse_range
from earvid.prompt._beside import path_beside, prompt_beside
from earvid.prompt._landmark_files import Landmarks, read_landmarks
from earvid.prompt._masks import read_mask
from earvid.prompt._options import parse_box, parse_point, prompt_from_options
from earvid.prompt._prompt import Prompt
from earvid.prompt._types import IBUG55, IBUG55_NAMES, FramePrompt, ObjectPrompt

__all__ = [
    "IBUG55",
    "IBUG55_NAMES",
    "FramePrompt",
    "Landmarks",
    "ObjectPrompt",
    "Prompt",
    "parse_box",
    "parse_point",
    "parse_range",
    "path_beside",
    "prompt_beside",
    "prompt_from_options",
    "read_landmarks",
    "read_mask",
]
