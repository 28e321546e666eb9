"""Tracking prompted ears through a stream of frames, in one direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import roi as following
from earvid.tracker.engine import Engine, Prediction
from earvid.tracker.looking import FrameLike, View, bounded, whole_frame
from earvid.tracker.lookout import Lookout
from earvid.tracker.looks import Looks, ReentrySettings
from earvid.tracker.memory import MemoryBank, MemoryEntry
from earvid.tracker.object_track import ObjectTrack
from earvid.tracker.policies import Fifo, MemoryPolicy, PolicyFactory, policy_for
from earvid.tracker.prompts import prompt_box
from earvid.tracker.recall import Recall, helpers
from earvid.tracker.reentry import Guard, Scout
from earvid.tracker.results import Box, FrameResult, ObjectResult
from earvid.tracker.roi import Roi, RoiSettings, RoiState
from earvid.tracker.sighting import ABSENT_LOGIT, Sighting

__all__ = ["FrameLike", "ObjectTrack", "Session", "whole_frame"]


class Session:
    """Tracks all ears of a prompt in one direction, a frame at a time, in constant memory.

    Forwards, frames are given from the first keyframe on, and each ear joins at its own first
    keyframe. Its later keyframes condition every frame once they are known: at the latest when
    they come by, or from the start if :meth:`prepare` was shown them before, as stock SAM 2 does.
    For the frames before, :meth:`backward` gives a session that starts from the same keyframes.
    On frames on which the prompt says that an ear is absent, nobody looks for it.

    Args:
        model: a ``SAM2Base`` or subclass in evaluation mode.
        prompt: the ears; validated against the clip by the caller.
        width: of the frames, pixels.
        height: of the frames, pixels.
        frame_count: frames of the clip, or a large number when unknown; it must be true for clips
            of fewer than 16 frames, because SAM 2 scales time codes by it.
        roi: how the crop follows each ear, or ``None`` to look at the whole frame as stock does.
        policy: of the memory bank: a name of :data:`~earvid.tracker.POLICIES`, a policy, or a class
            or function that makes one; SAM 2's own by default.
        alternatives: whether a model that gives one mask was trained to give three further ones,
            among which a policy may choose; models that give several need no telling.
        scout: finds a lost ear anywhere in the frame and tells it from others; see
            :mod:`earvid.tracker.reentry`. Without one, or without a crop, only memory decides.
        reentry: when to doubt, and how to search, with a scout.
        rivals: looks of ears that are in the clip and not in the prompt; they are not taken for
            those that are.
        direction: 1 forwards, -1 backwards.
        beside: how many things may be computed side by side: memories beside the next frame, or
            ears beside each other. Results are the same.

    Raises:
        UsageError: there is no such policy, or it wants more than the model can attend to.
    """

    def __init__(
        self,
        model: SAM2Base,
        prompt: Prompt,
        width: int,
        height: int,
        frame_count: int,
        *,
        roi: RoiSettings | None = RoiSettings(),  # noqa: B008 - frozen
        policy: str | MemoryPolicy | PolicyFactory = Fifo.name,
        alternatives: bool = False,
        scout: Scout | None = None,
        reentry: ReentrySettings = ReentrySettings(),  # noqa: B008 - frozen
        rivals: Sequence[Looks] = (),
        direction: int = 1,
        beside: int = 1,
    ) -> None:
        self.engine = Engine(model, frame_count, alternatives=alternatives)
        self.prompt, self.width, self.height = prompt, width, height
        self.roi_settings, self.direction, self.beside = roi, direction, beside
        self.policy = policy_for(model, policy)
        self.tracks = {o.id: ObjectTrack(MemoryBank(direction)) for o in prompt.objects}
        self.lookout: Lookout | None = None
        scout = None if roi is None else scout
        self._recall = Recall(self.engine, self.policy, roi, direction, scout, helpers(beside))
        if scout is not None and roi is not None:
            guard, look = Guard(scout, reentry), self._recall.look
            self.lookout = Lookout(guard, roi, self.tracks, tuple(rivals), look)

    def prepare(self, frame: FrameLike) -> None:
        """Learn the prompts on a keyframe ahead of its turn, so that earlier frames profit too."""
        view = View(frame, self.engine, self.roi_settings)
        for o in self.prompt.objects:
            if frame.index in o.frames:
                prediction, roi = view.find(o.frames[frame.index])
                self._learn(self.tracks[o.id].bank, prediction.entry)
                self._meet(view, self.tracks[o.id].looks, view.box_of(prediction, roi))

    def step(self, frame: FrameLike) -> FrameResult:
        """Track every ear on the next frame.

        Args:
            frame: the frame that follows the last one in this session's direction.

        Returns:
            The ears that have a keyframe on or before this frame (in this direction).
        """
        view = View(frame, self.engine, self.roi_settings)
        results = self._ruled_out(frame.index)
        wanted = {o.id: self.tracks[o.id] for o in self.prompt.objects if self._follows(o, frame)}
        first = self._recall.first(view, wanted)
        seen: dict[int, Sighting] = {}
        prompted: dict[int, Sighting] = {}
        for o in self.prompt.objects:
            track = self.tracks[o.id]
            given = o.frames.get(frame.index) if self.direction > 0 else None
            if given is not None:
                prompted[o.id] = self._keyframe(view, o, track, given)
            elif o.id in wanted:
                seen[o.id] = self._judged(view, track, first[o.id])
        settled = {**prompted, **seen}
        if self.lookout is not None:
            settled = self.lookout.settle(view, seen, prompted)
        for object_id, sighting in settled.items():
            if object_id in prompted:
                results[object_id] = sighting.result(object_id, frame.index, (frame.index,))
            else:
                results[object_id] = self._conclude(view, object_id, sighting)
        return FrameResult(frame.index, dict(sorted(results.items())))

    def skip(self, index: int) -> FrameResult:
        """Pass over a frame that could not be decoded: no ear is seen, no memory is touched.

        Raises:
            PromptError: a prompt was given on this frame.
        """
        results = self._ruled_out(index)
        for o in self.prompt.objects:
            if index in o.frames and self.direction > 0:
                raise PromptError(
                    f"The keyframe {index} of {o.name} cannot be decoded; prompt another frame."
                )
            if o.id not in results and self._wanted(o, index):
                results[o.id] = self._unseen(o.id, index, presence=float("nan"))
        return FrameResult(index, dict(sorted(results.items())))

    def backward(self) -> Session:
        """Begin the way back from the same keyframes, after this session passed them all.

        Policies that carry memories over (``fifo``) do as stock SAM 2 when it propagates in reverse
        after it propagated forwards: the first frames after a keyframe are still in memory for the
        first frames before it. With all others, the way back is the way forward of the clip turned
        around.
        """
        back = Session(
            self.engine.model,
            self.prompt,
            self.width,
            self.height,
            self.engine.frame_count,
            roi=self.roi_settings,
            policy=self.policy,
            alternatives=self.engine.alternatives,
            direction=-1,
            beside=self.beside,
            **({} if self.lookout is None else self.lookout.arguments()),
        )
        for object_id, track in self.tracks.items():
            bank = MemoryBank(-1, dict(track.bank.keyframes))
            # Newest last: coming from the right, the frame next to the keyframe is the newest.
            for index in sorted(track.handover.recent, reverse=True):
                bank.recent[index] = track.handover.recent[index]
            looks = track.looks.fresh()
            looks.duplicate_of = track.looks.duplicate_of  # so that the same one yields both ways
            back.tracks[object_id] = ObjectTrack(
                bank, track.start_roi, track.start_roi, looks=looks
            )
        return back

    def _follows(self, ear: ObjectPrompt, frame: FrameLike) -> bool:
        """Whether an ear is to be found on a frame by what is remembered of it."""
        given = self.direction > 0 and frame.index in ear.frames
        return not given and self._wanted(ear, frame.index) and not ear.is_absent(frame.index)

    def _wanted(self, ear: ObjectPrompt, index: int) -> bool:
        """Whether this session is to say something of an ear on a frame that is no keyframe."""
        if not ear.frames:  # it is nowhere, which the way forward says, from the first frame on
            return self.direction > 0
        return (index - ear.first_keyframe) * self.direction > 0

    def _ruled_out(self, index: int) -> dict[int, ObjectResult]:
        """Pass over the ears that are not on a frame, because a person says so."""
        results: dict[int, ObjectResult] = {}
        for o in self.prompt.objects:
            if o.is_absent(index) and self._wanted(o, index):
                results[o.id] = self._unseen(o.id, index, presence=0.0)
                track = self.tracks[o.id]
                track.roi = None if track.roi is None else self._waiting(track.roi)
        return results

    def _unseen(self, object_id: int, index: int, presence: float) -> ObjectResult:
        """An ear that nobody looked for; what comes next continues nothing."""
        track = self.tracks[object_id]
        track.looks.box, track.looks.steady = None, 0
        roi = track.roi.roi() if track.roi else Roi.whole(self.width, self.height)
        side = self.engine.size // 4
        blank = np.full((side, side), ABSENT_LOGIT, np.float32)
        return ObjectResult(object_id, index, blank, roi, float("nan"), presence, False, (), False)

    def _learn(self, bank: MemoryBank, entry: MemoryEntry) -> None:
        """Remember a keyframe; in order of time, whichever was looked at first."""
        bank.keyframes = dict(sorted({**bank.keyframes, entry.index: entry}.items()))

    def _keyframe(
        self, view: View, ear: ObjectPrompt, track: ObjectTrack, given: FramePrompt
    ) -> Sighting:
        prediction, roi = view.find(given)
        self._learn(track.bank, prediction.entry)
        present = prediction.presence > 0
        box = None
        if self.roi_settings is not None:
            box = (view.box_of(prediction, roi) if present else None) or prompt_box(given)
            if box is not None:
                track.roi = view.start(box)
            if view.index == ear.first_keyframe:
                track.start_roi = track.roi
        self._meet(view, track.looks, box)
        if self.lookout is not None:
            self.lookout.guard.begin(track.looks, view.index, view.glimpse(roi), box)
        return Sighting(prediction, roi, present, box)

    def _meet(self, view: View, looks: Looks, box: Box | None) -> None:
        if self.lookout is not None:
            self.lookout.meet(view, looks, box)

    def _judged(self, view: View, track: ObjectTrack, seen: Sighting) -> Sighting:
        """What is believed of a first look, before two ears in one place are told apart."""
        if self.lookout is None or track.roi is None:
            return seen
        return self.lookout.track(view, track, seen)

    def _conclude(self, view: View, object_id: int, seen: Sighting) -> ObjectResult:
        """Learn from what was seen and decided, and say it."""
        track, prediction, chosen = self.tracks[object_id], seen.prediction, seen.chosen
        assert chosen is not None
        if self.roi_settings is not None and track.roi is not None:
            track.roi = self._moved(track.roi, seen)
        if self.lookout is not None:
            self.lookout.note(view, track, seen)
        believed = seen.present == (prediction.presence > 0)
        if believed and self.policy.admit(track.bank, prediction.entry):
            track.bank.recent[view.index] = prediction.entry
            self._hand_over(track, prediction)
            self.policy.evict(track.bank)
        anchors = track.bank.keyframes if chosen.anchors is None else chosen.anchors
        return seen.result(object_id, view.index, (*anchors, *chosen.frames()))

    def _hand_over(self, track: ObjectTrack, prediction: Prediction) -> None:
        """Keep the first frames after the first keyframe, which the way back may attend to."""
        if not self.policy.carries_over:
            return
        first, index = min(track.bank.keyframes), prediction.entry.index
        pointers = self.engine.model.max_obj_ptrs_in_encoder
        if self.direction > 0 and index - first < pointers:
            near = index - first < self.engine.model.num_maskmem
            entry = prediction.entry if near else prediction.entry.without_map()
            track.handover.recent[index] = entry

    def _moved(self, state: RoiState, seen: Sighting) -> RoiState:
        """Where the crop goes for the next frame."""
        assert self.roi_settings is not None
        if seen.box is None:
            return self._waiting(state)
        moved = following.follow(state, seen.box, seen.prediction.score, self.roi_settings)
        return bounded(moved, self.width, self.height)

    def _waiting(self, state: RoiState) -> RoiState:
        """Where the crop goes after a frame without the ear."""
        assert self.roi_settings is not None
        if self.lookout is None:
            return following.lose(state, self.roi_settings, self.width, self.height)
        widest = self.lookout.guard.settings.widest
        return following.wait(state, widest, self.width, self.height)
