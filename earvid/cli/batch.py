"""``earvid batch``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from earvid.cli.messages import hush_opencv, say, sentence
from earvid.cli.options import FILE, as_path, refuse_given

if TYPE_CHECKING:
    from earvid.batch import BatchProgress, ClipResult

SOME_FAILED = 3
POLICIES = ("fifo", "gated", "self-sorting", "motion", "distractor")


@click.command("batch")
@click.argument("sources", nargs=-1, required=True, metavar="CLIPS...")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes, each with a model of its own; by default one per GPU, or one for every four "
    "processor cores.",
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
    help="Without a prompt: at most N ears, the most certain first.",
)
@click.option(
    "--only",
    type=click.Choice(["left", "right"]),
    help="Without a prompt: ears of this side of the person.",
)
@click.option(
    "--model",
    default="earvid-nano",
    show_default=True,
    metavar="NAME",
    help="Name of the model; 'earvid download' lists them.",
)
@click.option(
    "--checkpoint",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Weights to use instead of the model's own.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes CUDA if there is one, else the CPU.",
)
@click.option(
    "--roi",
    type=click.Choice(["follow", "off"]),
    default="follow",
    show_default=True,
    help="Follow each ear with a crop, or look at the whole frame as stock SAM 2 does.",
)
@click.option(
    "--reentry",
    type=click.Choice(["anywhere", "nearby"]),
    default="anywhere",
    show_default=True,
    help="Look for a lost ear in the whole frame, and recognize it; or about where it was lost, by "
    "memory alone. With --roi off, always by memory alone.",
)
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default=POLICIES[0],
    show_default=True,
    help="What is remembered of the frames before; fifo does as stock SAM 2.",
)
@click.option(
    "--landmarks",
    type=click.Choice(["prompt", "auto", "none"]),
    default="prompt",
    show_default=True,
    help="Follow the landmarks of a prompt; guess those of an ear that has none too; or none.",
)
@click.option(
    "--reader",
    type=click.Choice(["auto", "decord", "pyav"]),
    default="auto",
    show_default=True,
    help="Reader of video files; decord refuses clips that it cannot read exactly.",
)
@click.option("--overwrite", is_flag=True, help="Replace stores that were made differently.")
@click.option("--dry-run", is_flag=True, help="Check every clip and say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[str, ...],
    workers: int | None,
    part: str | None,
    summaries: tuple[Path, ...],
    ears: int | None,
    only: Any,
    model: str,
    checkpoint: Path | None,
    device: str,
    roi: str,
    reentry: str,
    policy: str,
    landmarks: str,
    reader: Any,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Track ears through many clips.

    CLIPS are folders, clips, patterns such as 'day1/*.mp4', and manifests. A manifest is a CSV file
    with the columns clip, prompt, keyframe and output, of which only clip has to be there; its
    paths begin at its folder. A prompt is a file, or a box or point for the keyframe. A clip
    without one is tracked as by 'earvid track'.

    A clip that fails does not stop the others. Stopped and called again, the batch goes on where it
    was. The exit code is 3 when a clip failed.
    """
    hush_opencv()
    if dry_run:
        refuse_given(ctx, "beside --dry-run", "workers")
    from earvid.batch import Batch, TrackJob, gather, shard
    from earvid.batch.summary import check_summary

    for path in summaries:
        check_summary(path)
    entries = gather(sources)
    if part is not None and not (entries := shard(entries, part)):
        say(f"Shard {part} has no clips, for there are fewer than shards.")
        return 0
    from earvid.pipeline import TrackSettings

    settings = TrackSettings(
        model=model,
        checkpoint=checkpoint,
        device=device,
        roi=roi,
        reentry=reentry,
        policy=policy,
        landmarks=landmarks,
        reader=reader,
    )
    job = TrackJob(settings, overwrite, ears, only, sentence)
    with _Live(len(entries)) as live:
        batch = Batch(entries, job, workers=workers, progress=live.show, told=live.tell)
        try:
            batch.look() if dry_run else batch.run()
        finally:  # after Ctrl-C too
            live.close()
            _summarize(batch.results, summaries, as_json)
    return SOME_FAILED if any(one.error is not None for one in batch.results) else 0


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
            for ear in result.found:
                say(
                    f"{result.clip}: found the {ear['name']} ear on frame {ear['keyframe']}, "
                    f"confidence {ear['confidence']:.2f}"
                )
            for warning in result.warnings:
                say(f"{result.clip}: {warning}")


def _line(result: ClipResult) -> str:
    if result.error is not None:
        return result.error.removeprefix(f"{result.clip}: ")
    if result.frames_per_second is None:
        return result.state
    return f"{result.state}, {result.tracked} frames at {result.frames_per_second:.1f} frames/s"


def _summarize(results: Sequence[ClipResult], files: Sequence[Path], as_json: bool) -> None:
    from earvid.batch import as_table, write_summary
    from earvid.batch.summary import as_json as to_json

    click.echo(to_json(results).rstrip() if as_json else as_table(results))
    for path in files:
        write_summary(path, results)
