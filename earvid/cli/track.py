"""``earvid track``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.found import SEARCH, Search, find, search_options
from earvid.cli.messages import explain, hush_opencv, say, sentence
from earvid.cli.options import FILE, as_path, refuse_given
from earvid.cli.progress import progress_bar
from earvid.cli.prompts import MODE, PromptCommand, given_prompt, prompt_options
from earvid.cli.tracking import as_store, tracking_options, tracking_settings
from earvid.cli.words import ear_line, spans, to_json
from earvid.errors import UsageError, VideoError
from earvid.prompt import prompt_beside

if TYPE_CHECKING:
    from earvid.models import LoadedModel
    from earvid.pipeline import Sureness, TrackReport, TrackSettings
    from earvid.prompt import Prompt
    from earvid.store import StorePath

SOME_FAILED = 3


@dataclass(frozen=True, eq=False)
class _Job:
    """What is asked of every clip."""

    prompt: Prompt | None
    search: Search
    output: StorePath | None
    settings: TrackSettings
    model: LoadedModel | None
    overwrite: bool
    dry_run: bool
    quiet: bool


@click.command("track", cls=PromptCommand)
@click.argument("clips", nargs=-1, required=True, type=FILE, callback=as_path, metavar="CLIP...")
@prompt_options
@search_options
@click.option(
    "-o",
    "--output",
    type=FILE,
    callback=as_store,
    metavar="STORE",
    help="Store to write, a path or s3://bucket/key.zarr; <clip>.earvid.zarr beside the clip by "
    "default.",
)
@tracking_options
@click.option("--overwrite", is_flag=True, help="Replace a store that was made differently.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    clips: tuple[Path, ...],
    keyframe: int,
    prompt_file: Path | None,
    ears: int | None,
    only: Any,
    save_prompt: Path | None,
    output: StorePath | None,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Track ears through every frame of a clip.

    CLIP is a video or a folder of images. Results go to a zarr store; a run that was stopped goes
    on where it was. Without prompt options, <clip>.prompt.json beside the clip is used; without
    that, the prompt that its store has; without that, the ears are found, each is prompted on its
    best frame, and what was chosen is told.

    A complete store is corrected when the prompt has got more keyframes, another prompt on some of
    them, more ears, or more frames on which one is "absent": each ear is tracked anew from a
    keyframe that changed to the keyframes beside it or the ends of the clip, and all else stays as
    it is. --overwrite tracks all anew.

    \b
    Examples:
      earvid track clip.mp4
      earvid track clip.mp4 --box 412,160,498,301 --keyframe 30
      earvid track clip.mp4 --only right --save-prompt clip.prompt.json
    """
    hush_opencv()
    prompt = given_prompt(ctx, keyframe, prompt_file)  # errors in it do not wait for PyTorch
    if prompt is not None:
        refuse_given(ctx, "beside a prompt", *SEARCH)
    if save_prompt is not None and len(clips) > 1:
        raise UsageError("--save-prompt names one file; with several clips track them one by one.")

    _refuse_shared_store(clips, output)
    settings = tracking_settings(ctx, options, ctx.meta[MODE])
    # Several clips share one model; and a check of everything includes the weights.
    shared = len(clips) > 1 or dry_run
    loaded = settings.load() if shared else None
    search = Search(ears, only, save_prompt)
    job = _Job(prompt, search, output, settings, loaded, overwrite, dry_run, as_json)
    if len(clips) == 1:
        rows = [_tell(_run(clips[0], job), as_json)]
    else:
        rows = [_tell(_try(clip, job, ctx.obj), as_json) for clip in clips]
    if as_json:
        click.echo(to_json(rows[0] if len(rows) == 1 else rows))
    return SOME_FAILED if any("error" in row for row in rows) else 0


def _refuse_shared_store(clips: Sequence[Path], output: StorePath | None) -> None:
    """Refuse clips of which one would replace the results of another."""
    from earvid.pipeline.run import default_store

    if output is not None and len(clips) > 1:
        raise UsageError("--output names one store; with several clips each gets its own.")
    taken: dict[Path, Path] = {}
    for clip in clips:
        other = taken.setdefault(default_store(clip), clip)
        if other != clip:
            raise UsageError(
                f"{other} and {clip} would share the store {default_store(clip)}; track them one "
                f"by one, each with --output."
            )


def _try(clip: Path, job: _Job, debug: bool) -> dict[str, Any]:
    """Run one clip of several; a bad one does not stop the others."""
    try:
        return _run(clip, job)
    except Exception as error:
        explain(error, debug=debug, about=str(clip))
        return {"clip": str(clip), "error": sentence(error)}


def _run(clip: Path, job: _Job) -> dict[str, Any]:
    """Track or check one clip, and return plain values that tell what it came to."""
    from earvid.pipeline import check, track
    from earvid.store import compress_in_one_thread
    from earvid.video import Clip

    compress_in_one_thread()
    if not clip.exists():
        raise VideoError(f"{clip} does not exist; check the path.")
    prompt, found, model = _prompt_for(clip, job)
    if job.dry_run:
        store, decision = check(
            clip, prompt, job.output, settings=job.settings, overwrite=job.overwrite
        )
        with Clip.open(clip, reader=job.settings.reader) as opened:
            noticed = list(opened.info.warnings)
        _warn(clip, noticed)
        return {"clip": str(clip), "store": str(store), "would": decision, "warnings": noticed}
    with progress_bar(clip.name) as progress:
        report = track(
            clip,
            prompt,
            job.output,
            settings=job.settings,
            model=model,
            overwrite=job.overwrite,
            progress=progress,
            found=found,
        )
    _warn(clip, report.warnings)
    for name, guess in report.guessed.items() if report.tracked else ():
        say(f"{clip.name}: {_guess(name, guess, report)}")
    return {"clip": str(clip), **report.to_dict(), **({"found": found["ears"]} if found else {})}


def _warn(clip: Path, noticed: Sequence[str]) -> None:
    """Say what the reader noticed about a clip."""
    for warning in noticed:
        say(f"{clip.name}: {warning}")


def _guess(name: str, guess: Sureness, report: TrackReport) -> str:
    """What is said of guessed landmarks."""
    if guess.used:
        return (
            f"landmarks of {name} were guessed on frame {guess.frame}, with {guess.sure:.0%} "
            f"certainty"
        )
    several = ["--ear", name] if len(report.ears) > 1 else []
    words = ["earvid", "correct", str(report.store), *several, "--frame", str(guess.frame)]
    return (
        f"{name} has no landmarks, since a guess on frame {guess.frame} would be right with a "
        f"probability of {guess.sure:.0%} only; to give some, run: {shlex.join(words)} "
        f"--landmarks FILE"
    )


def _prompt_for(clip: Path, job: _Job) -> tuple[Prompt, dict[str, Any] | None, LoadedModel | None]:
    """The prompt given, the one beside the clip, its store's, or one that is found, with a note.

    The model comes with it if it is loaded, as it is for a second look at what was found.
    """
    from earvid.pipeline.run import default_store

    given = job.prompt or prompt_beside(clip)
    if given is not None:
        if job.search.options:
            raise UsageError(f"{job.search.options[0]} does nothing beside {given.source}.")
        if job.prompt is None and not job.quiet:
            say(f"{clip.name}: using {given.source}")
        return given, None, job.model
    models = [] if job.model is None else [job.model]

    def model() -> LoadedModel:
        if not models:
            models.append(job.settings.load())
        return models[0]

    store = job.output or default_store(clip)
    prompt, note = find(
        clip,
        store,
        job.search,
        job.settings,
        model,
        overwrite=job.overwrite,
        dry_run=job.dry_run,
    )
    return prompt, note, models[0] if models else None


def _tell(row: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """Print what a clip came to, as soon as it is known; all in one go later for JSON."""
    if as_json or "error" in row:
        return row
    if "would" in row:
        click.echo(f"{row['clip']}: would {row['would']} {row['store']}")
        return row
    if row["tracked"]:
        speed = f"{row['tracked']} tracked at {row['frames_per_second']:.1f} frames/s"
    else:
        speed = "complete before, nothing to do"
    click.echo(f"{row['store']}: {row['frames']} frames, {speed}")
    for name, anew in row.get("corrected", {}).items():
        click.echo(f"  {name}: tracked anew on frames {spans(anew)}")
    for ear in row["ears"]:
        click.echo(ear_line(ear))
    return row
