"""What a run of the benchmark measures, and how a process measures itself."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from earvid.evaluate.bench_rows import FULL_MEMORY
from earvid.stages import Stages

_LOOK = 8  # ticks from one look at other processes to the next


@dataclass(frozen=True)
class Measures:
    """One run.

    Args:
        frames: tracked.
        load_seconds: of building the model and reading its weights; in none of the others.
        wall_seconds: from opening the clip until all results are there, and written.
        first_mask_seconds: from opening the clip to the first mask.
        timed_frames: frames after the memory was full.
        timed_seconds: for these, until all results are there.
        cpu_seconds: of all threads, for all frames, and of processes that the run started; a busy
            machine changes it much less.
        peak_bytes: most resident memory of the process at any time, and of those that it started.
        loaded_bytes: resident memory before the clip was opened.
        vram_bytes: most memory on the GPU, if there is one.
        stored_bytes: of the whole store.
        mask_bytes: of the masks in it.
        j_and_f: mean over the frames after the first and all ears; ``None`` without truth, or for
            weights that nobody trained.
        stages: seconds by stage of the whole run.
    """

    frames: int
    load_seconds: float
    wall_seconds: float
    first_mask_seconds: float
    timed_frames: int
    timed_seconds: float
    cpu_seconds: float
    peak_bytes: int
    loaded_bytes: int
    vram_bytes: int | None = None
    stored_bytes: int | None = None
    mask_bytes: int | None = None
    j_and_f: float | None = None
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def seconds_per_frame(self) -> float:
        """Once the memory is full."""
        return self.timed_seconds / self.timed_frames

    @property
    def frames_per_second(self) -> float:
        """End to end: of all frames, by all the time that they took."""
        return self.frames / self.wall_seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Stopwatch:
    """The course of one run.

    Args:
        device: ``cpu`` or ``cuda``.
        load_seconds: that the model took.
    """

    def __init__(self, device: str, load_seconds: float) -> None:
        self._load, self._cuda = load_seconds, device == "cuda"
        self._loaded = resident_bytes()
        self.clock = clock_of(device)
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._began, self._spent = self.clock(), spent_seconds()
        self._ticks: list[float] = []
        self._helpers = 0  # bytes

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time within does not count."""
        at, spent = self.clock(), spent_seconds()
        try:
            yield
        finally:
            self._began += self.clock() - at
            self._spent += spent_seconds() - spent

    def tick(self) -> None:
        """A frame's masks are there."""
        self._ticks.append(self.clock() - self._began)
        if len(self._ticks) % _LOOK == 0:
            self._helpers = max(self._helpers, helper_bytes())

    def stop(self, stages: Stages) -> Measures:
        """All results are there; nothing that comes later counts."""
        wall, frames = self.clock() - self._began, len(self._ticks)
        spent = spent_seconds() - self._spent
        # The last frames may still have been on their way to the store at their tick, and so time
        # counts from a tick to the end: what is not done yet there, a little, counts against us.
        from_frame = min(FULL_MEMORY, frames - 1)
        return Measures(
            frames=frames,
            load_seconds=self._load,
            wall_seconds=wall,
            first_mask_seconds=self._ticks[0],
            timed_frames=frames - from_frame,
            timed_seconds=wall - self._ticks[from_frame - 1],
            cpu_seconds=spent,
            peak_bytes=peak_bytes() + self._helpers,
            loaded_bytes=self._loaded,
            vram_bytes=torch.cuda.max_memory_allocated() if self._cuda else None,
            stages=dict(stages.seconds),
        )


def clock_of(device: str) -> Callable[[], float]:
    """A clock that waits for the device first."""
    if device != "cuda":
        return time.perf_counter

    def clock() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return clock


def model_parts(model: SAM2Base) -> dict[str, nn.Module]:
    """The modules in which a SAM 2 model spends its time, by name of a stage."""
    return {
        "encode": model.image_encoder,
        "attend": model.memory_attention,
        "decode mask": model.sam_mask_decoder,
        "memory": model.memory_encoder,
    }


def spent_seconds() -> float:
    """Processor time of this process, and of those that it started and that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def helper_bytes() -> int:
    """The most memory that the processes had which this one started and which still run."""
    total = 0
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            total += sum(_status("VmHWM", pid) for pid in file.read_text().split())
        except OSError:  # of a thread that has just ended
            continue
    return total


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    # On Linux getrusage() starts from what the process had before it became this program, which is
    # what its parent had; the kernel's own mark starts anew.
    if peak := _status("VmHWM"):
        return peak
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int:
    """The memory that this process has; where nothing tells, the most that it had."""
    return _status("VmRSS") or peak_bytes()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def mean_of(values: list[float]) -> float | None:
    """The mean, if there is anything."""
    return float(np.mean(values)) if values else None


def _status(name: str, pid: str = "self") -> int:
    """A line of ``/proc/<pid>/status`` in bytes; 0 where there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
