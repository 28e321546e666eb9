"""``earvid correct``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    from earvid.prompt import FramePrompt, Prompt
    from earvid.store import StorePath


@click.command("correct", cls=PromptCommand)
@click.argument("store", type=FILE, callback=as_store)
@click.option(
    "--frame",
    type=click.IntRange(min=0),
    required=True,
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
    help="Prompt file that the store was made from; needed if that has masks.",
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
    frame: int,
    ear: str | None,
    landmarks: tuple[str, ...],
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
    """Correct a STORE on one frame, where you say where the ear is.

    The frame becomes a keyframe more, and the ear is tracked anew from it to the keyframes beside
    it or the ends of the clip, with the model and the settings of the store; all else stays as it
    is. 'earvid qc' shows which frames to correct.
    """
    hush_opencv()
    _refuse_modes(landmarks)
    if save_prompt is None:
        refuse_given(ctx, "without --save-prompt", "overwrite")
    there = _frame_prompt(ctx.meta[ITEMS], frame)
    from earvid.pipeline.again import prompt_of, settings_of, with_keyframe
    from earvid.prompt import Prompt
    from earvid.store import Store, settle

    if not dry_run:
        settle(store)  # a correction that was stopped on its last step comes first
    opened = Store.open(store)
    before = prompt_of(opened) if prompt_file is None else Prompt.load(prompt_file)
    prompt = with_keyframe(before, ear, frame, there)
    _check_saved(prompt, save_prompt, overwrite)
    settings = settings_of(opened, checkpoint=checkpoint, device=device)
    clip = clip_path or _beside(store, opened.clip_name)
    row = _run(clip, store, prompt, settings, dry_run)
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


def _frame_prompt(items: list[tuple[Any, str]], frame: int) -> FramePrompt:
    """What the options say about the ear."""
    from earvid.prompt import prompt_from_options

    if not items:
        raise UsageError(
            "Nothing says where the ear is; give --box, --point, --mask or --landmarks."
        )
    prompt = prompt_from_options(items, frame)
    if len(prompt.objects) > 1:
        raise UsageError("A correction is of one ear; give one --box, --mask and --landmarks.")
    return prompt.objects[0].frames[frame]


def _beside(store: StorePath, clip_name: str) -> Path:
    clip = store.resolve().parent / clip_name if isinstance(store, Path) else None
    if clip is None or not clip.exists():
        raise UsageError(f"The clip {clip_name} is not beside the store; name it with --clip.")
    return clip


def _run(
    clip: Path, store: StorePath, prompt: Prompt, settings: TrackSettings, dry_run: bool
) -> dict[str, Any]:
    from earvid.pipeline import check, track

    if dry_run:
        _, decision = check(clip, prompt, str(store), settings=settings)
        return {"clip": str(clip), "store": str(store), "would": decision}
    with progress_bar(clip.name) as progress:
        report = track(clip, prompt, str(store), settings=settings, progress=progress)
    return {"clip": str(clip), **report.to_dict()}


def _tell(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(to_json(row))
    elif "would" in row:
        click.echo(f"{row['clip']}: would {row['would']} {row['store']}")
    else:
        click.echo(f"{row['store']}: {row['tracked']} of {row['frames']} frames tracked anew")
        for name, anew in row.get("corrected", {}).items():
            click.echo(f"  {name}: tracked anew on frames {spans(anew)}")
        for ear in row["ears"]:
            click.echo(ear_line(ear))
