"""A batch: clips shared out among workers, whatever happens to clips and workers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pickle import UnpicklingError

from earvid.batch.manifest import Entry, check_stores
from earvid.batch.share import gpus, share_threads
from earvid.batch.summary import STOPPED, ClipResult
from earvid.batch.task import Tracker, TrackJob, failed
from earvid.batch.worker import Worker
from earvid.errors import UsageError

MAX_ATTEMPTS = 2  # of a clip whose worker dies


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

    A clip that fails does not stop the others, and a clip whose process dies is tried once more.
    Killed at any instant and run again, a batch goes on where it was.

    Args:
        entries: the clips.
        job: what is asked of each.
        workers: processes; by default one per GPU, or one for every four processor cores.
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
        progress: Callable[[BatchProgress], None] = lambda _: None,
        told: Callable[[ClipResult], None] = lambda _: None,
    ) -> None:
        if not entries:
            raise UsageError("The batch has no clips; name at least one.")
        if workers is not None and workers < 1:
            raise UsageError(f"{workers} workers can do nothing; give at least one.")
        check_stores(entries)
        _check_model(job)
        self.entries = tuple(entries)
        self.job = job
        self._gpus = gpus(job.settings.device)
        wanted = workers or len(self._gpus) or max(1, share_threads(1) // 4)
        self.workers = min(wanted, len(self.entries))
        self._progress, self._told = progress, told
        self._results: dict[int, ClipResult] = {}
        self._attempts = [0] * len(self.entries)
        self._waiting = deque(range(len(self.entries)))
        self._crew: list[Worker] = []

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
        """
        try:
            while self._waiting or any(worker.task is not None for worker in self._crew):
                self._hire()
                self._listen()
            for worker in self._crew:
                worker.dismiss()
        except BaseException:
            for worker in self._crew:
                worker.process.terminate()
            raise
        finally:
            for worker in self._crew:
                worker.end()
            self._crew.clear()
        return self.results

    def _hire(self) -> None:
        """Give every waiting clip to a worker, as long as there are idle ones or places."""
        idle = [worker for worker in self._crew if worker.task is None]
        while self._waiting and (idle or len(self._crew) < self.workers):
            worker = idle.pop() if idle else self._start()
            number = self._waiting.popleft()
            self._attempts[number] += 1
            worker.give(number, self.entries[number])

    def _start(self) -> Worker:
        place = min(set(range(self.workers)) - {worker.place for worker in self._crew})
        environment = {}
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[place % len(self._gpus)]
        worker = Worker.start(place, self.job, share_threads(self.workers), environment)
        self._crew.append(worker)
        return worker

    def _listen(self) -> None:
        """Wait until a worker has something to say, or is dead."""
        ready = set(wait([x for w in self._crew for x in (w.pipe, w.process.sentinel)]))
        for worker in list(self._crew):
            if worker.pipe in ready:
                self._hear(worker)
            elif worker.process.sentinel in ready:
                self._lose(worker)
        self._say_progress()

    def _hear(self, worker: Worker) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError, UnpicklingError):  # killed, perhaps within a message
            self._lose(worker)
            return
        if isinstance(message, ClipResult):
            assert worker.task is not None
            number, worker.task, worker.frames = worker.task, None, 0
            self._settle(number, replace(message, attempts=self._attempts[number]))
        else:
            worker.frames = message[0]

    def _lose(self, worker: Worker) -> None:
        """Put a dead worker aside, and its clip back; a clip that killed two has failed."""
        self._crew.remove(worker)
        code = worker.end()
        number = worker.task
        if number is None:
            return
        if self._attempts[number] < MAX_ATTEMPTS:
            self._waiting.appendleft(number)
            return
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
        sentence = (
            f"The process that tracked it {how}, twice, perhaps for lack of memory: try again with "
            f"fewer workers."
        )
        self._settle(number, failed(self.entries[number], sentence, self._attempts[number]))

    def _settle(self, number: int, result: ClipResult) -> None:
        self._results[number] = result
        self._told(result)
        self._say_progress()

    def _say_progress(self) -> None:
        done = sum(result.tracked for result in self._results.values())
        in_work = sum(worker.frames for worker in self._crew)
        self._progress(BatchProgress(len(self._results), len(self.entries), done + in_work))


def _check_model(job: TrackJob) -> None:
    """Fail once rather than once per clip."""
    from earvid.models import pick_device, weights_file

    pick_device(job.settings.device)
    path = weights_file(job.settings.model, job.settings.checkpoint)
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read; check the path of the checkpoint.")
