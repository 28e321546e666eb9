"""What is done with each clip of a batch, whoever does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from earvid.batch.manifest import Entry
from earvid.batch.prompts import found_prompt, given_prompt
from earvid.batch.summary import COMPLETE, ClipResult
from earvid.errors import UsageError, VideoError
from earvid.store import StoreBusyError

if TYPE_CHECKING:
    from earvid.detect import EarDetector, Wanted
    from earvid.models import LoadedModel
    from earvid.pipeline import TrackReport, TrackSettings
    from earvid.prompt import Prompt
    from earvid.video import Clip

Progress = Callable[[int, int], None]
PATIENCE = 120.0  # seconds that a lost worker may still have its store locked
PAUSE = 1.0


@dataclass(frozen=True)
class TrackJob:
    """What is asked of every clip.

    Args:
        settings: how to track.
        overwrite: replace stores that were made another way.
        ears: where nobody gave a prompt, at most so many; None is as many as are likely enough.
        only: likewise, of this side alone.
        sentence: says what went wrong, of errors of any kind; a function of a module, since it
            goes to other processes.
    """

    settings: TrackSettings
    overwrite: bool = False
    ears: int | None = None
    only: Literal["left", "right"] | None = None
    sentence: Callable[[Exception], str] = str


class Tracker:
    """Tracks one clip after another with one model, and never stops at a bad one.

    Args:
        job: what is asked.
    """

    def __init__(self, job: TrackJob) -> None:
        self.job = job
        self._model: LoadedModel | None = None
        self._detector: EarDetector | None = None

    def run(
        self, entry: Entry, progress: Progress | None = None, *, attempt: int = 1
    ) -> ClipResult:
        """Track a clip, or go on with it; an error becomes its result.

        Args:
            entry: the clip.
            progress: called with frames done and frames in all.
            attempt: after the first, a worker was lost over this clip; it may not be dead but cut
                off, and as long as it has the store locked this one waits.
        """
        end = time.monotonic() + (PATIENCE if attempt > 1 else 0.0)
        while True:
            try:
                return self.track(entry, progress)
            except Exception as error:
                if not isinstance(error, StoreBusyError) or time.monotonic() >= end:
                    return failed(entry, self.job.sentence(error))
            time.sleep(PAUSE)

    def look(self, entry: Entry) -> ClipResult:
        """Check a clip as `run` would, and say what would be done."""
        try:
            return self._look(entry)
        except Exception as error:
            return failed(entry, self.job.sentence(error))

    def model(self) -> LoadedModel:
        """The model, which is built when first asked for."""
        if self._model is None:
            self._model = self.job.settings.load()
        return self._model

    def track(
        self, entry: Entry, progress: Progress | None = None, *, unprompted: bool = False
    ) -> ClipResult:
        """Track a clip, or go on with it.

        Args:
            entry: the clip.
            progress: called with frames done and frames in all.
            unprompted: find the ears, whatever prompt lies beside the clip.

        Raises:
            EarvidError: it cannot be tracked.
        """
        from earvid.pipeline import track

        _check(entry)
        job = self.job
        prompt, note = None if unprompted else given_prompt(entry), None
        if prompt is None:
            prompt, note = self._find(entry)
        report = track(
            entry.clip,
            prompt,
            entry.store,
            settings=job.settings,
            model=self.model(),
            overwrite=job.overwrite,
            progress=progress,
            found=note,
        )
        return _result(entry, report, note)

    def _find(self, entry: Entry) -> tuple[Prompt, dict[str, Any] | None]:
        return found_prompt(
            entry,
            self._wanted(),
            self.job.settings,
            self.model,
            overwrite=self.job.overwrite,
            detector=self._ear_detector(),
        )

    def _wanted(self) -> Wanted:
        from earvid.detect import Wanted

        job = self.job
        return Wanted(only=job.only) if job.ears is None else Wanted(job.ears, job.only)

    def _ear_detector(self) -> EarDetector:
        from earvid.detect import load_detector

        self._detector = self._detector or load_detector()
        return self._detector

    def _look(self, entry: Entry) -> ClipResult:
        from earvid.pipeline import check
        from earvid.video import Clip

        _check(entry)
        prompt = given_prompt(entry)
        if prompt is None:
            with Clip.open(entry.clip, reader=self.job.settings.reader) as clip:
                prompt = self._earlier(entry, clip)
                if prompt is None:
                    return _planned(entry, "find ears", len(clip))
        _, decision = check(
            entry.clip,
            prompt,
            entry.store,
            settings=self.job.settings,
            overwrite=self.job.overwrite,
        )
        return _planned(entry, COMPLETE if decision == "skip" else decision, None)

    def _earlier(self, entry: Entry, clip: Clip) -> Prompt | None:
        """The prompt that an earlier run found, with which a run would go on."""
        from earvid.detect import recall_prompt

        if self.job.overwrite:
            return None
        found = recall_prompt(entry.store, clip, self._ear_detector(), self._wanted())
        return None if found is None else found[0]


def failed(entry: Entry, sentence: str, attempts: int = 1) -> ClipResult:
    """The result of a clip that cannot be tracked."""
    return ClipResult(
        str(entry.clip), str(entry.store), "failed", attempts=attempts, error=sentence
    )


def _check(entry: Entry) -> None:
    if entry.problem is not None:
        raise UsageError(entry.problem)
    if not entry.clip.exists():
        raise VideoError(f"{entry.clip} does not exist; check the path.")


def _planned(entry: Entry, state: str, frames: int | None) -> ClipResult:
    return ClipResult(str(entry.clip), str(entry.store), state, frames=frames)


def _result(entry: Entry, report: TrackReport, note: dict[str, Any] | None) -> ClipResult:
    plain = report.to_dict()
    state = "corrected" if report.corrected else "tracked" if report.tracked else COMPLETE
    return ClipResult(
        clip=str(entry.clip),
        store=str(entry.store),
        state=state,
        frames=report.frames,
        tracked=report.tracked,
        seconds=plain["seconds"],
        ears=tuple(plain["ears"]),
        found=() if note is None else tuple(note["ears"]),
        warnings=tuple(report.warnings),
    )
