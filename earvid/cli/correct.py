"""``earvid correct``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.correcting import AbsentRange, absent_range, read_correction
from earvid.cli.found import check_keep, keep
from earvid.cli.messages import hush_opencv
from earvid.cli.options import DEVICE, FILE, as_path, refuse_given
from earvid.cli.progress import progress_bar
from earvid.cli.prompts import ITEMS, MODES, PromptCommand, box, point
from earvid.cli.tracking import as_store
from earvid.cli.words import ear_line, spans, to_json
from earvid.errors import UsageError

if TYPE_CHECKING:
    from earvid.pipeline import TrackSettings
    from earvid.prompt import Prompt
    from earvid.store import Store, StorePath


@click.command("correct", cls=PromptCommand)
@click.argument("store", type=FILE, callback=as_store)
@click.option(
    "--frame",
    type=click.IntRange(min=0),
    metavar="N",
    help="Frame that is wrong, counted from 0.",
)
@click.option("--ear", metavar="NAME", help="Which ear, where there are several.")
@click.option("--box", type=box, multiple=True, metavar="X0,Y0,X1,Y1", help="Box of the ear there.")
@click.option(
    "--point",
    type=point,
    multiple=True,
    metavar="X,Y[,0]",
    help="Point on the ear, or with ',0' on the background.",
)
@click.option("--mask", type=FILE, multiple=True, metavar="FILE", help="Mask image of the ear.")
@click.option(
    "--landmarks",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Landmarks of the ear: .json, .csv or iBUG .pts; 'earvid landmarks' writes them.",
)
@click.option(
    "--absent",
    type=absent_range,
    multiple=True,
    metavar="A:B",
    help="Frames on which the ear is not, from A on and before B; without B to the end of the "
    "clip, and ':' takes the ear out of it.",
)
@click.option(
    "--present",
    type=absent_range,
    multiple=True,
    metavar="A:B",
    help="Frames on which it is no longer said to be absent; may come with --frame and --box.",
)
@click.option(
    "--clip",
    "clip_path",
    type=FILE,
    callback=as_path,
    metavar="CLIP",
    help="The clip; looked for beside the store by default.",
)
@click.option(
    "--prompt",
    "prompt_file",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Prompt file that the store was made from; needed if that has masks. Without "
    "--frame and --absent it is the corrected prompt itself.",
)
@click.option(
    "--save-prompt",
    type=FILE,
    callback=as_path,
    metavar="FILE.json",
    help="Write the corrected prompt to a file, too; needed if it has masks.",
)
@click.option(
    "--checkpoint",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Weights that the store was made with, unless they are the model's own.",
)
@DEVICE
@click.option("--overwrite", is_flag=True, help="Replace the file of --save-prompt if it exists.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    store: StorePath,
    frame: int | None,
    ear: str | None,
    landmarks: tuple[str, ...],
    absent: tuple[AbsentRange, ...],
    present: tuple[AbsentRange, ...],
    clip_path: Path | None,
    prompt_file: Path | None,
    save_prompt: Path | None,
    checkpoint: Path | None,
    device: str,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **_: Any,
) -> None:
    """Correct a STORE: say where the ear is on a frame, or on which frames it is not.

    The frame becomes a keyframe more, and the ear is tracked anew from it to the keyframes beside
    it or the ends of the clip, with the model and the settings of the store; all else stays as it
    is. 'earvid qc' shows which frames to correct.

    Where --absent says that the ear is not, its mask is empty, and if one was seen there, what
    follows is tracked anew, up to the next keyframe. What was said wrongly is taken back with
    --present, or with a prompt file that has fewer "absent" ranges, given by --prompt alone.

    \b
    Examples:
      earvid correct clip.earvid.zarr --frame 40 --box 412,160,498,301
      earvid correct clip.earvid.zarr --frame 40 --point 455,230 --save-prompt all.json
      earvid correct clip.earvid.zarr --absent 32:38
      earvid correct clip.earvid.zarr --absent :
    """
    hush_opencv()
    _refuse_modes(landmarks)
    if save_prompt is None:
        refuse_given(ctx, "without --save-prompt", "overwrite")
    said = read_correction(ctx.meta[ITEMS], ear, frame, absent, present, prompt_file)
    from earvid.pipeline.again import prompt_of, settings_of
    from earvid.prompt import Prompt
    from earvid.store import Store, settle

    if not dry_run:
        settle(store)  # a correction that was stopped on its last step comes first
    opened = Store.open(store)
    before = prompt_of(opened) if prompt_file is None else Prompt.load(prompt_file)
    prompt = said.apply(before, opened)
    _check_saved(prompt, save_prompt, overwrite)
    settings = settings_of(opened, checkpoint=checkpoint, device=device)
    clip = clip_path or _beside(store, opened.clip_name)
    row = _run(clip, opened, prompt, settings, dry_run)
    if save_prompt is not None and not dry_run:
        keep(prompt, save_prompt, overwrite=overwrite)
    _tell(row, as_json)


def _refuse_modes(landmarks: tuple[str, ...]) -> None:
    """Refuse what 'earvid track' takes instead of a file: a correction keeps the settings."""
    for text in landmarks:
        if text in MODES:
            raise UsageError(
                f"--landmarks {text} does nothing here: a store is corrected with the settings it "
                f"has; name a file of landmarks."
            )


def _check_saved(prompt: Prompt, to: Path | None, overwrite: bool) -> None:
    """See, before any work, that the corrected prompt will be somewhere."""
    if to is not None:
        check_keep(prompt, to, overwrite=overwrite)
    elif any(frame.mask is not None for one in prompt.objects for frame in one.frames.values()):
        raise UsageError(
            "The corrected prompt has masks, which a store does not keep: name a file for it with "
            "--save-prompt, from which the store can be corrected again."
        )


def _beside(store: StorePath, clip_name: str) -> Path:
    clip = store.resolve().parent / clip_name if isinstance(store, Path) else None
    if clip is None or not clip.exists():
        raise UsageError(f"The clip {clip_name} is not beside the store; name it with --clip.")
    return clip


def _run(
    clip: Path, store: Store, prompt: Prompt, settings: TrackSettings, dry_run: bool
) -> dict[str, Any]:
    from earvid.pipeline import check, track
    from earvid.pipeline.correct import planned
    from earvid.pipeline.report import ear_dict, summarize
    from earvid.store import compress_in_one_thread

    compress_in_one_thread()
    path = str(store.path)
    if dry_run:
        _, decision = check(clip, prompt, path, settings=settings, by_hand=True)
        anew = planned(store, prompt) if decision == "correct" else {}
        told = {name: [list(span) for span in found] for name, found in anew.items()}
        row = {"clip": str(clip), "store": path, "would": decision}
        return {**row, "corrected": told} if told else row
    before = [ear_dict(ear) for ear in summarize(store)]  # which the correction replaces
    with progress_bar(clip.name) as progress:
        report = track(clip, prompt, path, settings=settings, progress=progress, by_hand=True)
    return {"clip": str(clip), **report.to_dict(), "before": before}


def _tell(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(to_json(row))
    elif "would" in row:
        click.echo(f"{row['clip']}: would {row['would']} {row['store']}")
        for name, anew in row.get("corrected", {}).items():
            count = sum(stop - start for start, stop in anew)
            click.echo(f"  would track {name} anew on frames {spans(anew)} ({count} frames)")
    else:
        click.echo(f"{row['store']}: {row['tracked']} of {row['frames']} frames tracked anew")
        before = {ear["name"]: ear for ear in row["before"]}
        for ear in row["ears"]:
            anew = row.get("corrected", {}).get(ear["name"])
            then = before.get(ear["name"])  # which a new ear has not
            known = anew is not None and then is not None
            click.echo(_changed_line(anew, ear, then) if known else ear_line(ear))


def _changed_line(anew: Any, now: dict[str, Any], then: Any) -> str:
    """What a correction did to an ear, beside what it was before."""
    scores = ["none" if ear["mean_score"] is None else f"{ear['mean_score']:.2f}"
              for ear in (now, then)]  # fmt: skip
    return (
        f"  {now['name']}: tracked anew on frames {spans(anew)}; visible on {now['visible']} "
        f"frames (before {then['visible']}), mean score {scores[0]} ({scores[1]})"
    )
