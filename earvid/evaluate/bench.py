"""earvid against stock SAM 2: the same clips, weights and machine, alternating."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from earvid.errors import EarvidError
from earvid.evaluate.bench_clips import BenchClip, clip_key, cut_clip, drawn_clip
from earvid.evaluate.bench_measures import Measures
from earvid.evaluate.bench_report import BenchReport
from earvid.evaluate.bench_rows import Row
from earvid.prompt import Prompt

Progress = Callable[[str], None]
Told = Callable[[BenchReport], None]
Source = tuple[Path, Prompt]
_WORKER, _ARTIST = "earvid.evaluate.bench_worker", "earvid.evaluate.bench_clips"


@dataclass(frozen=True)
class BenchPlan:
    """What is run.

    Args:
        rows: see :data:`~earvid.evaluate.bench_rows.ROWS`.
        repeat: how often; rows take turns, so that a machine that slows down slows all of them.
        threads: of PyTorch and OpenCV in each run; 0 leaves them as they are.
        source: a clip with its prompt to run on; drawn clips with exact truth by default.
    """

    rows: tuple[Row, ...]
    repeat: int = 1
    threads: int = 0
    source: Source | None = None


def run_bench(
    plan: BenchPlan,
    folder: Path,
    progress: Progress = lambda text: None,
    told: Told = lambda report: None,
) -> BenchReport:
    """Run the benchmark; each run is a process of its own, and nothing else runs meanwhile.

    A row of which a run fails is not run again, and the others go on.

    Args:
        plan: what is run.
        folder: for clips and stores, temporary.
        progress: told what is begun, in a few words, and what failed.
        told: called after each run with all that is known by then.

    Raises:
        EarvidError: a clip cannot be made.
    """
    clips = _clips(plan, folder, progress)
    runs: dict[str, list[Measures]] = {row.name: [] for row in plan.rows}
    failures: dict[str, str] = {}
    report = BenchReport(plan.rows, runs, _machine(plan), failures)
    for turn in range(plan.repeat):
        for row in plan.rows:
            if row.name in failures:
                continue
            again = f", run {turn + 1} of {plan.repeat}" if plan.repeat > 1 else ""
            progress(f"{row.name}: {row.frames} frames{again}")
            try:
                runs[row.name].append(_run(plan, row, clips[clip_key(row)], folder))
            except EarvidError as error:
                failures[row.name] = str(error)
                progress(f"{row.name}: {error}")
            told(report)
    return report


def _clips(plan: BenchPlan, folder: Path, progress: Progress) -> dict[str, BenchClip]:
    """Make the clips that the rows need, by key."""
    if plan.source is not None:
        video, prompt = plan.source
        keys = {clip_key(row): row.frames for row in plan.rows}
        return {
            key: cut_clip(video, prompt, folder / f"{key}.mp4", frames)
            for key, frames in keys.items()
        }
    alike: dict[tuple[int, int], set[int]] = {}
    for row in plan.rows:
        alike.setdefault((row.lines, row.shown), set()).add(row.frames)
    for (lines, shown), lengths in alike.items():
        progress(f"drawing a clip of {lines} lines")
        # In a process of its own too: it holds many frames at a time.
        numbers = [lines, shown, *sorted(lengths)]
        _process("Drawing", plan.threads, _ARTIST, str(folder), *map(str, numbers))
    return {clip_key(row): drawn_clip(folder, row) for row in plan.rows}


def _run(plan: BenchPlan, row: Row, clip: BenchClip, folder: Path) -> Measures:
    job = {
        "row": row.to_dict(),
        "clip": _paths(clip),
        "threads": plan.threads,
        "folder": str(folder),
    }
    said = _process(row.name, plan.threads, _WORKER, told=json.dumps(job))
    answer: dict[str, Any] = json.loads(said.splitlines()[-1])
    if "error" in answer:
        raise EarvidError(answer["error"])
    return Measures(**answer)


def _paths(clip: BenchClip) -> dict[str, str | None]:
    return {
        "video": str(clip.video),
        "prompt": str(clip.prompt),
        "truth": None if clip.truth is None else str(clip.truth),
    }


def _process(name: str, threads: int, module: str, *arguments: str, told: str = "") -> str:
    """Run a module in a process of its own; returns what it printed.

    Args:
        name: what to call it in errors.
        threads: for all libraries; 0 leaves them as they are.
        module: name of the module.
        arguments: for it.
        told: on standard input.

    Raises:
        EarvidError: it failed.
    """
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=told,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise EarvidError(f"{name} failed in the benchmark: {last.rstrip('.')}.")
    return done.stdout


def _machine(plan: BenchPlan) -> dict[str, Any]:
    cuda = torch.cuda.is_available()
    return {
        "processor": _processor(),
        "cores": _cores(),
        "threads": plan.threads or torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "clip": "drawn ears" if plan.source is None else plan.source[0].name,
        "repeat": plan.repeat,
    }


def _cores() -> int:
    """How many this process may use, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """The processor's name, where the system tells it."""
    file = Path("/proc/cpuinfo")
    lines: Iterable[str] = file.read_text().splitlines() if file.is_file() else ()
    names: Sequence[str] = [one.split(":", 1)[1].strip() for one in lines if "model name" in one]
    return names[0] if names else platform.processor() or platform.machine()
