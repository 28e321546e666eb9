"""Landmarks for ears whose prompt has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from earvid.landmarks import IBUG55
from earvid.landmarks.guess import LandmarkModel, guess_landmarks, load_landmark_model
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker.results import mask_box
from earvid.video import Clip

SURE = 0.5  # probability of a guess being right from which it is better than none


def with_guesses(clip: Clip, prompt: Prompt) -> Prompt:
    """Add a guess of the landmarks to the first keyframe of every ear that has none.

    An ear stays without where its keyframe has neither box nor mask, or where the guess is not
    sure enough.

    Args:
        clip: the frames.
        prompt: the ears, validated against the clip.

    Raises:
        ModelError: the weights of the landmark model are missing.
    """
    model: LandmarkModel | None = None
    ears = []
    for ear in prompt.objects:
        if not any(given.landmarks for given in ear.frames.values()):
            model = model or load_landmark_model()
            ear = _guessed(clip, ear, model)
        ears.append(ear)
    return Prompt(tuple(ears), prompt.source)


def _guessed(clip: Clip, ear: ObjectPrompt, model: LandmarkModel) -> ObjectPrompt:
    first = ear.first_keyframe
    given = ear.frames[first]
    box = given.box if given.mask is None else given.box or mask_box(given.mask)
    frame = clip.frame(first)
    if box is None or frame.damaged:
        return ear
    guess = guess_landmarks(frame.image, box, mask=given.mask, model=model)
    height, width = frame.image.shape[:2]
    within = (guess.points >= -0.5) & (guess.points <= (width - 0.5, height - 0.5))
    inside = np.asarray(within.all(1), bool)
    if guess.sure < SURE or not inside.any():
        return ear
    points = zip(IBUG55.names, guess.points, inside, strict=True)
    landmarks = {name: (float(x), float(y)) for name, (x, y), seen in points if seen}
    marked = FramePrompt(
        box=given.box,
        points=given.points,
        labels=np.array(given.labels),
        mask=given.mask,
        landmarks=landmarks,
    )
    return replace(ear, frames={**ear.frames, first: marked}, scheme=IBUG55.name)
