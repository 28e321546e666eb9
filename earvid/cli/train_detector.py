"""``earvid train-detector``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import (
    DATA,
    FILE,
    RUN,
    THREADS,
    as_path,
    count,
    hold_out,
    minutes,
    trunk_weights,
)
from earvid.errors import EarvidError

if TYPE_CHECKING:
    from earvid.train import StillRef


@click.command("train-detector")
@DATA
@RUN
@click.option(
    "--leave-out",
    multiple=True,
    metavar="PATTERN",
    help="Photos that are not used at all, such as 'awe/07*'; can be given again.",
)
@hold_out(
    "Photos kept for validation and for fitting the confidence, which is no probability without "
    "them; can be given again."
)
@click.option(
    "--sides",
    type=FILE,
    callback=as_path,
    metavar="FILE.csv",
    help="Which ears are left and right: columns photo (folder/stem), x, y and side.",
)
@click.option(
    "--faces-right",
    multiple=True,
    metavar="PATTERN",
    help="Photos in which all faces look to image-right, such as 'closeup/*'.",
)
@trunk_weights("ImageNet weights of EfficientNet-Lite0 to start a new run from.")
@click.option(
    "--start",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Weights of a detector to start a new run from, instead; such as those that ship.",
)
@minutes(35.0)
@count("--drawn", 60, "Drawn ears that are learned from beside the photos.")
@count("--batch", 16, "Scenes in one step.")
@count("--seed", 0, "Of the scenes.", least=0)
@THREADS
def command(
    data: tuple[Path, ...],
    run: Path,
    leave_out: tuple[str, ...],
    hold_out: tuple[str, ...],
    sides: Path | None,
    faces_right: tuple[str, ...],
    trunk_weights: Path | None,
    start: Path | None,
    minutes: float,
    drawn: int,
    batch: int,
    seed: int,
    threads: int,
) -> None:
    """Train the detector that finds ears when no prompt is given.

    Each DATA folder has images/ and masks/ with files of the same names; in a mask, anything but
    0 is ear, and every ear of a photo has one. An empty mask says that a photo shows no ear. Where
    a file of that name in ignore/ is not 0, nothing is judged. The run's folder gets a log, sample
    pictures, checkpoints, and weights.safetensors. Stopped and called again, the run goes on.
    """
    if trunk_weights is not None and start is not None:
        raise click.UsageError("Give either --trunk-weights or --start, not both.")
    hush_opencv()
    from earvid.train import find_stills, select, split
    from earvid.train.detector import DetectorSettings, DetectorTrainer
    from earvid.train.detector_photos import Photo, SideBook, load_photos
    from earvid.train.photos import PhotoCache

    refs = split(find_stills(data), leave_out)[0]
    select(refs, faces_right)  # refuses patterns that match nothing
    book = SideBook(sides, faces_right)
    if sides is not None and not any(book.tells(ref.name) for ref in refs):
        raise EarvidError(f"{sides} tells of none of the photos; name them folder/stem.")
    refs, held = split(refs, hold_out)
    cache: PhotoCache[Photo] = PhotoCache()
    kinds: dict[str, list[StillRef]] = {}
    for ref in refs:
        kinds.setdefault(ref.name.rsplit("/", 1)[0], []).append(ref)
    groups = [load_photos(kind, book, cache) for kind in kinds.values()]
    settings = DetectorSettings(
        minutes=minutes, drawn=drawn, batch=batch, seed=seed, threads=threads
    )
    trainer = DetectorTrainer(
        run,
        settings,
        groups,
        load_photos(held, book, cache),
        trunk=trunk_weights,
        start=start,
        log=lambda line: click.echo(line, err=True),
    )
    scores = trainer.fit()
    click.echo(f"{run / 'weights.safetensors'}" + (f": {scores.sentence()}" if scores else ""))
