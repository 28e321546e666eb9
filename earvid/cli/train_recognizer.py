"""``earvid train-recognizer``."""

from __future__ import annotations

from pathlib import Path

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import FILE, as_path, positive


@click.command("train-recognizer")
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
    "--hold-out",
    multiple=True,
    metavar="PATTERN",
    help="Photos kept for measuring and for fitting the threshold; can be given again.",
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
    default=25.0,
    show_default=True,
    metavar="N",
    help="Training time of the whole run.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Of everything random.",
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
    hold_out: tuple[str, ...],
    trunk_weights: Path | None,
    minutes: float,
    seed: int,
    threads: int,
) -> None:
    """Train the recognizer that tells a lost ear from another one.

    Each DATA folder has images/ and masks/ with files of the same names. Photos of one person
    begin alike: bs003a and bs003b are two views of the subject bs003. The run's folder gets a log,
    checkpoints, and weights.safetensors. Stopped and called again, the run goes on.
    """
    hush_opencv()
    from earvid.train import find_stills, load_still, split
    from earvid.train.recognizer import RecognizerSettings, RecognizerTrainer
    from earvid.train.recognizer_views import keep_ears

    refs, held = split(find_stills(data), hold_out)
    settings = RecognizerSettings(minutes=minutes, seed=seed, threads=threads)
    trainer = RecognizerTrainer(
        run,
        settings,
        keep_ears(load_still(ref) for ref in refs),
        keep_ears(load_still(ref) for ref in held),
        trunk=trunk_weights,
        log=lambda line: click.echo(line, err=True),
    )
    scores = trainer.fit()
    click.echo(f"{run / 'weights.safetensors'}" + (f": {scores.sentence()}" if scores else ""))
