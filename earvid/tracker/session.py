"""Tracking prompted ears through a stream of frames, in one direction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import PromptError
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import roi as following
from earvid.tracker.engine import Engine, Features, Prediction
from earvid.tracker.memory import Fifo, MemoryBank, MemoryPolicy, virtual_outputs
from earvid.tracker.prompts import ear_points, prompt_box, to_model_points
from earvid.tracker.results import (
    Box,
    FrameResult,
    ObjectResult,
    mask_box,
    without_specks,
)
from earvid.tracker.roi import Roi, RoiSettings, RoiState

ABSENT_LOGIT = -1024.0  # as SAM 2 marks an absent object
ZOOM_STEPS = 3  # looks at a clicked ear, each closer than the one before


class FrameLike(Protocol):
    """A frame of a stream: its number and its ``(H, W, 3)`` uint8 RGB image."""

    @property
    def index(self) -> int:
        """Number of the frame."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture."""


@dataclass(eq=False)
class ObjectTrack:
    """What a session knows of one ear.

    Args:
        bank: its memories.
        roi: where its crop is; ``None`` when the whole frame is looked at, or before its keyframe.
        start_roi: its crop after the first keyframe, for the way back.
        handover: the first entries after the keyframe, for the way back.
    """

    bank: MemoryBank
    roi: RoiState | None = None
    start_roi: RoiState | None = None
    handover: MemoryBank = field(default_factory=lambda: MemoryBank(1))


class Session:
    """Tracks all ears of a prompt in one direction, a frame at a time, in constant memory.

    Forwards, frames are given from the first keyframe on, and each ear joins at its own first
    keyframe. Its later keyframes condition every frame once they are known: at the latest when
    they come by, or from the start if :meth:`prepare` was shown them before, as stock SAM 2 does.
    For the frames before, :meth:`backward` gives a session that starts from the same keyframes.

    Args:
        model: a ``SAM2Base`` or subclass in evaluation mode.
        prompt: the ears; validated against the clip by the caller.
        width: of the frames, pixels.
        height: of the frames, pixels.
        frame_count: frames of the clip, or a large number when unknown; it must be true for clips
            of fewer than 16 frames, because SAM 2 scales time codes by it.
        roi: how the crop follows each ear, or ``None`` to look at the whole frame as stock does.
        policy: of the memory bank; SAM 2's own by default.
        direction: 1 forwards, -1 backwards.
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
        policy: MemoryPolicy | None = None,
        direction: int = 1,
    ) -> None:
        self.engine = Engine(model, frame_count)
        self.prompt, self.width, self.height = prompt, width, height
        self.roi_settings, self.direction = roi, direction
        self.policy = policy or Fifo(model.num_maskmem, model.max_obj_ptrs_in_encoder)
        self.tracks = {o.id: ObjectTrack(MemoryBank(direction)) for o in prompt.objects}

    def prepare(self, frame: FrameLike) -> None:
        """Learn the prompts on a keyframe ahead of its turn, so that earlier frames profit too."""
        shared: dict[Roi, Features] = {}
        for o in self.prompt.objects:
            if frame.index in o.frames:
                prediction, _ = self._look_at_prompt(frame, o.frames[frame.index], shared)
                self.tracks[o.id].bank.keyframes[frame.index] = prediction.entry

    def step(self, frame: FrameLike) -> FrameResult:
        """Track every ear on the next frame.

        Args:
            frame: the frame that follows the last one in this session's direction.

        Returns:
            The ears that have a keyframe on or before this frame (in this direction).
        """
        shared: dict[Roi, Features] = {}
        results: dict[int, ObjectResult] = {}
        for o in self.prompt.objects:
            track = self.tracks[o.id]
            given = o.frames.get(frame.index) if self.direction > 0 else None
            if given is not None:
                results[o.id] = self._keyframe(frame, o, track, given, shared)
            elif self._wanted(o.first_keyframe, frame.index):
                results[o.id] = self._track(frame, o.id, track, shared)
        return FrameResult(frame.index, results)

    def skip(self, index: int) -> FrameResult:
        """Pass over a frame that could not be decoded: no ear is seen, no memory is touched.

        Raises:
            PromptError: a prompt was given on this frame.
        """
        results: dict[int, ObjectResult] = {}
        for o in self.prompt.objects:
            if index in o.frames and self.direction > 0:
                raise PromptError(
                    f"The keyframe {index} of {o.name} cannot be decoded; prompt another frame."
                )
            if self._wanted(o.first_keyframe, index):
                track = self.tracks[o.id]
                roi = track.roi.roi() if track.roi else Roi.whole(self.width, self.height)
                side = self.engine.size // 4
                blank = np.full((side, side), ABSENT_LOGIT, np.float32)
                results[o.id] = ObjectResult(
                    o.id, index, blank, roi, float("nan"), float("nan"), False, (), False
                )
        return FrameResult(index, results)

    def backward(self) -> Session:
        """Begin the way back from the same keyframes, after this session passed them all.

        As when stock SAM 2 propagates in reverse after it propagated forwards, the first frames
        after a keyframe are still in memory for the first frames before it.
        """
        back = Session(
            self.engine.model,
            self.prompt,
            self.width,
            self.height,
            self.engine.frame_count,
            roi=self.roi_settings,
            policy=self.policy,
            direction=-1,
        )
        for object_id, track in self.tracks.items():
            bank = MemoryBank(-1, dict(track.bank.keyframes), {})
            # Newest last: coming from the right, the frame next to the keyframe is the newest.
            for index in sorted(track.handover.recent, reverse=True):
                bank.recent[index] = track.handover.recent[index]
            back.tracks[object_id] = ObjectTrack(bank, track.start_roi, track.start_roi)
        return back

    def _wanted(self, first_keyframe: int, index: int) -> bool:
        return (index - first_keyframe) * self.direction > 0

    def _keyframe(
        self,
        frame: FrameLike,
        ear: ObjectPrompt,
        track: ObjectTrack,
        given: FramePrompt,
        shared: dict[Roi, Features],
    ) -> ObjectResult:
        prediction, roi = self._look_at_prompt(frame, given, shared)
        track.bank.keyframes[frame.index] = prediction.entry
        present = prediction.presence > 0
        if self.roi_settings is not None:
            box = self._box_of(prediction, roi) if present else None
            box = box or prompt_box(given)
            if box is not None:
                track.roi = self._bounded(following.start(box, self.roi_settings))
            if frame.index == ear.first_keyframe:
                track.start_roi = track.roi
        return self._result(
            ear.id, frame.index, prediction, roi, present, (frame.index,), keyframe=True
        )

    def _look_at_prompt(
        self, frame: FrameLike, given: FramePrompt, shared: dict[Roi, Features]
    ) -> tuple[Prediction, Roi]:
        """Predict from a prompt; where clicks do not tell the ear's size, zoom in on it."""
        if self.roi_settings is None:
            roi = Roi.whole(self.width, self.height)
            return self._predict_prompt(frame, given, roi, shared), roi
        box = prompt_box(given)
        if box is not None:
            roi = self._bounded(following.start(box, self.roi_settings)).roi()
            return self._predict_prompt(frame, given, roi, shared), roi
        points, labels = ear_points(given)
        ear = points[labels == 1].mean(axis=0)
        center, side = (float(ear[0]), float(ear[1])), 0.5 * min(self.width, self.height)
        for _ in range(ZOOM_STEPS):
            roi = Roi.square(center, max(side, self.roi_settings.min_side))
            prediction = self._predict_prompt(frame, given, roi, shared)
            found = self._box_of(prediction, roi) if prediction.presence > 0 else None
            if found is None:
                side = side / 2
                continue
            state = self._bounded(following.start(found, self.roi_settings))
            center, side = state.center, state.side
        return prediction, roi

    def _predict_prompt(
        self, frame: FrameLike, given: FramePrompt, roi: Roi, shared: dict[Roi, Features]
    ) -> Prediction:
        features = self._encode(frame.image, roi, shared)
        mask = None if given.mask is None else _cut_mask(given.mask, roi)
        points, labels = to_model_points(given, roi, self.engine.size)
        return self.engine.prompt(frame.index, features, points, labels, mask)

    def _track(
        self, frame: FrameLike, object_id: int, track: ObjectTrack, shared: dict[Roi, Features]
    ) -> ObjectResult:
        roi = track.roi.roi() if track.roi else Roi.whole(self.width, self.height)
        features = self._encode(frame.image, roi, shared)
        chosen = self.policy.select(track.bank, frame.index)
        outputs = virtual_outputs(track.bank, chosen, frame.index, self.engine.memory_position)
        prediction = self.engine.track(frame.index, features, outputs, self.direction)
        present = prediction.presence > 0
        if self.roi_settings is not None and track.roi is not None:
            present = present and self._believable(prediction, track.roi)
            self._move_roi(track, prediction, roi, present)
        if present == (prediction.presence > 0) and self.policy.admit(track.bank, prediction.entry):
            track.bank.recent[frame.index] = prediction.entry
            self._hand_over(track, prediction)
            self.policy.evict(track.bank)
        memory = (*sorted(track.bank.keyframes), *chosen.frames())
        return self._result(
            object_id, frame.index, prediction, roi, present, memory, keyframe=False
        )

    def _hand_over(self, track: ObjectTrack, prediction: Prediction) -> None:
        """Keep the first frames after the first keyframe, which the way back may attend to."""
        first, index = min(track.bank.keyframes), prediction.entry.index
        pointers = self.engine.model.max_obj_ptrs_in_encoder
        if self.direction > 0 and index - first < pointers:
            near = index - first < self.engine.model.num_maskmem
            entry = prediction.entry if near else prediction.entry.without_map()
            track.handover.recent[index] = entry

    def _believable(self, prediction: Prediction, state: RoiState) -> bool:
        """Whether something seen is good enough to be the ear, or to be it again."""
        assert self.roi_settings is not None
        settings = self.roi_settings
        lost = state.searching or state.absent > settings.patience
        needed = settings.reacquire_score if lost else settings.min_score
        return prediction.score >= needed

    def _move_roi(
        self, track: ObjectTrack, prediction: Prediction, roi: Roi, present: bool
    ) -> None:
        assert self.roi_settings is not None and track.roi is not None
        box = self._box_of(prediction, roi) if present else None
        if box is not None:
            moved = following.follow(track.roi, box, prediction.score, self.roi_settings)
            track.roi = self._bounded(moved)
        else:
            track.roi = following.lose(track.roi, self.roi_settings, self.width, self.height)

    def _bounded(self, state: RoiState) -> RoiState:
        """Keep a crop from growing beyond what there is to see."""
        widest = float(max(self.width, self.height))
        return replace(state, side=min(state.side, widest), ear_side=min(state.ear_side, widest))

    def _box_of(self, prediction: Prediction, roi: Roi) -> Box | None:
        logits, (rows, cols) = roi.paste(prediction.logits, self.width, self.height)
        if logits.size == 0:
            return None
        box = mask_box(without_specks(logits > 0))
        if box is None:
            return None
        return (box[0] + cols.start, box[1] + rows.start, box[2] + cols.start, box[3] + rows.start)

    def _encode(self, image: NDArray[np.uint8], roi: Roi, shared: dict[Roi, Features]) -> Features:
        """Encode a region of the frame once, for all ears that look at it."""
        if roi not in shared:
            size = self.engine.size
            cut = whole_frame(image, size) if self.roi_settings is None else roi.cut(image, size)
            shared[roi] = self.engine.encode(cut)
        return shared[roi]

    def _result(
        self,
        object_id: int,
        index: int,
        prediction: Prediction,
        roi: Roi,
        present: bool,
        memory: tuple[int, ...],
        *,
        keyframe: bool,
    ) -> ObjectResult:
        logits = prediction.logits
        if not present and prediction.presence > 0:
            logits = np.full_like(logits, ABSENT_LOGIT)
        probability = float(1 / (1 + np.exp(-np.clip(prediction.presence, -50, 50))))
        if not present:  # what is not believed must not look like presence to a reader either
            probability = min(probability, 0.5)
        return ObjectResult(
            object_id,
            index,
            logits,
            roi,
            prediction.score,
            probability,
            present,
            memory,
            keyframe,
        )


def whole_frame(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale a whole frame as stock SAM 2 does (Pillow's bicubic), for parity with it."""
    return np.array(Image.fromarray(image).resize((size, size)), np.uint8)


def _cut_mask(mask: NDArray[np.bool_], roi: Roi) -> NDArray[np.bool_]:
    height, width = mask.shape
    if (roi.x0, roi.y0, roi.width, roi.height) == (0, 0, width, height):
        return mask
    shift = np.array([[1, 0, -roi.x0], [0, 1, -roi.y0]], np.float32)
    cut = cv2.warpAffine(
        mask.astype(np.uint8), shift, (roi.width, roi.height), flags=cv2.INTER_NEAREST
    )
    return np.asarray(cut, np.uint8) > 0
