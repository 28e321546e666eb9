"""``earvid evaluate bench``."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import FILE, THREADS, as_path, refuse_given
from earvid.cli.words import to_json
from earvid.errors import UsageError
from earvid.prompt import prompt_beside

if TYPE_CHECKING:
    from earvid.evaluate.bench_report import BenchReport
    from earvid.prompt import Prompt

RESULT = "bench.json"
SOME_FAILED = 3


@click.command("bench")
@click.option(
    "--clip",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Video to run on, from the first keyframe of its prompt on, instead of drawn clips.",
)
@click.option(
    "--prompt",
    "prompt_file",
    type=FILE,
    callback=as_path,
    metavar="FILE.json",
    help="Its prompt; <clip>.prompt.json beside it by default.",
)
@click.option(
    "--rows",
    multiple=True,
    metavar="PATTERN",
    help="Rows to run, such as 'nano*'; can be given again.",
)
@click.option("--full", is_flag=True, help="Run all rows, the long ones too.")
@click.option("--list", "listed", is_flag=True, help="Name all rows, and run nothing.")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most frames of a run; as many as each row says by default, and never less than 10.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="K",
    help="Runs of each row, in turns; medians are told.",
)
@THREADS
@click.option(
    "--output",
    type=FILE,
    callback=as_path,
    metavar="FOLDER",
    help="Folder for bench.json, bench.txt and, if matplotlib is installed, bench.png.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    clip: Path | None,
    prompt_file: Path | None,
    rows: tuple[str, ...],
    full: bool,
    listed: bool,
    frames: int | None,
    repeat: int,
    threads: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Compare speed and memory with stock SAM 2, in one go on one machine.

    Stock is SAM2VideoPredictor of pip sam2, used as its README has it. Each run is a process of its
    own, on clips that are drawn with exact masks: an ear of 3 % of a 16:9 frame, boxed on the first
    one. Rows say who tracks (stock, earvid, or earvid's model alone on frames in memory), with
    which model, and on what; --list names them. Where a GPU is found, every row runs there too.

    Meta's weights do not ship with earvid: SAM 2.1 runs with random ones, which take the same time
    and memory, and J&F is told for earvid-nano only, by stock code and by earvid. Stock SAM 2.1
    takes seconds per frame on a CPU, and so few frames are timed, all of them after its memory is
    full; nothing is extrapolated. By default it takes some minutes on two cores. Let nothing else
    run meanwhile; CPU s/frame is what tells something on a machine that is busy all the same.

    A row that fails does not stop the others; the exit code is 3 then. With --output, bench.json
    has after each run what is known so far.

    \b
    Examples:
      earvid evaluate bench --output report
      earvid evaluate bench --rows 'nano*' --frames 100
    """
    hush_opencv()
    if clip is None:
        refuse_given(ctx, "without --clip", "prompt_file")
    if rows:
        refuse_given(ctx, "beside --rows", "full")
    from earvid.evaluate.bench_rows import ROWS, choose_rows

    if listed:
        for row in ROWS:
            click.echo(f"{row.name:20}{'--full' if row.full else ''}")
        return 0
    import torch

    from earvid.evaluate.bench import BenchPlan, run_bench

    source = None if clip is None else (clip, _prompt(clip, prompt_file))
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    chosen = choose_rows(rows, full=full, frames=frames, devices=devices, own_clip=clip is not None)
    plan = BenchPlan(chosen, repeat, threads, source)
    if output is not None:
        _prepare(output)
    with tempfile.TemporaryDirectory(prefix="earvid-bench-") as folder:
        report = run_bench(plan, Path(folder), say, lambda known: _keep(known, output))
    click.echo(to_json(report.to_dict()) if as_json else report.to_text())
    if output is not None:
        _illustrate(report, output)
    return SOME_FAILED if report.failures else 0


def _prompt(clip: Path, file: Path | None) -> Prompt:
    from earvid.prompt import Prompt

    prompt = prompt_beside(clip) if file is None else Prompt.load(file)
    if prompt is None:
        raise UsageError(f"There is no prompt beside {clip}; name one with --prompt.")
    return prompt


def _prepare(folder: Path) -> None:
    """Make the folder for what takes so long to measure.

    Raises:
        UsageError: there is a benchmark in it, or it may not be written to.
        OSError: it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / RESULT).exists():
        raise UsageError(f"{folder / RESULT} is there already; choose another folder.")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder} may not be written to; allow it, or choose another folder.")


def _keep(report: BenchReport, folder: Path | None) -> None:
    """Write what is known so far, in place of what was known before."""
    if folder is None:
        return
    draft = folder / f"{RESULT}.partial"
    draft.write_text(to_json(report.to_dict()) + "\n")
    draft.replace(folder / RESULT)


def _illustrate(report: BenchReport, folder: Path) -> None:
    (folder / "bench.txt").write_text(report.to_text() + "\n")
    if any(report.runs.values()) and find_spec("matplotlib") is not None:
        from earvid.evaluate.bench_plot import plot_bench

        plot_bench(report, folder / "bench.png")
