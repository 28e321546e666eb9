"""A second look at a keyframe, by the models that are to track and to place landmarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from earvid.detect.candidates import Candidate
from earvid.detect.detector import overlaps
from earvid.landmarks.guess import LandmarkModel, load_landmark_model
from earvid.models import LoadedModel
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.recognize import EarRecognizer, load_recognizer
from earvid.tracker import RoiSettings, Session, label_frame
from earvid.tracker.results import mask_box
from earvid.video import Clip

_SCORE = 0.5  # predicted IoU below which the tracking model does not trust its own mask
_AGREEMENT = 0.4  # IoU of the mask's box with the prompted one below which it means another thing

# Logistic regression over the ears and other things that the detector found on real photos and
# clips; checkpoints/EAR_DETECTOR_CARD.md says on which, and how well calibrated it is.
_BIAS, _DETECTED, _SCORED, _AGREED, _PLACED = -0.72, 1.16, 1.3, 0.99, 0.23
_TINY = 8.0  # pixels of a mask's longer side in which nobody could place a landmark
_EDGE = 0.02  # probabilities are kept so far from 0 and 1 before their log odds are taken


@dataclass(frozen=True)
class Check:
    """What the models made of a keyframe.

    Args:
        score: predicted IoU of the mask; 0 where the tracking model sees nothing.
        agreement: IoU of the mask's box with the prompted one.
        landmarks: probability that the landmark model places its points right, which it does on
            ears alone.
        description: ``(D,)`` what it looks like, by the recognizer; None if nobody asked.
        same: cosine of two descriptions from which they are of one ear.
    """

    score: float
    agreement: float
    landmarks: float
    description: NDArray[np.float32] | None = field(default=None, compare=False)
    same: float = field(default=1.0, compare=False)

    @property
    def is_seen(self) -> bool:
        """Whether the tracking model sees an ear, too, and the mask fills the box."""
        return self.score >= _SCORE and self.agreement >= _AGREEMENT

    def is_like(self, other: Check) -> bool:
        """Whether both are of the same ear, as far as the recognizer can tell."""
        if self.description is None or other.description is None:
            return False
        return float(np.dot(self.description, other.description)) >= self.same

    def confidence(self, detected: float) -> float:
        """Probability that an ear is there, all told.

        Args:
            detected: confidence of the detector over the clip.
        """
        odds = (
            _BIAS
            + _DETECTED * _logit(detected)
            + _SCORED * self.score
            + _AGREED * self.agreement
            + _PLACED * _logit(self.landmarks)
        )
        return float(1 / (1 + np.exp(-odds)))


def _logit(p: float) -> float:
    p = float(np.clip(p, _EDGE, 1 - _EDGE))
    return float(np.log(p / (1 - p)))


class TrackerVerifier:
    """Prompts a tracking model with a candidate's box, and looks for landmarks in its mask.

    Landmark model and recognizer are those that ship, loaded when they are needed.

    Args:
        model: the model that is to track.
        roi: as it will track: with a crop, or ``None`` for whole frames.
    """

    def __init__(
        self,
        model: LoadedModel,
        roi: RoiSettings | None = RoiSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._model, self._roi = model, roi

    @cached_property
    def _landmarks(self) -> LandmarkModel:
        return load_landmark_model(device=self._model.device)

    @cached_property
    def _recognizer(self) -> EarRecognizer:
        return load_recognizer(device=self._model.device)

    def __call__(self, clip: Clip, candidate: Candidate) -> Check:
        """What the models make of a candidate."""
        frame = clip.frame(candidate.frame)
        width, height = frame.size
        frames = {candidate.frame: FramePrompt(box=candidate.box)}
        prompt = Prompt((ObjectPrompt(id=1, name=candidate.name, frames=frames),))
        session = Session(self._model.model, prompt, width, height, len(clip), roi=self._roi)
        result = session.step(frame).objects[1]
        if not result.present:
            return Check(0.0, 0.0, 0.0)
        mask = np.asarray(label_frame([result], width, height).labels > 0)
        found = mask_box(mask)
        if found is None:
            return Check(0.0, 0.0, 0.0)
        agreement = float(overlaps([found], [candidate.box])[0, 0])
        if max(found[2] - found[0], found[3] - found[1]) < _TINY:
            return Check(float(result.score), agreement, 0.0)
        guess = self._landmarks.guess(frame.image, found, mask=mask)
        return Check(
            float(result.score),
            agreement,
            float(guess.sure),
            self._recognizer.describe(frame.image, found),
            self._recognizer.same,
        )
