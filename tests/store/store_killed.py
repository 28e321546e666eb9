"""Writers in processes of their own that are killed, for good."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping

import store_producer


def run_and_kill(
    path: object, lines: int, seconds: float, environment: Mapping[str, str] | None = None
) -> bool:
    """Start a writer and kill it some time after its n-th line; whether it ended before."""
    program = [sys.executable, store_producer.__file__, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            if not writer.stdout.readline():
                assert writer.wait() == 0
                return True
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        return writer.wait() == 0
