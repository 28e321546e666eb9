"""``earvid export``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import FILE, as_path, refuse_given
from earvid.cli.progress import progress_bar
from earvid.errors import UsageError

SHARE = click.FloatRange(0, 1)


@click.command("export", no_args_is_help=False)
@click.argument("store", type=FILE, callback=as_path, required=False)
@click.option(
    "--to",
    "formats",
    multiple=True,
    metavar="FORMAT",
    help="Format to write; can be given again. --list names them.",
)
@click.option("--list", "list_formats", is_flag=True, help="List the formats.")
@click.option(
    "-o",
    "--output",
    type=FILE,
    callback=as_path,
    metavar="PATH",
    help="File or folder to write; beside the store, with the clip's name, by default.",
)
@click.option(
    "--frames",
    metavar="RANGES",
    help="Frames, such as 7, 10:40 or 0:300:5, and commas between; ends are exclusive.",
)
@click.option("--ear", "ears", multiple=True, metavar="NAME", help="Ear; can be given again.")
@click.option(
    "--min-score", type=SHARE, metavar="X", help="Ears of a lower score count as not visible."
)
@click.option("--min-presence", type=SHARE, metavar="X", help="Likewise, of a lower presence.")
@click.option(
    "--min-confidence", type=SHARE, metavar="X", help="Leave out landmarks of a lower confidence."
)
@click.option(
    "--video",
    "picture",
    type=click.Choice(["overlay", "matte", "crop"]),
    default="overlay",
    show_default=True,
    help="What an mp4 shows: masks over the clip, masks alone, or a crop that follows the ears.",
)
@click.option(
    "--clip",
    "clip_path",
    type=FILE,
    callback=as_path,
    metavar="CLIP",
    help="The clip, for mp4; looked for beside the store by default.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.pass_context
def command(
    ctx: click.Context,
    store: Path | None,
    formats: tuple[str, ...],
    list_formats: bool,
    output: Path | None,
    frames: str | None,
    ears: tuple[str, ...],
    min_score: float | None,
    min_presence: float | None,
    min_confidence: float | None,
    picture: Any,
    clip_path: Path | None,
    overwrite: bool,
) -> None:
    """Write the results in STORE, or a part of them, for other tools.

    An output is there wholly or not at all. Formats that need a package which is not installed fail
    at the end, after all others are written. Frames that are selected stay where thresholds take
    their ears away, so that frame numbers hold.

    \b
    Examples:
      earvid export clip.earvid.zarr --to coco
      earvid export clip.earvid.zarr --to csv --to npz --min-score 0.8
      earvid export clip.earvid.zarr --to mp4 --video crop
    """
    if list_formats:
        _list_formats()
        return
    if store is None or not formats:
        raise click.UsageError("Give a STORE and at least one --to; --list names the formats.", ctx)
    if output is not None and len(formats) > 1:
        raise UsageError("--output names one file; give one --to with it.")
    if "mp4" not in formats:
        refuse_given(ctx, "without --to mp4", "picture", "clip_path")
    hush_opencv()
    from earvid.export import FORMATS, Selection, export, parse_frames
    from earvid.export.formats import check_installed, missing_package
    from earvid.store import Store
    from earvid.video import Clip

    ready = [name for name in formats if missing_package(name) is None]
    selection = Selection(
        frames=None if frames is None else parse_frames(frames),
        ears=ears or None,
        min_score=min_score,
        min_presence=min_presence,
        min_confidence=min_confidence,
    )
    opened = Store.open(store)
    for name in ready:
        with ExitStack() as stack:
            shown = FORMATS[name].clip and picture != "matte"
            path = (clip_path or _beside(store, opened.clip_name)) if shown else None
            clip = None if path is None else stack.enter_context(Clip.open(path))
            progress = stack.enter_context(progress_bar(f"{opened.clip_name} to {name}"))
            made = export(
                opened,
                name,
                output,
                selection=selection,
                clip=clip,
                picture=picture,
                overwrite=overwrite,
                progress=progress,
            )
        click.echo(made)
    check_installed(*formats)


def _list_formats() -> None:
    from earvid.export import FORMATS

    for name, about in FORMATS.items():
        click.echo(f"{name:14} {about.suffix:15} {about.about}")


def _beside(store: Path, clip_name: str) -> Path:
    clip = store.resolve().parent / clip_name
    if not clip.exists():
        raise UsageError(f"The clip {clip_name} is not beside the store; name it with --clip.")
    return clip
