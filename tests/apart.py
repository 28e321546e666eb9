"""Processes of their own, for tests that kill them; what they import is imported once for all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

_NEEDED = ["earvid.pipeline", "earvid.detect", "earvid.landmarks.guess"]


def begin(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a function in a process that has loaded what earvid needs, but has done nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_NEEDED)
    process = context.Process(target=work, args=arguments)
    process.start()
    return process


def pipe() -> tuple[Any, Any]:
    """Two ends, of which the first reads what the other one is told."""
    return multiprocessing.get_context("forkserver").Pipe(duplex=False)
