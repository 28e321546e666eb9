"""Landmarks for ears whose prompt has none: guessed once, on an ear's first keyframe.

A guess is no part of the prompt. It is made when an ear is first tracked and kept in the store's
provenance, from where a resumed or corrected run takes it again: whatever keyframes are added, the
guess stays, and the prompt stays what a person said. Landmarks that a person adds, on that keyframe
or another, stand beside the guess, and where both are, the person's count. An ear is guessed anew
only if its first keyframe was put elsewhere; frames outside of that correction's span keep what
they had.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.landmarks import IBUG55
from earvid.landmarks.guess import LandmarkModel, guess_landmarks, load_landmark_model
from earvid.pipeline.marks import Marking
from earvid.pipeline.report import Sureness
from earvid.pipeline.sessions import Sessions
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker.results import mask_box
from earvid.video import Clip

SURE = 0.5  # probability of a guess being right from which it is better than none
TINY = 8.0  # pixels of an ear's longer side in which nobody could place a landmark
GUESSES = "guessed_landmarks"  # the key of the provenance


@dataclass(frozen=True)
class GuessedLandmarks:
    """What was guessed of one ear.

    Args:
        object_id: which ear.
        frame: its keyframe on which it was guessed.
        sure: probability that the points are right on average.
        points: ``(x, y)`` frame pixels by name; none when the guess was not sure enough.
        confidence: 0..1 by name.
    """

    object_id: int
    frame: int
    sure: float
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values; :meth:`from_json` gives exactly this back."""
        points = {name: [*point, self.confidence[name]] for name, point in self.points.items()}
        return {
            "object": self.object_id, "frame": self.frame, "sure": self.sure, "points": points
        }  # fmt: skip

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> GuessedLandmarks:
        """Read what :meth:`to_json` gave."""
        rows = {name: tuple(map(float, row)) for name, row in plain["points"].items()}
        return cls(
            int(plain["object"]),
            int(plain["frame"]),
            float(plain["sure"]),
            {name: (x, y) for name, (x, y, _) in rows.items()},
            {name: sure for name, (_, _, sure) in rows.items()},
        )


Guesses = tuple[GuessedLandmarks, ...]


def kept_guesses(
    provenance: Mapping[str, Any], changed: Mapping[int, Collection[int]] | None = None
) -> Guesses:
    """The guesses that a store was begun with, but for those whose keyframe is elsewhere now.

    Args:
        provenance: of the store.
        changed: by object id, keyframes on which a correction puts the ear elsewhere.
    """
    kept = map(GuessedLandmarks.from_json, provenance.get(GUESSES, ()))
    return tuple(one for one in kept if one.frame not in (changed or {}).get(one.object_id, ()))


def told(guesses: Guesses) -> dict[str, Any]:
    """What the provenance says of guesses; nothing where nothing was guessed."""
    return {GUESSES: [one.to_json() for one in guesses]} if guesses else {}


def sureness(prompt: Prompt, guesses: Guesses) -> dict[str, Sureness]:
    """How sure the guesses are, by the name of the ear."""
    names = {ear.id: ear.name for ear in prompt.objects}
    return {
        names[one.object_id]: Sureness(one.frame, one.sure, bool(one.points)) for one in guesses
    }


def make_guesses(
    clip: Clip,
    prompt: Prompt,
    sessions: Sessions,
    known: Sequence[GuessedLandmarks] = (),
    wanted: Collection[int] | None = None,
) -> Guesses:
    """Guess the landmarks of ears without, each on its first keyframe.

    Args:
        clip: the frames.
        prompt: the ears, validated against the clip.
        sessions: tells where an ear is whose keyframe has neither box nor mask.
        known: guesses that were made before.
        wanted: ids of the ears; all by default.

    Returns:
        Those and the new ones, in the order of the ears; one that was not sure enough has no
        points.

    Raises:
        ModelError: the weights of the landmark model are missing.
    """
    model: LandmarkModel | None = None
    guesses = {one.object_id: one for one in known}
    for ear in prompt.objects:
        out = not ear.frames or (wanted is not None and ear.id not in wanted)
        if out or ear.id in guesses or any(given.landmarks for given in ear.frames.values()):
            continue
        model = model or load_landmark_model()
        guesses[ear.id] = _guess(clip, prompt, ear, sessions, model)
    return tuple(guesses[ear.id] for ear in prompt.objects if ear.id in guesses)


def with_guesses(prompt: Prompt, guesses: Guesses) -> Marking:
    """A prompt's landmarks and guessed ones together; where both are, the prompt's count."""
    by_ear = {one.object_id: one for one in guesses if one.points}
    ears = tuple(_marked(ear, by_ear.get(ear.id)) for ear in prompt.objects)
    trust = {
        (one.object_id, one.frame): {
            name: sure
            for name, sure in one.confidence.items()
            if name not in _landmarks(prompt, one)
        }
        for one in by_ear.values()
    }
    return Marking(Prompt(ears, prompt.source), trust)


def _landmarks(prompt: Prompt, one: GuessedLandmarks) -> Collection[str]:
    """Names of the landmarks that the prompt has where a guess was made."""
    ears = (ear for ear in prompt.objects if ear.id == one.object_id and one.frame in ear.frames)
    return {name for ear in ears for name in ear.frames[one.frame].landmarks}


def _guess(
    clip: Clip, prompt: Prompt, ear: ObjectPrompt, sessions: Sessions, model: LandmarkModel
) -> GuessedLandmarks:
    first = ear.first_keyframe
    given, frame = ear.frames[first], clip.frame(first)
    mask, box = given.mask, given.box
    if mask is None and box is None:
        mask = sessions.mask(prompt, ear.id, first)
    if box is None and mask is not None:
        box = mask_box(mask)
    if box is None or frame.damaged or max(box[2] - box[0], box[3] - box[1]) < TINY:
        return GuessedLandmarks(ear.id, first, 0.0)
    guess = guess_landmarks(frame.image, box, mask=mask, model=model)
    width, height = frame.size
    within = (guess.points >= -0.5) & (guess.points <= (width - 0.5, height - 0.5))
    inside: NDArray[np.bool_] = np.asarray(within.all(1))
    if guess.sure < SURE or not inside.any():
        return GuessedLandmarks(ear.id, first, guess.sure)
    rows = [
        (name, point, sure)
        for name, point, sure, seen in zip(
            IBUG55.names, guess.points.tolist(), guess.confidence.tolist(), inside, strict=True
        )
        if seen
    ]
    return GuessedLandmarks(
        ear.id,
        first,
        guess.sure,
        {name: (x, y) for name, (x, y), _ in rows},
        {name: sure for name, _, sure in rows},
    )


def _marked(ear: ObjectPrompt, one: GuessedLandmarks | None) -> ObjectPrompt:
    """An ear with a guess in its prompt."""
    if one is None or one.frame not in ear.frames:
        return ear
    given = ear.frames[one.frame]
    marked = FramePrompt(
        box=given.box,
        points=given.points,
        labels=np.array(given.labels),
        mask=given.mask,
        landmarks={**one.points, **given.landmarks},
    )
    frames = {**ear.frames, one.frame: marked}
    names = {name for frame in frames.values() for name in frame.landmarks}
    scheme = IBUG55.name if names <= set(IBUG55.names) else ear.scheme
    return replace(ear, frames=frames, scheme=scheme)
