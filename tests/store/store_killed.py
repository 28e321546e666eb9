"""Writers in processes of their own that are killed, for good."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apart import begin, pipe
from store_producer import make_spec, produce

from earvid.store import store_path


def run_and_kill(
    path: object, lines: int, seconds: float, environment: Mapping[str, str] | None = None
) -> bool:
    """Start a writer and kill it some time after its n-th word; whether it ended before.

    Args:
        path: where it writes, a path or the URL of a store.
        lines: how often it is heard; it says that it is ready, and then each step.
        seconds: how long it goes on after that.
        environment: variables that it has besides.
    """
    ours, theirs = pipe()
    writer = begin(_write, str(path), dict(environment or {}), theirs)
    theirs.close()
    try:
        for _ in range(lines):
            ours.recv()
    except EOFError:
        writer.join()
        assert writer.exitcode == 0
        return True
    time.sleep(seconds)
    writer.kill()
    writer.join()
    return writer.exitcode == 0


def _write(path: str, environment: dict[str, str], told: Any) -> None:
    os.environ.update(environment)
    told.send("ready")
    produce(store_path(path), make_spec(), lambda: told.send("step"))  # type: ignore[arg-type]


def run_until(path: Path, name: str, turn: int, work: Callable[[Path], object]) -> None:
    """Run a function that is killed when an entry is removed or made for the n-th time.

    Args:
        path: of the store, which the function takes.
        name: of the entry, within it.
        turn: n.
        work: the function.
    """
    process = begin(_until, path, name, turn, work)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _until(path: Path, name: str, turn: int, work: Callable[[Path], object]) -> None:
    turns = [turn]

    def kill(event: str, args: tuple[object, ...]) -> None:
        if event in ("os.rename", "shutil.rmtree") and str(path / name) in map(str, args):
            turns[0] -= 1
            if not turns[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill)
    work(path)
