"""Workers that are processes of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import wait
from pickle import UnpicklingError
from types import TracebackType
from typing import Self

from earvid.batch.crew import Done, Event, Lost, Moved
from earvid.batch.manifest import Entry
from earvid.batch.share import CORES, gpus, share_threads
from earvid.batch.summary import ClipResult
from earvid.batch.task import TrackJob
from earvid.batch.worker import Worker


class Processes:
    """The engine of one machine: one worker per GPU, or one for every four processor cores."""

    attempts = 2

    def check(self, job: TrackJob) -> None:
        """See that the device is there.

        Raises:
            ModelError: it is not.
        """
        from earvid.models import pick_device

        pick_device(job.settings.device)

    def hire(self, job: TrackJob, workers: int | None, clips: int) -> ProcessCrew:
        """Gather a crew; its processes start when there is work."""
        there = gpus(job.settings.device)
        wanted = workers or len(there) or max(1, share_threads(1) // CORES)
        return ProcessCrew(job, min(wanted, clips), there)


class ProcessCrew:
    """A crew of processes.

    Args:
        job: what is asked of every clip.
        size: how many.
        gpus: to share out among them.
    """

    def __init__(self, job: TrackJob, size: int, gpus: Sequence[str]) -> None:
        self._job, self._size, self._gpus = job, size, gpus
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            if kind is None:
                worker.dismiss()
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    @property
    def has_room(self) -> bool:
        """Whether a worker is idle, or can be started."""
        return len(self._workers) < self._size or any(w.task is None for w in self._workers)

    def give(self, number: int, entry: Entry, attempt: int) -> None:
        """Have a clip tracked by an idle worker, or by a new one."""
        idle = [worker for worker in self._workers if worker.task is None]
        (idle.pop() if idle else self._start()).give(number, entry, attempt)

    def listen(self) -> list[Event]:
        """Wait until a worker has something to say, or is dead."""
        ready = set(wait([x for w in self._workers for x in (w.pipe, w.process.sentinel)]))
        events: list[Event] = []
        for worker in list(self._workers):
            if worker.pipe in ready:
                events += self._hear(worker)
            elif worker.process.sentinel in ready:
                events += self._lose(worker)
        return events

    def _start(self) -> Worker:
        place = min(set(range(self._size)) - {worker.place for worker in self._workers})
        environment = {}
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[place % len(self._gpus)]
        worker = Worker.start(place, self._job, share_threads(self._size), environment)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: Worker) -> list[Event]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError, UnpicklingError):  # killed, perhaps within a message
            return self._lose(worker)
        assert worker.task is not None
        number = worker.task
        if isinstance(message, ClipResult):
            worker.task = None
            return [Done(number, message)]
        return [Moved(number, message[0])]

    def _lose(self, worker: Worker) -> list[Event]:
        self._workers.remove(worker)
        code = worker.end()
        if worker.task is None:
            return []
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
        return [Lost(worker.task, how)]
