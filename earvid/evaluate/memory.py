"""Memory policies compared: the same clips, frame by frame, for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import UsageError
from earvid.evaluate.memory_clips import ClipFrame, MemoryClip
from earvid.evaluate.memory_material import DrawnMaterial, Material
from earvid.evaluate.memory_report import ClipResult, FurtherEar, MemoryReport
from earvid.evaluate.memory_scores import Judge
from earvid.evaluate.memory_scripts import KINDS, make_clip
from earvid.prompt import Prompt
from earvid.tracker import POLICIES, RoiSettings, Scout, Session, label_frame

SessionMaker = Callable[[SAM2Base, Prompt, int, int, int, str], Session]
"""From a model, a prompt, width, height and number of frames, and the name of a policy."""

Progress = Callable[[str, int, int], None]
"""Told a clip's name, its frames done, and its length."""

Clock = Callable[[], float]
_COST_FRAMES = 8  # by which the cost of a further ear is measured


def make_session(
    model: SAM2Base,
    prompt: Prompt,
    width: int,
    height: int,
    frame_count: int,
    policy: str,
    *,
    alternatives: bool = False,
    scout: Scout | None = None,
) -> Session:
    """Make a session as ``earvid track`` does.

    Args:
        model: the model.
        prompt: the ears.
        width: of the frames.
        height: of the frames.
        frame_count: frames of the clip.
        policy: name of the memory policy.
        alternatives: see :class:`~earvid.tracker.Session`.
        scout: likewise.
    """
    return Session(
        model,
        prompt,
        width,
        height,
        frame_count,
        policy=policy,
        alternatives=alternatives,
        scout=scout,
    )


@dataclass(frozen=True)
class MemoryPlan:
    """Which clips are tracked, and with which policies.

    Args:
        policies: their names.
        kinds: of clips; see :data:`~earvid.evaluate.memory_scripts.KINDS`.
        clips: how many of each kind, but only one of the long kind.
        seed: of the clips.

    Raises:
        UsageError: there is no such policy or kind.
    """

    policies: tuple[str, ...] = POLICIES
    kinds: tuple[str, ...] = tuple(KINDS)
    clips: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for what, chosen, known in (
            ("policy", self.policies, POLICIES),
            ("kind of clip", self.kinds, tuple(KINDS)),
        ):
            if unknown := [name for name in chosen if name not in known]:
                raise UsageError(
                    f"There is no {what} {unknown[0]!r}; choose from {', '.join(known)}."
                )

    def make(self, material: Material) -> Iterator[MemoryClip]:
        """Make the clips, one when the one before is done with."""
        for kind in self.kinds:
            for number in range(1 if kind == "long" else self.clips):
                yield make_clip(kind, number, material, self.seed)


def evaluate_memory(
    model: SAM2Base,
    plan: MemoryPlan = MemoryPlan(),
    material: Material | None = None,
    *,
    session: SessionMaker = make_session,
    progress: Progress = lambda name, done, length: None,
) -> MemoryReport:
    """Track scripted clips with several policies, and measure how each of them did.

    All policies see a frame before the next one is made, so that clips may be of any length.

    Args:
        model: the model, in evaluation mode.
        plan: which clips and policies.
        material: what the clips show; drawn people by default.
        session: makes the sessions that are measured.
        progress: called after each frame.
    """
    made = material or DrawnMaterial()
    results: list[ClipResult] = []
    for clip in plan.make(made):
        results += judge_clip(model, clip, plan.policies, session, progress)
    further = [further_ear(model, made, name, session, plan.seed) for name in plan.policies]
    whole = further_ear(model, made, plan.policies[0], _whole_frame, plan.seed)
    return MemoryReport(tuple(results), dict(zip(plan.policies, further, strict=True)), whole)


def judge_clip(
    model: SAM2Base,
    clip: MemoryClip,
    policies: Sequence[str],
    session: SessionMaker = make_session,
    progress: Progress = lambda name, done, length: None,
) -> list[ClipResult]:
    """Track one clip with several policies, side by side.

    Args:
        model: the model.
        clip: the clip.
        policies: their names.
        session: makes the sessions.
        progress: called after each frame.
    """
    runs = [_Run(model, clip, policy, session) for policy in policies]
    for t in range(clip.length):
        truth = clip.frame(t)
        for run in runs:
            run.step(truth)
        progress(clip.name, t + 1, clip.length)
    return [run.result() for run in runs]


def further_ear(
    model: SAM2Base, material: Material, policy: str, session: SessionMaker, seed: int = 0
) -> FurtherEar:
    """Measure what a second ear adds to the time of a frame, on a clip that shows two.

    Args:
        model: the model.
        material: what the clip shows.
        policy: of the memory bank.
        session: makes the sessions.
        seed: of the clip.
    """
    clip = make_clip("crossing", 0, material, seed)
    both = clip.prompt()
    prompts = Prompt(both.objects[:1]), both
    size = clip.width, clip.height, clip.length
    tracks = [session(model, prompt, *size, policy) for prompt in prompts]
    clock, spent = clock_of(model), np.zeros((_COST_FRAMES, 2))
    for t in range(_COST_FRAMES):
        frame = clip.frame(t)
        for column, track in enumerate(tracks):
            start = clock()
            track.step(frame)
            spent[t, column] = clock() - start
    # The first frames prepare what the later ones use; medians pass over what else disturbs.
    one, two = np.median(1000 * spent[2:], axis=0)
    return FurtherEar(float(one), float(two - one))


def clock_of(model: SAM2Base) -> Clock:
    """Seconds of computing: of all processor cores together, or as they pass beside a GPU."""
    cpu = next(model.parameters()).device.type == "cpu"
    return time.process_time if cpu else time.perf_counter


class _Run:
    """One policy on one clip."""

    def __init__(
        self, model: SAM2Base, clip: MemoryClip, policy: str, session: SessionMaker
    ) -> None:
        self._clip, self._policy = clip, policy
        size = clip.width, clip.height, clip.length
        self._session = session(model, clip.prompt(), *size, policy)
        self._judge = Judge(clip.object_ids)
        self._clock, self._spent = clock_of(model), 0.0
        self._bytes, self._full_at = 0, 0

    def step(self, truth: ClipFrame) -> None:
        start = self._clock()
        result = self._session.step(truth)
        stop = self._clock()
        self._weigh(truth.index)
        if truth.index == 0:  # the prompt tells the answer, and the model warms up
            return
        self._spent += stop - start
        shown = result.objects.values()
        self._judge.add(truth, label_frame(shown, self._clip.width, self._clip.height).labels)

    def result(self) -> ClipResult:
        return ClipResult(
            policy=self._policy,
            kind=self._clip.kind,
            clip=self._clip.name,
            frames=self._clip.length,
            scores=self._judge.scores(),
            ms_per_frame=1000 * self._spent / max(1, self._clip.length - 1),
            bank_bytes=self._bytes,
            bank_full_at=self._full_at,
        )

    def _weigh(self, index: int) -> None:
        largest = max(track.bank.nbytes() for track in self._session.tracks.values())
        if largest > self._bytes:
            self._bytes, self._full_at = largest, index


def _whole_frame(
    model: SAM2Base, prompt: Prompt, width: int, height: int, frame_count: int, policy: str
) -> Session:
    """A session whose ears all share one crop, the whole frame, and so its encoding."""
    roi: RoiSettings | None = None
    return Session(model, prompt, width, height, frame_count, roi=roi, policy=policy)
