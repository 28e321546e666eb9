"""A process that tracks clips for a batch: it gets entries by a pipe, and sends back what it did.

Nothing here imports PyTorch before the process knows its threads and its GPU.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from earvid.batch.manifest import Entry
from earvid.batch.summary import ClipResult
from earvid.batch.task import Tracker, TrackJob

INTERVAL = 0.2  # seconds between two messages about progress
PATIENCE = 20.0  # seconds that a worker has to leave in order
Message = tuple[int, int] | ClipResult


@dataclass(eq=False)
class Worker:
    """A worker as its employer sees it.

    Args:
        process: the process.
        pipe: this end of the pipe to it.
        place: its number, by which it has its GPU.
        task: number of the clip in work; None while it is idle.
    """

    process: SpawnProcess
    pipe: Connection
    place: int
    task: int | None = None

    @classmethod
    def start(cls, place: int, job: TrackJob, threads: int, variables: Mapping[str, str]) -> Worker:
        """Start a process that waits for entries.

        Args:
            place: its number.
            job: what is asked of every clip.
            threads: that it may use.
            variables: of the environment, that it sees beside ours.
        """
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(
            target=_work, args=(theirs, job, threads), name=f"earvid-{place}", daemon=True
        )
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        with environment({**counts, **variables}), _no_interrupts():
            process.start()
        theirs.close()
        return cls(process, ours, place)

    def give(self, task: int, entry: Entry, attempt: int) -> None:
        """Have a clip tracked; a worker that is dead by now is noticed later."""
        self.task = task
        try:
            self.pipe.send((entry, attempt))
        except OSError:
            return

    def dismiss(self) -> None:
        """Tell it that there is nothing left to do."""
        try:
            self.pipe.send(None)
        except OSError:
            return

    def end(self) -> int | None:
        """See it out, by force if it does not leave in order; returns its exit code."""
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()
        return self.process.exitcode


def _work(pipe: Connection, job: TrackJob, threads: int) -> None:
    """Track what comes through the pipe, until None comes or the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the employer, who ends us in order
    signal.signal(signal.SIGTERM, _leave)
    prepare_libraries(threads)
    tracker = Tracker(job)
    try:
        while (given := pipe.recv()) is not None:
            entry, attempt = given
            pipe.send(tracker.run(entry, _reporter(pipe), attempt=attempt))
    except (EOFError, OSError):
        return


def _leave(number: int, frame: Any) -> None:
    """End as at any other error: what is open is closed, and stores can be gone on with."""
    sys.exit(128 + number)


def prepare_libraries(threads: int) -> None:
    """Have a process that tracks keep to its share of the machine, and errors to its results."""
    import cv2
    import torch

    from earvid.store import compress_in_one_thread

    compress_in_one_thread()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)


def _reporter(pipe: Connection) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= INTERVAL:
            last = now
            try:
                pipe.send((done, total))
            except OSError:
                sys.exit(1)  # nobody is there to work for; an exception would fail the clip

    return report


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for a process that is started here; its libraries read them when they load."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """A process started here ignores Ctrl-C from its first moment, and not only once it can say so.

    Signals belong to the main thread; started from another, it is a moment later.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
