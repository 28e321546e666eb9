"""``earvid render``."""

from __future__ import annotations

from pathlib import Path

import click

from earvid.cli.options import FILE, as_path, refuse_given
from earvid.cli.progress import progress_bar
from earvid.errors import UsageError


@click.command("render")
@click.argument("store", type=FILE, callback=as_path)
@click.option(
    "--clip",
    "clip_path",
    type=FILE,
    callback=as_path,
    metavar="CLIP",
    help="The clip; looked for beside the store by default.",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    callback=as_path,
    metavar="FILE.mp4",
    help="Video to write; <clip>.overlay.mp4 beside the store by default.",
)
@click.option(
    "--sheet",
    type=FILE,
    callback=as_path,
    metavar="FILE.png",
    help="Write a contact sheet with a legend instead of a video.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 400),
    default=12,
    show_default=True,
    metavar="N",
    help="Frames on the contact sheet.",
)
@click.option(
    "--start",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="First frame of the video.",
)
@click.option(
    "--end",
    type=click.IntRange(min=1),
    metavar="N",
    help="Frame after the last of the video; the clip's end by default.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.pass_context
def command(
    ctx: click.Context,
    store: Path,
    clip_path: Path | None,
    output: Path | None,
    sheet: Path | None,
    count: int,
    start: int,
    end: int | None,
    overwrite: bool,
) -> None:
    """Draw the results in STORE over its clip: contours, boxes, scores and absences.

    \b
    Examples:
      earvid render clip.earvid.zarr
      earvid render clip.earvid.zarr --sheet sheet.png --count 24
    """
    from earvid.render import contact_sheet, render_store
    from earvid.store import RemotePath, Store
    from earvid.video import Clip

    if sheet is None:
        refuse_given(ctx, "without --sheet", "count")
    else:
        refuse_given(ctx, "beside --sheet", "output", "start", "end")
    opened = Store.open(store)
    with Clip.open(clip_path or _beside(store, opened.clip_name)) as clip:
        if sheet is not None:
            click.echo(contact_sheet(opened, clip, sheet, count=count, overwrite=overwrite))
            return
        name = f"{Path(opened.clip_name).stem}.overlay.mp4"
        remote = isinstance(opened.path, RemotePath)  # then it goes to the current folder
        target = output or (Path(name) if remote else store.with_name(name))
        with progress_bar(target.name) as progress:
            made = render_store(
                opened,
                clip,
                target,
                start=start,
                stop=end,
                overwrite=overwrite,
                progress_callback=progress,
            )
    click.echo(made)


def _beside(store: Path, clip_name: str) -> Path:
    clip = store.resolve().parent / clip_name
    if not clip.exists():
        raise UsageError(f"The clip {clip_name} is not beside the store; name it with --clip.")
    return clip
