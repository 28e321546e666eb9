"""Calling ``earvid`` as its users do, and what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from earvid.cli import main

PROGRAM = [sys.executable, "-m", "earvid.cli"]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Said:
    """How a call ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines on standard error."""
        return [line for line in self.err.splitlines() if line.strip()]


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> Said:
    """Call ``earvid`` within this process; output of compiled libraries is caught too."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in arguments])
    out, err = capfd.readouterr()
    assert isinstance(end.value.code, int)
    return Said(end.value.code, out, err)


def start(*arguments: object, folder: Path, **options: object) -> subprocess.Popen[str]:
    """Start ``earvid`` as a process of its own."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=ONE_THREAD,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},  # type: ignore[call-overload]
    )
