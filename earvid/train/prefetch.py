"""Making the next batches while the current one is learned from."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Yields ``make(start)``, ``make(start + 1)``, ... made ahead by one thread.

    A thread instead of a process: OpenCV and PyTorch release the interpreter while they work, and a
    forked process would inherit their thread pools in a state that can hang.

    Args:
        make: makes item number ``i``; an exception in it is raised by the iterator.
        start: the first number.
        depth: how many items are made ahead.
    """

    def __init__(self, make: Callable[[int], T], start: int, depth: int = 4) -> None:
        self._make, self._next = make, start
        self._items: queue.Queue[T | BaseException] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._items_in_order()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _items_in_order(self) -> Iterator[T]:
        while True:
            item = self._items.get()
            if isinstance(item, BaseException):
                raise item
            yield item

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                item: T | BaseException = self._make(self._next)
            except BaseException as error:
                item = error
            self._next += 1
            while not self._stop.is_set():
                try:
                    self._items.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
