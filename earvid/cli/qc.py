"""``earvid qc``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import FILE, as_path, refuse_given
from earvid.cli.progress import progress_bar
from earvid.cli.tracking import as_store
from earvid.errors import UsageError

if TYPE_CHECKING:
    from earvid.store import StorePath

SOME_FAILED = 3


def _places(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[StorePath | None, ...]:
    return tuple(as_store(ctx, param, value) for value in values)


@click.command("qc")
@click.argument("sources", nargs=-1, required=True, type=FILE, callback=_places, metavar="STORE...")
@click.option(
    "--to",
    type=FILE,
    callback=as_path,
    metavar="FILE|FOLDER",
    help="Page to write, .html, or folder for several; beside each store by default.",
)
@click.option(
    "--memory",
    type=FILE,
    callback=as_path,
    metavar="FILE.png",
    help="Instead of a page, draw which frames each mask was conditioned on.",
)
@click.option(
    "--clip",
    "clip_path",
    type=FILE,
    callback=as_path,
    metavar="CLIP",
    help="The clip; without it, and none beside the store, pictures are gray.",
)
@click.option("--overwrite", is_flag=True, help="Replace files, even if they are no such pages.")
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[StorePath, ...],
    to: Path | None,
    memory: Path | None,
    clip_path: Path | None,
    overwrite: bool,
) -> int:
    """Show where to look twice: a page per STORE, and one of all of them.

    A page needs no network and no other file. It shows the clip, its ears over time, and the spans
    that are worth a look, the most doubtful first, each with the command that corrects it.

    STORE may also be a folder with stores, or a summary of a batch. Of a folder, the summaries in
    it are read too, and what those beside it and in the current folder say of its clips: clips that
    failed are listed with the reason. The page of all clips is qc.html in that folder, or above the
    stores.

    \b
    Examples:
      earvid qc clip.earvid.zarr
      earvid qc clips/
      earvid qc clip.earvid.zarr --memory bank.png
    """
    hush_opencv()
    if memory is not None:
        refuse_given(ctx, "beside --memory", "to")
        _draw_memory(sources, memory, clip_path, overwrite)
        return 0
    from earvid.qc import plan_pages, write_pages

    plan = plan_pages(sources, to, overwrite=overwrite)
    if clip_path is not None and plan.index is not None:
        raise UsageError("--clip names one clip; with several stores make the pages one by one.")
    made = write_pages(
        plan, clip_path, progress=lambda store: progress_bar(store.name), told=click.echo
    )
    for failure in made.failures:
        say(failure.sentence)
    return SOME_FAILED if made.failures else 0


def _draw_memory(
    sources: tuple[StorePath, ...], memory: Path, clip_path: Path | None, overwrite: bool
) -> None:
    from earvid.qc import memory_picture
    from earvid.qc.commands import beside
    from earvid.store import Store
    from earvid.video import Clip

    if len(sources) > 1:
        raise UsageError("--memory draws one store; name just that.")
    opened = Store.open(sources[0])
    there = beside(opened)
    with ExitStack() as stack:
        found = clip_path or (there if there is not None and there.exists() else None)
        clip = None if found is None else stack.enter_context(Clip.open(found))
        click.echo(memory_picture(opened, memory, clip=clip, overwrite=overwrite))
