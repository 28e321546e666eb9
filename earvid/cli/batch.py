"""``earvid batch``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from earvid.cli.found import find_line
from earvid.cli.messages import hush_opencv, say, sentence
from earvid.cli.options import FILE, as_path, refuse_given
from earvid.cli.prompts import MODES
from earvid.cli.tracking import as_store, tracking_options, tracking_settings

if TYPE_CHECKING:
    from earvid.batch import BatchProgress, ClipResult, Engine
    from earvid.store import StorePath

SOME_FAILED = 3


@click.command("batch")
@click.argument("sources", nargs=-1, required=True, metavar="CLIPS...")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes, each with a model of its own; by default one per GPU, or one for every four "
    "processor cores.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or workers of a Ray cluster.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="With --engine ray: of the cluster, 'auto' for the one of this machine; by default "
    "$RAY_ADDRESS, or else one is started for the batch.",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    callback=as_store,
    metavar="FOLDER",
    help="Write stores to a folder or s3://bucket/key, rather than beside the clips; those that a "
    "manifest names excepted.",
)
@click.option("--shard", "part", metavar="I/N", help="Do part I of N alone, as one job of several.")
@click.option(
    "--summary",
    "summaries",
    type=FILE,
    callback=as_path,
    multiple=True,
    metavar="FILE",
    help="Write a line per clip to a .csv or .json file; can be given again.",
)
@click.option(
    "--ears",
    type=click.IntRange(1, 255),
    metavar="N",
    help="Without a prompt: at most N ears, of the highest confidences.",
)
@click.option(
    "--only",
    type=click.Choice(["left", "right"]),
    help="Without a prompt: ears of this side of the person.",
)
@tracking_options
@click.option(
    "--landmarks",
    type=click.Choice(MODES),
    default=MODES[0],
    show_default=True,
    help="Follow the landmarks of a prompt, and guess those of an ear that has none; only the "
    "former; or none.",
)
@click.option("--overwrite", is_flag=True, help="Replace stores that were made differently.")
@click.option("--dry-run", is_flag=True, help="Check every clip and say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    workers: int | None,
    part: str | None,
    summaries: tuple[Path, ...],
    ears: int | None,
    only: Any,
    landmarks: str,
    output: StorePath | None,
    engine: str,
    address: str | None,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Track ears through many clips.

    CLIPS are folders, clips, patterns such as 'day1/*.mp4', and manifests. Images beside videos are
    passed over; a folder of images alone is a clip. A manifest is a CSV file with the columns clip,
    prompt, keyframe and output, of which only clip has to be there; its paths begin at its folder.
    A prompt is a file, or a box or point for the keyframe. A clip without one is tracked as by
    'earvid track'.

    With --engine ray the workers are those of a Ray cluster, of one machine or many. Clips, prompts
    and stores have to lie where all its nodes see them under the same path; stores may be on S3.

    A clip that fails does not stop the others. Stopped and called again, the batch goes on where it
    was. The exit code is 3 when a clip failed.

    A summary names frames of which the last one counts. In a .csv file, ears tells of each ear its
    mean score and the share of frames that show it, as in left 0.72 (89 %); right 0.63 (100 %), and
    absent the frames that do not, as in left 117-118 130-130. A .json file has a list of ears with
    name, visible, seen, mean_score, absent as pairs of a first frame and the one after the last,
    and corrected, the frames corrected by hand.

    \b
    Examples:
      earvid batch clips/ --summary run.csv
      earvid batch study.csv --summary study_results.csv
    """
    hush_opencv()
    if dry_run:
        refuse_given(ctx, "beside --dry-run", "workers", "engine", "address")
    if engine != "ray":
        refuse_given(ctx, "without --engine ray", "address")
    from earvid.batch import Batch, TrackJob, gather, shard
    from earvid.batch.summary import check_summary

    for path in summaries:
        check_summary(path)
    entries = gather(sources, output, told=say)
    if all(entry.is_prompted for entry in entries):
        refuse_given(ctx, "where every clip has a prompt", "ears", "only")
    if part is not None and not (entries := shard(entries, part)):
        say(f"Shard {part} has no clips, for there are fewer than shards.")
        return 0
    settings = tracking_settings(ctx, options, landmarks)
    job = TrackJob(settings, overwrite, ears, only, sentence)
    with _Live(len(entries)) as live:
        batch = Batch(
            entries,
            job,
            workers=workers,
            engine=_engine(engine, address),
            progress=live.show,
            told=live.tell,
        )
        try:
            with redirect_stdout(sys.stderr):  # Ray tells there of lost nodes, amid our JSON
                batch.look() if dry_run else batch.run()
        finally:  # after Ctrl-C too
            live.close()
            _summarize(batch.results, summaries, as_json)
    return SOME_FAILED if any(one.error is not None for one in batch.results) else 0


def _engine(name: str, address: str | None) -> Engine:
    from earvid.batch import Processes, RayCluster

    return RayCluster(address) if name == "ray" else Processes()


class _Live:
    """What is seen while a batch runs: a bar for people, and a line for each clip.

    Args:
        total: clips in all.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._bar: tqdm[None] = tqdm(
            total=total,
            unit=" clips",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            leave=False,
        )

    def __enter__(self) -> _Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away; more than one call is fine."""
        self._bar.close()

    def show(self, at: BatchProgress) -> None:
        """Move the bar."""
        speed = at.frames / max(1e-9, time.monotonic() - self._began)
        self._bar.set_postfix_str(f"{at.frames} frames, {speed:.1f} frames/s", refresh=False)
        self._bar.n = at.clips
        self._bar.refresh()

    def tell(self, result: ClipResult) -> None:
        """Say what became of a clip, above the bar."""
        self._done += 1
        with tqdm.external_write_mode(sys.stderr):
            say(f"{self._done}/{self._total} {result.clip}: {_line(result)}")
            for line in _finds(result):
                say(f"{result.clip}: {line}")
            for warning in result.warnings:
                say(f"{result.clip}: {warning}")


def _finds(result: ClipResult) -> list[str]:
    """The ears that this run found; those of an earlier one were told then."""
    if not result.tracked:
        return []
    advice = f"earvid qc {shlex.quote(result.store)}"
    return [
        find_line(ear["name"], f"frame {ear['keyframe']}", ear["confidence"], advice)
        for ear in result.found
    ]


def _line(result: ClipResult) -> str:
    if result.error is not None:
        return result.error.removeprefix(f"{result.clip}: ")
    if result.state == "complete":
        return "complete before, nothing to do"
    if result.frames_per_second is None:
        return result.state
    return f"{result.state}, {result.tracked} frames at {result.frames_per_second:.1f} frames/s"


def _summarize(results: Sequence[ClipResult], files: Sequence[Path], as_json: bool) -> None:
    from earvid.batch import as_table, write_summary
    from earvid.batch.summary import as_json as to_json

    click.echo(to_json(results).rstrip() if as_json else as_table(results))
    for path in files:
        write_summary(path, results)
