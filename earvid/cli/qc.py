"""``earvid qc``."""

from __future__ import annotations

from pathlib import Path

import click

from earvid.cli.options import FILE, as_path


@click.command("qc")
@click.argument("store", type=FILE, callback=as_path)
@click.option(
    "--memory",
    type=FILE,
    callback=as_path,
    metavar="FILE.png",
    help="Draw which frames each mask was conditioned on, with scores and thumbnails.",
)
@click.option(
    "--clip",
    "clip_path",
    type=FILE,
    callback=as_path,
    metavar="CLIP",
    help="The clip; without it, and none beside the store, thumbnails are gray.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.pass_context
def command(
    ctx: click.Context,
    store: Path,
    memory: Path | None,
    clip_path: Path | None,
    overwrite: bool,
) -> None:
    """Show how the results in STORE came about, and where to look twice."""
    if memory is None:
        raise click.UsageError("Say what to make: --memory FILE.png.", ctx)
    from contextlib import ExitStack

    from earvid.qc import memory_picture
    from earvid.store import Store
    from earvid.video import Clip

    opened = Store.open(store)
    beside = store.resolve().parent / opened.clip_name
    with ExitStack() as stack:
        found = clip_path or (beside if beside.exists() else None)
        clip = None if found is None else stack.enter_context(Clip.open(found))
        click.echo(memory_picture(opened, memory, clip=clip, overwrite=overwrite))
