"""Landmarks beside the masks: which track follows them on which frames, and saving it exactly.

An ear's landmarks are followed from a keyframe that has some, in the direction of its session. On
a later keyframe with landmarks they start anew from these; landmarks that are not given there go on
from where they were followed to. Where a session starts on a keyframe without landmarks, the ear is
found there by what it looks like on the nearest keyframe that has some.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earvid.landmarks import Cover, LandmarkResult, LandmarkTrack, load_state
from earvid.landmarks.apart import Follower, LandmarkProcess
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker import FrameResult, ObjectResult
from earvid.video import Clip, Frame

Marks = dict[int, LandmarkResult]  # by object id
_WORTH = 100  # frames from which a process of their own is started for landmarks
_BLOB = "landmarks."


def landmark_names(ear: ObjectPrompt) -> tuple[str, ...]:
    """All landmark names of an ear, in the order in which they first appear."""
    return tuple({name: None for given in ear.frames.values() for name in given.landmarks})


@dataclass(frozen=True, eq=False)
class Marking:
    """The landmarks that are followed.

    Args:
        prompt: the ears, with all of their keyframes, and with landmarks that were guessed.
        trust: 0..1 of those that were guessed: by object id and frame, then by name.
    """

    prompt: Prompt
    trust: Mapping[tuple[int, int], Mapping[str, float]] = field(default_factory=dict)

    def only(self, object_id: int) -> Marking:
        """That of one ear."""
        ears = tuple(ear for ear in self.prompt.objects if ear.id == object_id)
        return Marking(Prompt(ears), self.trust)

    def trusted(self, ear: ObjectPrompt, index: int) -> NDArray[np.float32]:
        """``(K,)`` trust in all landmarks of an ear on a keyframe; 1 in what a person placed."""
        guessed = self.trust.get((ear.id, index), {})
        return np.array([guessed.get(name, 1.0) for name in landmark_names(ear)], np.float32)


class MarkTracks:
    """The landmarks of all ears of a session that have any.

    Args:
        clip: the frames.
        marking: the landmarks.
        direction: 1 forwards, -1 backwards.
        wanted: whether landmarks are followed at all.
        apart: the process in which they are followed; this one by default.
    """

    def __init__(
        self,
        clip: Clip,
        marking: Marking,
        direction: int = 1,
        *,
        wanted: bool = True,
        apart: LandmarkProcess | None = None,
    ) -> None:
        self._clip, self._marking, self._direction = clip, marking, direction
        self._wanted, self._apart = wanted, apart
        ears = marking.prompt.objects if wanted else ()
        self._ears = {ear.id: ear for ear in ears if landmark_names(ear)}
        self._tracks: dict[int, Follower] = {}
        self._first: dict[int, bytes] = {}  # right after the first frame, for the way back

    def step(self, frame: Frame, result: FrameResult) -> Marks:
        """Follow the landmarks to a frame.

        Args:
            frame: the next one in the direction.
            result: what the session says of it.
        """
        marks: Marks = {}
        for object_id, one in result.objects.items():
            ear = self._ears.get(object_id)
            if ear is None:
                continue
            if frame.damaged:
                marks[object_id] = LandmarkResult.lost(len(landmark_names(ear)))
            else:
                marks[object_id] = self._step(ear, frame, cover_of(one))
        return marks

    def begin(self, object_id: int, keyframe: int) -> None:
        """Begin one ear on a keyframe, for frames to one side of it."""
        ear = self._ears.get(object_id)
        if ear is not None:
            self._begin(ear, self._clip.frame(keyframe), None)

    def backward(self) -> MarkTracks:
        """The way back from the same first frames."""
        back = MarkTracks(self._clip, self._marking, -1, wanted=self._wanted, apart=self._apart)
        for object_id, data in self._first.items():
            back._follow(object_id, LandmarkTrack(load_state(data)))
        return back

    def dump(self) -> dict[str, bytes]:
        """Everything that was learned, by name of a blob."""
        now = {f"{_BLOB}{n}": track.dump() for n, track in self._tracks.items()}
        return {**now, **{f"{_BLOB}{n}.first": data for n, data in self._first.items()}}

    def load(self, blobs: Mapping[str, bytes]) -> None:
        """Restore what :meth:`dump` gave.

        Raises:
            StoreError: it is damaged.
        """
        for object_id in self._ears:
            name = f"{_BLOB}{object_id}"
            if name in blobs:
                self._follow(object_id, LandmarkTrack(load_state(blobs[name])))
            if f"{name}.first" in blobs:
                self._first[object_id] = blobs[f"{name}.first"]

    def _step(self, ear: ObjectPrompt, frame: Frame, cover: Cover) -> LandmarkResult:
        given = ear.frames.get(frame.index)
        track = self._tracks.get(ear.id)
        if track is None and ear.is_absent(frame.index):
            return LandmarkResult.lost(len(landmark_names(ear)))
        if track is None or (self._direction > 0 and given is not None and given.landmarks):
            return self._begin(ear, frame, cover)
        return track.step(frame.gray, cover)

    def _begin(self, ear: ObjectPrompt, frame: Frame, cover: Cover | None) -> LandmarkResult:
        """Begin, or begin anew, on a keyframe."""
        given = ear.frames[frame.index]
        trust = self._marking.trusted(ear, frame.index)
        result = LandmarkResult.given(_points(ear, given), trust)
        if ear.id not in self._tracks and (lent := self._borrowed(ear, frame.index)):
            self._follow(ear.id, lent)
        track = self._tracks.get(ear.id)
        if track is not None and len(given.landmarks) < len(landmark_names(ear)):
            followed = track.step(frame.gray, cover)
            trust = np.where(result.visible, trust, track.trust)
            result = _joined(result, followed)
        if given.landmarks:
            if cover is None or cover.empty:
                cover = None if given.mask is None else Cover.of_mask(given.mask)
            began = LandmarkTrack.start(frame.gray, result.points, cover, given.box, trust)
            self._follow(ear.id, began)
        if ear.id not in self._first:
            self._first[ear.id] = self._tracks[ear.id].dump()
        return result

    def _follow(self, object_id: int, track: LandmarkTrack) -> None:
        """Follow a track from now on, wherever tracks are followed."""
        before = self._tracks.get(object_id)
        far = None if self._apart is None else self._apart.take(track, instead=before)
        self._tracks[object_id] = far or track

    def _borrowed(self, ear: ObjectPrompt, index: int) -> LandmarkTrack | None:
        """A track from the nearest other keyframe with landmarks, which must find the ear first."""
        if len(ear.frames[index].landmarks) == len(landmark_names(ear)):
            return None
        marked = [at for at, given in ear.frames.items() if given.landmarks and at != index]
        if not marked:
            return None
        nearest = min(marked, key=lambda at: (abs(at - index), at))
        given = ear.frames[nearest]
        cover = None if given.mask is None else Cover.of_mask(given.mask)
        gray = self._clip.frame(nearest).gray
        trust = self._marking.trusted(ear, nearest)
        track = LandmarkTrack.start(gray, _points(ear, given), cover, given.box, trust)
        track.lose()
        return track


def marked_apart(
    clip: Clip, marking: Marking, *, wanted: bool
) -> AbstractContextManager[LandmarkProcess | None]:
    """A process in which to follow the landmarks of a clip, where that is worth the start."""
    any_at_all = any(landmark_names(ear) for ear in marking.prompt.objects)
    if wanted and any_at_all and len(clip) >= _WORTH:
        return LandmarkProcess()
    return nullcontext()


def cover_of(one: ObjectResult) -> Cover:
    """The mask of an ear over the region that the model saw."""
    roi, values = one.roi, (one.logits > 0) & one.present
    return Cover(values.astype(np.uint8) * 255, roi.x0, roi.y0, roi.width, roi.height)


def dump_marks(marks: Mapping[int, Marks]) -> bytes:
    """Serialize landmarks by frame and object, exactly."""
    rows = [
        (index, object_id, one) for index, ears in marks.items() for object_id, one in ears.items()
    ]
    sizes = np.array([[i, n, len(one.visible)] for i, n, one in rows], np.int64).reshape(-1, 3)
    values = [np.column_stack([one.points, one.confidence, one.visible]) for *_, one in rows]
    flat = np.concatenate([np.zeros((0, 4)), *values]).astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, sizes=sizes, values=flat)
    return buffer.getvalue()


def load_marks(data: bytes | None) -> dict[int, Marks]:
    """Read what :func:`dump_marks` wrote; of nothing, nothing."""
    marks: dict[int, Marks] = {}
    if data is None:
        return marks
    with np.load(io.BytesIO(data), allow_pickle=False) as saved:
        sizes, values = saved["sizes"], saved["values"]
    start = 0
    for index, object_id, count in sizes.tolist():
        part = values[start : start + count]
        start += count
        one = LandmarkResult(part[:, :2], part[:, 2], part[:, 3] > 0)
        marks.setdefault(index, {})[object_id] = one
    return marks


def _points(ear: ObjectPrompt, given: FramePrompt) -> NDArray[np.float32]:
    """``(K, 2)`` of all landmarks of an ear, NaN for those that are not given on a frame."""
    nowhere = (np.nan, np.nan)
    rows = [given.landmarks.get(name, nowhere) for name in landmark_names(ear)]
    return np.array(rows, np.float32)


def _joined(given: LandmarkResult, followed: LandmarkResult) -> LandmarkResult:
    """What a person placed, and the others where they were followed to."""
    known = given.visible
    return LandmarkResult(
        np.where(known[:, None], given.points, followed.points),
        np.where(known, given.confidence, followed.confidence),
        known | followed.visible,
    )
