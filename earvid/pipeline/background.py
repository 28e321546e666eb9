"""Writing in a thread of its own, in order, with what waits kept small."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

Task = Callable[[], object]


class Background:
    """Runs tasks one after the other in a thread, while the caller goes on.

    Args:
        depth: tasks that may wait; then :meth:`submit` waits too.
    """

    def __init__(self, depth: int) -> None:
        self._tasks: queue.Queue[Task | None] = queue.Queue(max(1, depth))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What was submitted before an error or Ctrl-C is finished all the same: it is done work.
        self._tasks.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def submit(self, task: Task) -> None:
        """Queue a task.

        Raises:
            Exception: what an earlier task raised; nothing after it was run.
        """
        self._raise()
        self._tasks.put(task)

    def drain(self) -> None:
        """Wait until all submitted tasks are done.

        Raises:
            Exception: what one of them raised.
        """
        done = threading.Event()
        self._tasks.put(done.set)
        while not done.wait(0.2):
            self._raise()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._error is not None:
                continue  # keep emptying the queue, so that nobody waits for a place in it
            try:
                task()
            except BaseException as error:
                self._error = error
