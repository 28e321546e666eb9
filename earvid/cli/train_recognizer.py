"""``earvid train-recognizer``."""

from __future__ import annotations

from pathlib import Path

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import DATA, RUN, THREADS, count, hold_out, minutes, trunk_weights


@click.command("train-recognizer")
@DATA
@RUN
@hold_out("Photos kept for measuring and for fitting the threshold; can be given again.")
@trunk_weights("ImageNet weights of EfficientNet-Lite0 to start a new run from.")
@count("--drawn", 240, "Drawn ears that are learned from beside the photos.", least=0)
@minutes(25.0)
@count("--seed", 0, "Of everything random.", least=0)
@THREADS
def command(
    data: tuple[Path, ...],
    run: Path,
    hold_out: tuple[str, ...],
    trunk_weights: Path | None,
    drawn: int,
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
    from earvid.train.recognizer_drawn import drawn_ears
    from earvid.train.recognizer_views import keep_ears

    refs, held = split(find_stills(data), hold_out)
    settings = RecognizerSettings(minutes=minutes, seed=seed, threads=threads)
    trainer = RecognizerTrainer(
        run,
        settings,
        [*keep_ears(load_still(ref) for ref in refs), *drawn_ears(drawn, seed)],
        keep_ears(load_still(ref) for ref in held),
        trunk=trunk_weights,
        log=lambda line: click.echo(line, err=True),
    )
    scores = trainer.fit()
    click.echo(f"{run / 'weights.safetensors'}" + (f": {scores.sentence()}" if scores else ""))
