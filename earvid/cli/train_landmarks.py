"""``earvid train-landmarks``."""

from __future__ import annotations

from pathlib import Path

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
    positive,
    trunk_weights,
)


@click.command("train-landmarks")
@DATA
@RUN
@click.option(
    "--leave-out",
    multiple=True,
    metavar="PATTERN",
    help="Photos that are not used at all, such as 'awe/07*'; can be given again.",
)
@hold_out("Photos with landmarks kept to score on; can be given again.")
@click.option(
    "--calibrate",
    multiple=True,
    metavar="PATTERN",
    help="Photos with landmarks kept to fit the confidences on; can be given again.",
)
@click.option(
    "--mesh",
    type=FILE,
    callback=as_path,
    metavar="FILE.obj",
    help="Ear mesh to render, with landmark55_uhm_vertex_indices.txt beside it.",
)
@click.option(
    "--sides",
    type=FILE,
    callback=as_path,
    metavar="FILE.csv",
    help="Which ears with masks alone are left and right: columns photo, x, y and side.",
)
@trunk_weights("ImageNet weights of EfficientNet-Lite0 to start a new run from.")
@click.option(
    "--minutes",
    type=positive,
    default=40.0,
    show_default=True,
    metavar="N",
    help="Training time of the whole run.",
)
@count("--rendered", 300, "Ears rendered from the mesh.", least=0)
@count("--drawn", 60, "Ears drawn by earvid.sample.", least=0)
@count("--seed", 0, "Of all randomness.", least=0)
@THREADS
def command(
    data: tuple[Path, ...],
    run: Path,
    leave_out: tuple[str, ...],
    hold_out: tuple[str, ...],
    calibrate: tuple[str, ...],
    mesh: Path | None,
    sides: Path | None,
    trunk_weights: Path | None,
    minutes: float,
    rendered: int,
    drawn: int,
    seed: int,
    threads: int,
) -> None:
    """Train the first guess of the 55 landmarks.

    Each DATA folder has images/ and either landmarks/ with .pts files or masks/, of the same names;
    what the masks' ears look like is guessed half-way, and used where it fits the mask. The run's
    folder gets a log, sample pictures, checkpoints, and weights.safetensors. Stopped and called
    again, the run goes on.
    """
    hush_opencv()
    from earvid.train.detector_photos import SideBook
    from earvid.train.landmark_data import find_data, load_data
    from earvid.train.landmark_settings import LandmarkSettings
    from earvid.train.landmark_trainer import LandmarkTrainer

    found = find_data(data, leave_out=leave_out, hold_out=hold_out, calibrate=calibrate)
    loaded = load_data(
        found, book=SideBook(sides), mesh=mesh, rendered=rendered, drawn=drawn, seed=seed
    )
    trainer = LandmarkTrainer(
        run,
        LandmarkSettings(minutes=minutes, seed=seed, threads=threads),
        loaded,
        trunk=trunk_weights,
        log=lambda line: click.echo(line, err=True),
    )
    scores = trainer.fit()
    click.echo(f"{run / 'weights.safetensors'}" + (f": {scores.sentence()}" if scores else ""))
    for line in scores.lines()[1:] if scores else ():
        click.echo(line)
