"""``earvid train-detector``."""

from __future__ import annotations

from pathlib import Path

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import FILE, as_path, positive


@click.command("train-detector")
@click.argument("data", nargs=-1, required=True, type=FILE, callback=as_path, metavar="DATA...")
@click.option(
    "--run",
    type=FILE,
    callback=as_path,
    required=True,
    metavar="FOLDER",
    help="Folder of the run; a run that is in it goes on.",
)
@click.option(
    "--leave-out",
    multiple=True,
    metavar="PATTERN",
    help="Photos that are not used at all, such as 'awe/07*'; can be given again.",
)
@click.option(
    "--hold-out",
    multiple=True,
    metavar="PATTERN",
    help="Photos kept for validation and for fitting the confidence; can be given again.",
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
@click.option(
    "--trunk-weights",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="ImageNet weights of EfficientNet-Lite0 to start a new run from.",
)
@click.option(
    "--minutes",
    type=positive,
    default=35.0,
    show_default=True,
    metavar="N",
    help="Training time of the whole run.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    metavar="N",
    help="Scenes in one step.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Of the scenes.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="CPU threads; 0 leaves them as they are.",
)
def command(
    data: tuple[Path, ...],
    run: Path,
    leave_out: tuple[str, ...],
    hold_out: tuple[str, ...],
    sides: Path | None,
    faces_right: tuple[str, ...],
    trunk_weights: Path | None,
    minutes: float,
    batch: int,
    seed: int,
    threads: int,
) -> None:
    """Train the detector that finds ears when no prompt is given.

    Each DATA folder has images/ and masks/ with files of the same names; in a mask, anything but
    0 is ear, and every ear of a photo has one. The run's folder gets a log, sample pictures,
    checkpoints, and weights.safetensors. Stopped and called again, the run goes on.
    """
    hush_opencv()
    from earvid.train import find_stills, split
    from earvid.train.detector import DetectorSettings, DetectorTrainer
    from earvid.train.detector_photos import SideBook, load_photos

    refs = split(find_stills(data), leave_out)[0]
    refs, held = split(refs, hold_out)
    book = SideBook(sides, faces_right)
    kinds = dict.fromkeys(ref.name.rsplit("/", 1)[0] for ref in refs)
    groups = [
        load_photos([r for r in refs if r.name.rsplit("/", 1)[0] == kind], book) for kind in kinds
    ]
    settings = DetectorSettings(minutes=minutes, batch=batch, seed=seed, threads=threads)
    trainer = DetectorTrainer(
        run,
        settings,
        groups,
        load_photos(held, book),
        trunk=trunk_weights,
        log=lambda line: click.echo(line, err=True),
    )
    scores = trainer.fit()
    click.echo(f"{run / 'weights.safetensors'}" + (f": {scores.sentence()}" if scores else ""))
