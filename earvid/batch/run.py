"""A batch: clips shared out among workers, whatever happens to clips and workers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from earvid.batch.crew import Done, Engine, Event, Moved
from earvid.batch.manifest import Entry, check_stores
from earvid.batch.processes import Processes
from earvid.batch.summary import STOPPED, ClipResult
from earvid.batch.task import Tracker, TrackJob, failed
from earvid.errors import UsageError


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    Args:
        clips: that are done, well or not.
        total: clips in all.
        frames: that were tracked, those of clips in work included.
    """

    clips: int
    total: int
    frames: int


class Batch:
    """Clips to be tracked, each by one of several processes with a model of their own. ::

        batch = Batch(gather(["clips/"]), TrackJob(TrackSettings()), workers=2)
        for result in batch.run():
            print(result.clip, result.state)

    A clip that fails does not stop the others, and a clip whose process dies is tried again.
    Killed at any instant and run again, a batch goes on where it was.

    Args:
        entries: the clips.
        job: what is asked of each.
        workers: processes; by default one per GPU, or one for every four processor cores.
        engine: has the workers; by default processes of this machine.
        progress: called whenever something has moved.
        told: called with each result, as soon as it is known.

    Raises:
        UsageError: there is no clip or no worker, or two clips share a store.
        ModelError: model or device are not there.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        job: TrackJob,
        *,
        workers: int | None = None,
        engine: Engine | None = None,
        progress: Callable[[BatchProgress], None] = lambda _: None,
        told: Callable[[ClipResult], None] = lambda _: None,
    ) -> None:
        if not entries:
            raise UsageError("The batch has no clips; name at least one.")
        if workers is not None and workers < 1:
            raise UsageError(f"{workers} workers can do nothing; give at least one.")
        check_stores(entries)
        self.entries = tuple(entries)
        self.job = job
        self._engine: Engine = engine or Processes()
        self._engine.check(job)
        _check_weights(job)
        self._workers = workers
        self._progress, self._told = progress, told
        self._results: dict[int, ClipResult] = {}
        self._attempts = [0] * len(self.entries)
        self._waiting = deque(range(len(self.entries)))
        self._in_work: dict[int, int] = {}  # frames that are done, by number of the clip

    @property
    def results(self) -> tuple[ClipResult, ...]:
        """One per clip, in their order; those that are not done are `stopped`."""
        return tuple(
            self._results.get(n) or ClipResult(str(e.clip), str(e.store), STOPPED, attempts=a)
            for n, (e, a) in enumerate(zip(self.entries, self._attempts, strict=True))
        )

    def look(self) -> tuple[ClipResult, ...]:
        """Check all clips without tracking them, and say what would be done."""
        tracker = Tracker(self.job)
        for number, entry in enumerate(self.entries):
            self._settle(number, tracker.look(entry))
        return self.results

    def run(self) -> tuple[ClipResult, ...]:
        """Track all clips.

        Raises:
            KeyboardInterrupt: Ctrl-C; workers have ended by then, and `results` tells how far it
                came.
            EarvidError: the engine has no workers.
        """
        with self._engine.hire(self.job, self._workers, len(self.entries)) as crew:
            while self._waiting or self._in_work:
                while self._waiting and crew.has_room:
                    number = self._waiting.popleft()
                    self._attempts[number] += 1
                    self._in_work[number] = 0
                    crew.give(number, self.entries[number], self._attempts[number])
                for event in crew.listen():
                    self._hear(event)
        return self.results

    def _hear(self, event: Event) -> None:
        if isinstance(event, Moved):
            self._in_work[event.number] = event.frames
            self._say_progress()
            return
        del self._in_work[event.number]
        if isinstance(event, Done):
            self._settle(event.number, event.result)
        else:
            self._retry(event.number, event.how)

    def _retry(self, number: int, how: str) -> None:
        """Put a clip back whose worker was lost; one that cost too many has failed."""
        attempts = self._attempts[number]
        if attempts < self._engine.attempts:
            self._waiting.appendleft(number)
            return
        times = "twice" if attempts == 2 else f"{attempts} times"
        sentence = (
            f"The process that tracked it {how}, {times}, perhaps for lack of memory: try again "
            f"with fewer workers."
        )
        self._settle(number, failed(self.entries[number], sentence))

    def _settle(self, number: int, result: ClipResult) -> None:
        entry, attempts = self.entries[number], max(1, self._attempts[number])
        # A worker elsewhere may have known the clip by another path than its user typed.
        result = replace(result, clip=str(entry.clip), store=str(entry.store), attempts=attempts)
        self._results[number] = result
        self._told(result)
        self._say_progress()

    def _say_progress(self) -> None:
        done = sum(result.tracked for result in self._results.values())
        frames = done + sum(self._in_work.values())
        self._progress(BatchProgress(len(self._results), len(self.entries), frames))


def _check_weights(job: TrackJob) -> None:
    """Fail once rather than once per clip."""
    from earvid.models import weights_file

    path = weights_file(job.settings.model, job.settings.checkpoint)
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read; check the path of the checkpoint.")
