"""``earvid download``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("download")
@click.argument("model", required=False)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to put the file; the cache folder by default.",
)
def command(model: str | None, folder: Path | None) -> None:
    """Fetch the weights of MODEL and check them; without MODEL, list the models."""
    from earvid.errors import ModelError
    from earvid.models import ZOO, download, find_weights
    from earvid.models.zoo import progress_downloader

    if model is not None:
        click.echo(download(model, folder, progress_downloader()))
        return
    for spec in ZOO.values():
        try:
            state = str(find_weights(spec))
        except ModelError:
            state = "can be downloaded" if spec.url else "local file only"
        click.echo(f"{spec.name:17} {spec.about}: {state}")
