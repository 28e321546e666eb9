"""How long the parts of a computation take, measured while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, TypeVar

from torch import nn

T = TypeVar("T")
Clock = Callable[[], float]


class Stages:
    """Seconds by stage, from any number of threads.

    Whoever wants to know hands one in; where there is none, nothing is measured and nothing is
    paid. Stages of one thread may lie within one another, and each counts its whole time; stages of
    different threads overlap, so that they can add up to more than the time by the clock.

    Args:
        clock: tells the time in seconds. On a GPU one that waits for it first, for work is only
            queued there.

    Attributes:
        seconds: by stage, in the order in which the stages were first seen.
        calls: likewise, how often each was entered.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._clock, self._lock = clock, threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        began = self._clock()
        try:
            yield
        finally:
            self.add(name, self._clock() - began)

    def add(self, name: str, seconds: float) -> None:
        """Add time to a stage."""
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            self.calls[name] = self.calls.get(name, 0) + 1

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Measure how long the items of a stream take to come, and not what is done with them."""
        stream = iter(items)
        try:
            while True:
                with self.stage(name):
                    try:
                        item = next(stream)
                    except StopIteration:
                        return
                yield item
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()  # a generator holds its file open until it is closed

    @contextmanager
    def watching(self, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        """Measure every pass through some modules, by name of a stage.

        Only public hooks are used, and they are gone afterwards.
        """
        with ExitStack() as stack:
            for name, module in modules.items():
                self._watch(stack, name, module)
            yield

    def _watch(self, stack: ExitStack, name: str, module: nn.Module) -> None:
        begun: dict[int, float] = {}  # by thread: several may use one model

        def enter(_module: nn.Module, _inputs: Any) -> None:
            begun[threading.get_ident()] = self._clock()

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            began = begun.pop(threading.get_ident(), None)
            if began is not None:
                self.add(name, self._clock() - began)

        stack.callback(module.register_forward_pre_hook(enter).remove)
        stack.callback(module.register_forward_hook(leave).remove)


def stage(stages: Stages | None, name: str) -> AbstractContextManager[None]:
    """Measure what is done within, if anybody wants to know."""
    return nullcontext() if stages is None else stages.stage(name)


def each(stages: Stages | None, name: str, items: Iterator[T]) -> Iterator[T]:
    """Measure how long items take to come, if anybody wants to know."""
    return items if stages is None else stages.each(name, items)


def watching(
    stages: Stages | None, modules: Mapping[str, nn.Module]
) -> AbstractContextManager[None]:
    """Measure passes through modules, if anybody wants to know."""
    return nullcontext() if stages is None else stages.watching(modules)
