"""How well landmarks are followed, beside a plain chain of Lucas-Kanade from frame to frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import EarvidError
from earvid.evaluate.landmark_scenes import LandmarkScene
from earvid.landmarks import Cover, LandmarkResult, LandmarkTrack
from earvid.pipeline.marks import cover_of
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.sample import SampleFrame
from earvid.tracker import Session
from earvid.tracker.results import mask_box
from earvid.video import Frame

Float = NDArray[np.float64]
CLOSE = 0.05  # share of the diagonal within which a point counts as found
ENDS = 100  # frames at either end that tell of drift
PLAIN = "plain Lucas-Kanade"
OURS = "earvid"


@dataclass(frozen=True, eq=False)
class Followed:
    """One clip, followed; its keyframe, the first frame, left out.

    Args:
        kind: of the clip.
        error: ``(T, K)`` distances from the truth in diagonals of the ear's box; NaN where a point
            was lost.
        shown: ``(T, K)`` bool, what can be seen in truth.
        said: ``(T, K)`` bool, what was said to be visible.
        step: ``(T - 1,)`` mean motion from frame to frame, in diagonals.
        seconds: per frame, of the landmarks alone.
    """

    kind: str
    error: Float
    shown: NDArray[np.bool_]
    said: NDArray[np.bool_]
    step: Float
    seconds: float


@dataclass(frozen=True)
class LandmarkScores:
    """What the clips of one kind came to; errors are in diagonals of the ear's box.

    Args:
        frames: of all clips.
        nme: mean error of the points that can be seen and were not lost.
        median: median of them.
        pck: share of the points that can be seen that are within 5 %; lost ones are not.
        precision: share of the points said to be visible that are.
        recall: share of the visible points that are said to be.
        lost: share of the points that can be seen that were lost.
        jitter: mean motion from frame to frame; of clips in which nothing moves.
        drift: median error in the last 100 frames over that in the first 100; of long clips.
        milliseconds: per frame.
    """

    frames: int
    nme: float
    median: float
    pck: float
    precision: float
    recall: float
    lost: float
    jitter: float | None
    drift: float | None
    milliseconds: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of visibility."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both > 0 else 0.0

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain values for JSON; a mean of nothing is None."""
        values = {**vars(self), "f1": self.f1}
        return {k: None if v is None or np.isnan(v) else round(v, 5) for k, v in values.items()}


@dataclass
class LandmarkReport:
    """Scores by kind of clip, then by what followed the points."""

    kinds: dict[str, dict[str, LandmarkScores]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, dict[str, dict[str, float | int | None]]]:
        """Plain values for JSON."""
        return {k: {n: s.to_dict() for n, s in v.items()} for k, v in self.kinds.items()}


def evaluate_landmarks(
    scenes: Sequence[LandmarkScene],
    model: SAM2Base | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> LandmarkReport:
    """Follow landmarks through clips from the true ones on their first frame.

    Args:
        scenes: the clips.
        model: tracks the masks; without one they are the true ones.
        progress: called with a line about each clip.
    """
    done: dict[str, dict[str, list[Followed]]] = {}
    for scene in scenes:
        methods = done.setdefault(scene.kind, {OURS: [], PLAIN: []})
        errors = []
        for name, one in follow(scene, model).items():
            methods[name].append(one)
            errors.append(f"{name} {score([one]).nme:.4f}")
        progress(f"{scene.kind} {scene.name}: error {', '.join(errors)}")
    return LandmarkReport(
        {kind: {name: score(clips) for name, clips in v.items()} for kind, v in done.items()}
    )


def follow(scene: LandmarkScene, model: SAM2Base | None) -> dict[str, Followed]:
    """Follow a clip as ``earvid track`` does, and by plain Lucas-Kanade.

    Args:
        scene: the clip.
        model: tracks the masks; without one they are the true ones.
    """
    methods: dict[str, _Method] = {OURS: _Ours(), PLAIN: _Plain()}
    session: Session | None = None
    seconds = dict.fromkeys(methods, 0.0)
    results: dict[str, list[LandmarkResult]] = {name: [] for name in methods}
    truth: list[tuple[NDArray[np.float32], NDArray[np.bool_]]] = []
    for index, frame in enumerate(scene.frames):
        if model is not None and session is None:
            session = _session(model, frame, scene.length)
        cover = _cover(session, index, frame)
        for name, method in methods.items():
            began = time.perf_counter()
            result = method.step(frame, cover)
            if index > 0:
                seconds[name] += time.perf_counter() - began
                results[name].append(result)
        if index > 0:
            truth.append((frame.landmarks, frame.visible))
    return {
        name: _judged(scene.kind, found, truth, seconds[name]) for name, found in results.items()
    }


class _Method(Protocol):
    def step(self, frame: SampleFrame, cover: Cover) -> LandmarkResult: ...


class _Ours:
    def __init__(self) -> None:
        self._track: LandmarkTrack | None = None

    def step(self, frame: SampleFrame, cover: Cover) -> LandmarkResult:
        if self._track is not None:
            return self._track.step(frame.image, cover)
        self._track = LandmarkTrack.start(frame.image, frame.landmarks, cover)
        return LandmarkResult.given(frame.landmarks)


class _Plain:
    """Pyramidal Lucas-Kanade from frame to frame; what it finds it takes for visible."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
        self._points = np.zeros((0, 1, 2), np.float32)

    def step(self, frame: SampleFrame, cover: Cover) -> LandmarkResult:
        gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), np.uint8)
        last, self._last = self._last, gray
        if last is None:
            self._points = frame.landmarks.astype(np.float32)[:, None]
            return LandmarkResult.given(frame.landmarks)
        moved, good, _ = cv2.calcOpticalFlowPyrLK(last, gray, self._points, self._points.copy())
        self._points = np.asarray(moved, np.float32)
        seen = np.asarray(good).ravel() == 1
        return LandmarkResult(self._points[:, 0], seen.astype(np.float32), seen)


def _session(model: SAM2Base, first: SampleFrame, length: int) -> Session:
    box = mask_box(first.mask)
    if box is None:
        raise EarvidError("The first frame of a clip shows no ear, so it cannot be judged.")
    ear = ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=box)})
    height, width = first.mask.shape
    return Session(model, Prompt((ear,)), width, height, length)


def _cover(session: Session | None, index: int, frame: SampleFrame) -> Cover:
    if session is None:
        return Cover.of_mask(frame.mask)
    result = session.step(Frame(index, float(index), frame.image))
    return cover_of(result.objects[1])


def _judged(
    kind: str,
    found: Sequence[LandmarkResult],
    truth: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
    seconds: float,
) -> Followed:
    points = np.stack([one.points for one in found]).astype(np.float64)
    true = np.stack([one for one, _ in truth]).astype(np.float64)
    diagonal = np.linalg.norm(np.ptp(true, axis=1), axis=1)[:, None]
    moves = np.linalg.norm(np.diff(points, axis=0), axis=2) / diagonal[1:]
    known = np.isfinite(moves)
    return Followed(
        kind,
        np.linalg.norm(points - true, axis=2) / diagonal,
        np.stack([shown for _, shown in truth]),
        np.stack([one.visible for one in found]),
        np.where(known, moves, 0).sum(1) / np.maximum(known.sum(1), 1),
        seconds / len(found),
    )


def _drift(one: Followed) -> float:
    error = np.where(one.shown, one.error, np.nan)
    first, last = np.nanmedian(error[:ENDS]), np.nanmedian(error[-ENDS:])
    return float(last / first)


def _mean(values: NDArray[np.floating] | NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def score(clips: Sequence[Followed]) -> LandmarkScores:
    """Sum up clips of one kind."""
    shown = np.concatenate([one.shown.ravel() for one in clips])
    said = np.concatenate([one.said.ravel() for one in clips])
    error = np.concatenate([one.error.ravel() for one in clips])
    judged = error[shown & np.isfinite(error)]
    right = float((shown & said).sum())
    still = [one.step.mean() for one in clips if one.kind == "still"]
    long = [_drift(one) for one in clips if one.kind == "long"]
    return LandmarkScores(
        frames=sum(len(one.error) for one in clips),
        nme=_mean(judged),
        median=float(np.median(judged)) if len(judged) else float("nan"),
        pck=_mean(np.nan_to_num(error[shown], nan=np.inf) <= CLOSE),
        precision=right / max(1.0, said.sum()),
        recall=right / max(1.0, shown.sum()),
        lost=_mean(np.isnan(error[shown])),
        jitter=float(np.mean(still)) if still else None,
        drift=float(np.mean(long)) if long else None,
        milliseconds=1000 * float(np.mean([one.seconds for one in clips])),
    )
