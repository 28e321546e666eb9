"""A worker in a Ray cluster: an actor, which has one model and tracks one clip at a time."""

from __future__ import annotations

import socket
import threading

from earvid.batch.manifest import Entry
from earvid.batch.summary import ClipResult
from earvid.batch.task import Tracker, TrackJob, failed
from earvid.batch.worker import prepare_libraries


class Stopped(BaseException):
    """Ends a clip as Ctrl-C does: what is open is closed, and nothing counts it as a failure."""


class RayWorker:
    """What becomes an actor; its methods run in threads of their own, beside `track`.

    Args:
        job: what is asked of every clip.
        threads: that it may use.
    """

    def __init__(self, job: TrackJob, threads: int) -> None:
        prepare_libraries(threads)
        self._tracker = Tracker(job)
        self._done = 0
        self._stop = threading.Event()

    def ready(self) -> str:
        """Name of the machine, as soon as this is placed."""
        return socket.gethostname()

    def track(self, entry: Entry, attempt: int, is_there: bool) -> ClipResult | None:
        """Track a clip, or go on with it.

        Args:
            entry: the clip, with absolute paths.
            attempt: as of `Tracker.run`.
            is_there: the clip exists where the batch was started.

        Returns:
            What became of it; None after `stop`.
        """
        self._done = 0
        if is_there and not entry.clip.exists():
            sentence = (
                f"{entry.clip} is not there on the node {socket.gethostname()}: put clips and "
                f"stores where all nodes see them under the same path."
            )
            return failed(entry, sentence)
        try:
            return self._tracker.run(entry, self._progress, attempt=attempt)
        except Stopped:
            return None

    def frames(self) -> int:
        """How many frames of the clip in work are done."""
        return self._done

    def stop(self) -> None:
        """Have `track` end soon, its store closed."""
        self._stop.set()

    def _progress(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Stopped
        self._done = done
