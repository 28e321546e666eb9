"""``earvid track``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.progress import progress_bar
from earvid.cli.prompts import ITEMS, PromptCommand, prompt_for, prompt_options
from earvid.errors import EarvidError, UsageError

if TYPE_CHECKING:
    from earvid.pipeline import TrackReport, TrackSettings

SOME_FAILED = 3


@dataclass(frozen=True)
class _Job:
    """What is asked of every clip."""

    items: list[tuple[Any, Any]]
    keyframe: int
    prompt_file: Path | None
    output: Path | None
    settings: TrackSettings
    overwrite: bool
    dry_run: bool


@click.command("track", cls=PromptCommand)
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CLIP..."
)
@prompt_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="STORE",
    help="Store to write; <clip>.earvid.zarr beside the clip by default.",
)
@click.option("--model", default="earvid-nano", show_default=True, help="Name of the model.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights to use instead of the model's own.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--roi",
    type=click.Choice(["follow", "off"]),
    default="follow",
    show_default=True,
    help="Follow each ear with a crop, or look at the whole frame as stock SAM 2 does.",
)
@click.option(
    "--reader",
    type=click.Choice(["auto", "decord", "pyav"]),
    default="auto",
    show_default=True,
    help="Video reader; auto takes decord where it is exact.",
)
@click.option("--overwrite", is_flag=True, help="Replace a store that was made differently.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    clips: tuple[Path, ...],
    keyframe: int,
    prompt_file: Path | None,
    output: Path | None,
    model: str,
    checkpoint: Path | None,
    device: str,
    roi: str,
    reader: str,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **_: Any,
) -> int:
    """Track ears from a prompt on one frame through every frame of a clip.

    CLIP is a video or a folder of images. Results go to a zarr store; a run that was stopped goes
    on where it was. Without prompt options, <clip>.prompt.json beside the clip is used.
    """
    from earvid.pipeline import TrackSettings

    if output is not None and len(clips) > 1:
        raise UsageError("--output names one store; with several clips each gets its own.")
    settings = TrackSettings(
        model=model, checkpoint=checkpoint, device=device, roi=roi, reader=reader
    )
    job = _Job(ctx.meta[ITEMS], keyframe, prompt_file, output, settings, overwrite, dry_run)
    outcomes = [_run(clips[0], job)] if len(clips) == 1 else [_try(clip, job) for clip in clips]
    _print(outcomes, as_json)
    return SOME_FAILED if any("error" in o for o in outcomes) else 0


def _try(clip: Path, job: _Job) -> dict[str, Any]:
    """Run one clip of several; a bad one does not stop the others."""
    try:
        return _run(clip, job)
    except EarvidError as error:
        click.echo(f"earvid: {clip}: {error}", err=True)
        return {"clip": str(clip), "error": str(error)}


def _run(clip: Path, job: _Job) -> dict[str, Any]:
    from earvid.pipeline import check, track

    if not clip.exists():
        raise EarvidError(f"There is no clip {clip}.")
    prompt = prompt_for(clip, job.items, job.keyframe, job.prompt_file)
    if job.dry_run:
        store, decision = check(
            clip, prompt, job.output, settings=job.settings, overwrite=job.overwrite
        )
        return {"clip": str(clip), "store": str(store), "would": decision}
    with progress_bar(clip.name) as progress:
        report = track(
            clip,
            prompt,
            job.output,
            settings=job.settings,
            overwrite=job.overwrite,
            progress=progress,
        )
    for warning in report.warnings:
        click.echo(f"earvid: {clip.name}: {warning}", err=True)
    return {"clip": str(clip), **report.to_dict(), "text": _text(report)}


def _print(outcomes: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        rows = [{k: v for k, v in o.items() if k != "text"} for o in outcomes]
        click.echo(json.dumps(rows[0] if len(rows) == 1 else rows, indent=2))
        return
    for o in outcomes:
        if "would" in o:
            click.echo(f"{o['clip']}: would {o['would']} {o['store']}")
        elif "text" in o:
            click.echo(o["text"])


def _text(report: TrackReport) -> str:
    if report.tracked:
        speed = f"{report.tracked} tracked at {report.frames_per_second:.1f} frames/s"
    else:
        speed = "complete before, nothing to do"
    lines = [f"{report.store}: {report.frames} frames, {speed}"]
    for ear in report.ears:
        score = "never seen" if math.isnan(ear.mean_score) else f"mean score {ear.mean_score:.3f}"
        gaps = ", ".join(f"{a}–{b - 1}" if b - a > 1 else str(a) for a, b in ear.absent)
        away = f"not visible on frames {gaps}" if gaps else "visible on every frame"
        lines.append(f"  {ear.name}: {score}, {away}")
    return "\n".join(lines)
