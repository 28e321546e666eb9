"""Sessions that know all keyframes before the first frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from earvid.detect import load_scout
from earvid.models import LoadedModel
from earvid.pipeline.alternatives import has_alternatives
from earvid.pipeline.settings import TrackSettings
from earvid.prompt import Prompt
from earvid.tracker import ObjectTrack, RoiSettings, Session, label_frame
from earvid.tracker.looks import Looks
from earvid.video import Clip, Frame


class Sessions:
    """Makes the sessions of one clip.

    Args:
        loaded: the model.
        clip: the frames.
        settings: how to track.
        beside: how many things sessions may compute side by side.
    """

    def __init__(
        self, loaded: LoadedModel, clip: Clip, settings: TrackSettings, *, beside: int = 1
    ) -> None:
        self._beside = beside
        self._loaded, self._clip, self._settings = loaded, clip, settings
        self._scout = (
            load_scout(device=loaded.device, dtype=loaded.numbers, quantize=loaded.quantize)
            if settings.scouts
            else None
        )
        self._alternatives = has_alternatives(loaded.weights)
        self._known: dict[int, ObjectTrack] = {}  # what keyframes teach, by object id

    def blank(self, prompt: Prompt, direction: int = 1, rivals: tuple[Looks, ...] = ()) -> Session:
        """A session that has seen nothing yet."""
        info, settings = self._clip.info, self._settings
        return Session(
            self._loaded.model,
            prompt,
            info.width,
            info.height,
            info.frame_count,
            roi=RoiSettings() if settings.roi == "follow" else None,
            policy=settings.make_policy,
            alternatives=self._alternatives,
            scout=self._scout,
            rivals=rivals,
            direction=direction,
            beside=self._beside,
        )

    def prepared(self, prompt: Prompt) -> Session:
        """A session that knows all keyframes, so that the frames before them profit too.

        Raises:
            PromptError: a keyframe cannot be decoded.
        """
        session = self.blank(prompt)
        for index in sorted({t for ear in prompt.objects for t in ear.frames}):
            session.prepare(self._keyframe(session, index))
        return session

    def starting_at(
        self, prompt: Prompt, object_id: int, keyframe: int | None, direction: int
    ) -> Session:
        """A session of one ear that knows its keyframes, and begins at any one of them.

        Args:
            prompt: all ears; the same for every call.
            object_id: which ear.
            keyframe: one of its keyframes; None for a session in which it is absent throughout.
            direction: 1: the keyframe is the first to be given to ``step``; -1: it was already,
                and the frame before it is the first.

        Raises:
            PromptError: a keyframe cannot be decoded.
        """
        if keyframe is None:
            return self.blank(self.begun_at(prompt, object_id, None))
        known = self._keyframes(prompt, object_id)
        session = self.blank(
            self.begun_at(prompt, object_id, keyframe), rivals=self.rivals(prompt, object_id)
        )
        session.tracks[object_id].bank.keyframes = dict(known.bank.keyframes)
        session.tracks[object_id].looks = known.looks.fresh()
        if direction > 0:
            return session
        session.step(self._keyframe(session, keyframe))
        return session.backward()

    def rivals(self, prompt: Prompt, object_id: int) -> tuple[Looks, ...]:
        """How the other ears look."""
        if not self._settings.scouts:
            return ()
        others = (o.id for o in prompt.objects if o.id != object_id)
        return tuple(self._keyframes(prompt, other).looks.fresh() for other in others)

    def _keyframes(self, prompt: Prompt, object_id: int) -> ObjectTrack:
        """What the keyframes of an ear teach; looked at once, however many stretches there are."""
        if object_id not in self._known:
            self._known[object_id] = self.prepared(_ear(prompt, object_id)).tracks[object_id]
        return self._known[object_id]

    def mask(self, prompt: Prompt, object_id: int, keyframe: int) -> NDArray[np.bool_] | None:
        """The mask of an ear on one of its keyframes.

        Args:
            prompt: all ears; the same for every call.
            object_id: which ear.
            keyframe: one of its keyframes.

        Returns:
            ``(H, W)`` bool, or None where the model sees no ear.

        Raises:
            PromptError: a keyframe cannot be decoded.
        """
        session = self.starting_at(prompt, object_id, keyframe, 1)
        result = session.step(self._keyframe(session, keyframe))
        info = self._clip.info
        labels = label_frame(result.objects.values(), info.width, info.height).labels
        return labels == object_id if labels.any() else None

    def resumed(
        self, prompt: Prompt, object_id: int, keyframe: int | None, direction: int
    ) -> Session:
        """The same as :meth:`starting_at`, but that it still has to be told all that it knows."""
        begun = self.begun_at(prompt, object_id, keyframe)
        rivals = () if keyframe is None else self.rivals(prompt, object_id)
        return self.blank(begun, direction, rivals)

    def begun_at(self, prompt: Prompt, object_id: int, keyframe: int | None) -> Prompt:
        """The prompt of one ear on one of its keyframes, or on none."""
        ear = _ear(prompt, object_id).objects[0]
        if keyframe is None:
            return Prompt((replace(ear, frames={}, absent=((0, len(self._clip)),)),))
        return Prompt((replace(ear, frames={keyframe: ear.frames[keyframe]}),))

    def _keyframe(self, session: Session, index: int) -> Frame:
        frame = self._clip.frame(index)
        if frame.damaged:
            session.skip(index)  # says whose keyframe it is
        return frame


def _ear(prompt: Prompt, object_id: int) -> Prompt:
    """The prompt of one ear alone."""
    return Prompt(tuple(ear for ear in prompt.objects if ear.id == object_id))
