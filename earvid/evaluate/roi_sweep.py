"""Crops compared: the same clips, frame by frame, for all settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sam2.modeling.sam2_base import SAM2Base

from earvid.detect import load_scout
from earvid.evaluate.memory import clock_of
from earvid.evaluate.memory_material import Material
from earvid.evaluate.roi_clips import JudgedClip, JudgedFrame, make_roi_clip
from earvid.evaluate.roi_models import model_at
from earvid.evaluate.roi_report import RoiReport
from earvid.evaluate.roi_scores import ClipScore, RoiRun
from earvid.evaluate.roi_settings import RoiPlan, RoiSetting
from earvid.models import LoadedModel
from earvid.pipeline.alternatives import has_alternatives
from earvid.tracker import Scout, Session

Progress = Callable[[str, int, int, int], None]
"""Told a clip's name, its frames done, its length, and how many settings are tracked."""


@dataclass(frozen=True, eq=False)
class Sessions:
    """Makes sessions as ``earvid track`` does, but for the crop.

    Args:
        models: by size of their input.
        alternatives: see :class:`~earvid.tracker.Session`.
        scout: likewise.
    """

    models: dict[int, SAM2Base]
    alternatives: bool = False
    scout: Scout | None = None

    @classmethod
    def load(cls, loaded: LoadedModel, *, reentry: str = "anywhere") -> Sessions:
        """Make them of a model, as ``--reentry`` of ``earvid track`` has it."""
        return cls(
            {loaded.model.image_size: loaded.model},
            has_alternatives(loaded.weights),
            load_scout(device=loaded.device, dtype=loaded.numbers, quantize=loaded.quantize)
            if reentry == "anywhere"
            else None,
        )

    def prepare(self, loaded: LoadedModel, sizes: Iterable[int]) -> None:
        """Build a model for every size of input that there is none for."""
        for size in sizes:
            if size not in self.models:
                self.models[size] = model_at(loaded, size)

    def make(self, clip: JudgedClip, setting: RoiSetting) -> RoiRun:
        """Begin a clip with a setting."""
        model = self.models[setting.size]
        session = Session(
            model,
            clip.prompt(),
            *clip.size,
            clip.length,
            roi=setting.settings(),
            alternatives=self.alternatives,
            scout=self.scout,
        )
        return RoiRun(clip, setting, session, clock_of(model))


def make_clips(
    material: Material, group: str, kinds: Sequence[str], count: int, seed: int = 0
) -> list[JudgedClip]:
    """Write clips of all kinds; their frames are made when they are asked for.

    Args:
        material: what they are made of.
        group: what that is called.
        kinds: see :data:`~earvid.evaluate.roi_clips.KINDS`.
        count: how many of each kind.
        seed: the same one gives the same clips.
    """
    return [
        make_roi_clip(kind, number, material, group, seed)
        for kind in kinds
        for number in range(count)
    ]


def sweep(
    loaded: LoadedModel,
    plan: RoiPlan,
    clips: Sequence[JudgedClip],
    *,
    reentry: str = "anywhere",
    progress: Progress = lambda name, done, length, settings: None,
) -> RoiReport:
    """Track clips with all settings of a plan, and then with what was best of each.

    What is best is chosen by the same clips, so that the score of the combination flatters it a
    little; other clips (another seed) tell whether it holds.

    Args:
        loaded: the model.
        plan: the settings.
        clips: with truth.
        reentry: how lost ears are looked for, ``anywhere`` or ``nearby``.
        progress: called after each frame.

    Raises:
        ModelError: the model cannot be built for a size of input.
    """
    sessions = Sessions.load(loaded, reentry=reentry)
    sessions.prepare(loaded, plan.all_sizes)
    first = sweep_clips(clips, plan.one_by_one(), sessions, progress)
    report = RoiReport(plan, tuple(first))
    best = plan.together(report.scores())
    if not best:
        return report
    return RoiReport(plan, (*first, *sweep_clips(clips, best, sessions, progress)))


def sweep_clips(
    clips: Iterable[JudgedClip],
    settings: Sequence[RoiSetting],
    sessions: Sessions,
    progress: Progress = lambda name, done, length, settings: None,
) -> list[ClipScore]:
    """Track clips with some settings, side by side, so that each frame is made once.

    Args:
        clips: with truth.
        settings: of crops.
        sessions: make what tracks.
        progress: called after each frame.
    """
    return [score for clip in clips for score in sweep_clip(clip, settings, sessions, progress)]


def sweep_clip(
    clip: JudgedClip,
    settings: Sequence[RoiSetting],
    sessions: Sessions,
    progress: Progress = lambda name, done, length, settings: None,
) -> list[ClipScore]:
    """Track one clip with some settings; see :func:`sweep_clips`."""
    runs = [sessions.make(clip, setting) for setting in settings]
    done = 0

    def track(frames: Iterator[JudgedFrame]) -> None:
        nonlocal done
        for frame in frames:
            for run in runs:
                run.step(frame)
            done += 1
            progress(f"{clip.group}, {clip.name}", done, clip.length, len(runs))

    track(clip.forward())
    for run in runs:
        run.turn()
    track(clip.backward())
    return [run.score() for run in runs]
