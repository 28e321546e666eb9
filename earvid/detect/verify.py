"""A second look at a keyframe, by the model that is to track."""

from __future__ import annotations

import numpy as np

from earvid.detect.candidates import Candidate
from earvid.detect.detector import overlaps
from earvid.models import LoadedModel
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import RoiSettings, Session, label_frame
from earvid.tracker.results import mask_box
from earvid.video import Clip

_SCORE = 0.5  # predicted IoU
_AGREEMENT = 0.4  # IoU of the mask's box with the prompted one


class TrackerVerifier:
    """Prompts a tracking model with a candidate's box and looks at what it makes of it.

    Believable means: the model sees something, trusts its mask, and the mask fills the box.

    Args:
        model: the model that is to track.
        roi: as it will track: with a crop, or ``None`` for whole frames.
    """

    def __init__(self, model: LoadedModel, roi: RoiSettings | None = RoiSettings()) -> None:  # noqa: B008
        self._model, self._roi = model, roi

    def __call__(self, clip: Clip, candidate: Candidate) -> bool:
        """Whether the candidate is believable."""
        frame = clip.frame(candidate.frame)
        height, width = frame.image.shape[:2]
        frames = {candidate.frame: FramePrompt(box=candidate.box)}
        prompt = Prompt((ObjectPrompt(id=1, name=candidate.name, frames=frames),))
        session = Session(self._model.model, prompt, width, height, len(clip), roi=self._roi)
        result = session.step(frame).objects[1]
        if not result.present or result.score < _SCORE:
            return False
        found = mask_box(np.asarray(label_frame([result], width, height).labels > 0))
        return found is not None and bool(overlaps([found], [candidate.box])[0, 0] >= _AGREEMENT)
