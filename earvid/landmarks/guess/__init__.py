"""The automatic first guess: 55 landmarks of an ear from one image and a box around it."""

from earvid.landmarks.guess.files import (
    LANDMARK_FILE,
    guess_landmarks,
    landmark_digest,
    load_landmark_model,
)
from earvid.landmarks.guess.model import Guess, LandmarkModel

__all__ = [
    "LANDMARK_FILE",
    "Guess",
    "LandmarkModel",
    "guess_landmarks",
    "landmark_digest",
    "load_landmark_model",
]
