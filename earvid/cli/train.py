"""``earvid train``."""

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
    lengths,
    minutes,
    positive,
    refuse_given,
    trunk_weights,
)
from earvid.errors import EarvidError, UsageError


@click.command("train")
@DATA
@RUN
@hold_out(
    "Photos kept for validation, such as 'closeup/bs03*'; can be given again. The weights that "
    "ship, from which a run starts by default, have learned from what their card names."
)
@minutes(60.0)
@trunk_weights("ImageNet weights of EfficientNet-Lite0 to start the trunk from.")
@click.option(
    "--start",
    "start_weights",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Weights to start the whole model from; by default those that ship.",
)
@click.option(
    "--mesh",
    "meshes",
    multiple=True,
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Textured ear mesh (OBJ, with a PNG of the same name) to render ears from.",
)
@click.option(
    "--calibrate-on",
    multiple=True,
    metavar="PATTERN",
    help="Of the photos held out, those by which confidences are calibrated at the end; without "
    "it a run that was calibrated and has ended stays so.",
)
@click.option(
    "--trunk",
    default="efficientnet_lite0",
    show_default=True,
    metavar="NAME",
    help="timm network to build the image encoder on; others than the default start from noise.",
)
@count("--image-size", 256, "Side of the model's input, pixels; a multiple of 32.", least=64)
@click.option(
    "--learning-rate",
    type=positive,
    default=6e-4,
    show_default=True,
    metavar="RATE",
    help="Peak learning rate.",
)
@click.option(
    "--lengths",
    "clip_lengths",
    type=lengths,
    default="3,4,6,8",
    show_default=True,
    metavar="N,N,...",
    help="Frames per clip, from the beginning of the run to its end.",
)
@count("--frames-per-step", 24, "Frames in one batch, at least those of one clip.", least=2)
@count("--frozen-stages", 2, "Trunk stages that keep their initial weights.", least=0)
@count("--seed", 0, "Of clips and prompts.", least=0)
@THREADS
@click.pass_context
def command(
    ctx: click.Context,
    data: tuple[Path, ...],
    run: Path,
    hold_out: tuple[str, ...],
    minutes: float,
    trunk_weights: Path | None,
    start_weights: Path | None,
    meshes: tuple[Path, ...],
    calibrate_on: tuple[str, ...],
    trunk: str,
    image_size: int,
    learning_rate: float,
    clip_lengths: tuple[int, ...],
    frames_per_step: int,
    frozen_stages: int,
    seed: int,
    threads: int,
) -> None:
    """Train a model on clips synthesized from still photos.

    Each DATA folder has images/ and masks/ with files of the same names; in a mask, anything but
    0 is ear. The run's folder gets a log, sample pictures, checkpoints, and weights.safetensors,
    which 'earvid track --checkpoint' reads. Stopped and called again, the run goes on.
    """
    hush_opencv()
    from earvid.models import DEFAULT_MODEL, NanoConfig, weights_file
    from earvid.train import ClipSettings, Trainer, TrainSettings, find_stills, select, split
    from earvid.train.photo_files import photos_of

    config = NanoConfig(trunk=trunk, image_size=image_size)
    if start_weights is not None:
        refuse_given(ctx, "beside --start, which brings a trunk of its own", "trunk_weights")
    if max(clip_lengths) > frames_per_step:
        raise UsageError(
            f"A clip of {max(clip_lengths)} frames (--lengths) is more than --frames-per-step "
            f"{frames_per_step}; shorten the one or raise the other."
        )
    if start_weights is None and trunk_weights is None:
        if config == NanoConfig():
            start_weights = weights_file(DEFAULT_MODEL)
        else:
            refuse_given(ctx, "without weights to start from", "frozen_stages")
            frozen_stages = 0  # frozen stages must have learned something
    refs, held = split(find_stills(data), hold_out)
    if calibrate_on and not hold_out:
        raise UsageError("--calibrate-on chooses among the photos of --hold-out; give both.")
    judges = select(held, calibrate_on)
    named = {ref.name for ref in judges}
    validated = [ref for ref in held if ref.name not in named]
    if judges:
        if not photos_of(judges):  # fails now rather than after hours
            raise EarvidError("No mask of the photos to calibrate on holds an ear.")
        if not validated:
            raise UsageError("--calibrate-on names all photos held out; leave some to validate on.")
    settings = TrainSettings(
        minutes=minutes,
        learning_rate=learning_rate,
        lengths=clip_lengths,
        frames_per_step=frames_per_step,
        frozen_stages=frozen_stages,
        seed=seed,
        threads=threads,
        clip=ClipSettings(side=image_size),
    )
    trainer = Trainer(
        run,
        config,
        settings,
        refs,
        validated,
        trunk_weights=trunk_weights,
        start_weights=start_weights,
        meshes=meshes,
        log=lambda line: click.echo(line, err=True),
    )
    report = trainer.fit(judges)
    click.echo(f"{run / 'weights.safetensors'}" + (f": {report.sentence()}" if report else ""))
