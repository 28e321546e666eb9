"""``earvid download``."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from earvid.cli.options import FILE, as_path, refuse_given


@click.command("download")
@click.argument("model", required=False)
@click.option(
    "--to",
    "folder",
    type=FILE,
    callback=as_path,
    metavar="FOLDER",
    help="Where to put the file; the cache folder by default.",
)
@click.pass_context
def command(ctx: click.Context, model: str | None, folder: Path | None) -> None:
    """Fetch the weights of MODEL and check them; without MODEL, list the models."""
    import pooch

    from earvid.models import DEFAULT_MODEL, download
    from earvid.models.zoo import progress_downloader

    if model is None:
        refuse_given(ctx, "without a model", "folder")
        _list_models()
        return
    if model == DEFAULT_MODEL:
        refuse_given(ctx, f"for {model}, which comes with earvid", "folder")
    pooch.get_logger().setLevel(logging.WARNING)  # it would tell of every step
    click.echo(download(model, folder, progress_downloader()))


def _list_models() -> None:
    from earvid.errors import ModelError
    from earvid.models import ZOO, find_weights

    for spec in ZOO.values():
        try:
            state = str(find_weights(spec))
        except ModelError:
            state = "can be downloaded" if spec.url else "local file only"
        click.echo(f"{spec.name:17} {spec.about}: {state}")
