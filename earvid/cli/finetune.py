"""``earvid finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import FILE, as_path, positive
from earvid.cli.words import to_json

SHARE = click.FloatRange(0, 1, max_open=True)
COUNT = click.IntRange(min=1)


@click.command("finetune")
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
    "--recipe",
    metavar="image|video",
    default="video",
    show_default=True,
    help="image: image encoder and mask decoder, on frames. video: the memory too, on clips.",
)
@click.option(
    "--model",
    metavar="NAME",
    default="earvid-nano",
    show_default=True,
    help="Model to start from; 'earvid download' lists them.",
)
@click.option(
    "--checkpoint",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Weights to start from, instead of those found by the model's name.",
)
@click.option(
    "--image-size",
    type=COUNT,
    metavar="N",
    help="Input side in training, for SAM 2.1 models on small machines; tracking keeps 1024.",
)
@click.option(
    "--images", type=FILE, callback=as_path, metavar="FOLDER", help="Photos of the COCO files."
)
@click.option("--category", metavar="NAME", help="COCO category of ears, where there are several.")
@click.option("--clips", type=FILE, callback=as_path, metavar="FOLDER", help="Clips of the stores.")
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=0.9,
    show_default=True,
    help="Least score of frames to learn from, for stores without frames corrected by hand.",
)
@click.option(
    "--replay",
    type=FILE,
    callback=as_path,
    multiple=True,
    metavar="DATA",
    help="More data, mixed in so that it is not forgotten; can be given again.",
)
@click.option(
    "--replay-share",
    type=SHARE,
    metavar="X",
    default=0.3,
    show_default=True,
    help="Share of it in what is learned from.",
)
@click.option(
    "--subject",
    metavar="REGEX",
    help="Finds the subject in 'folder/name'; its first group, or all of it. By default the name "
    "up to the first _, -, . or space; bs003b is bs003, anna12 is anna; of a store, the clip.",
)
@click.option(
    "--validation",
    type=SHARE,
    metavar="X",
    default=0.2,
    show_default=True,
    help="Share of the subjects held out for early stopping; 0 does without.",
)
@click.option(
    "--hold-out",
    multiple=True,
    metavar="PATTERN",
    help="Hold these out instead, such as 'phone/anna*', with all of their subjects.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    metavar="N",
    default=5,
    show_default=True,
    help="Validations without progress before the run ends; 0 never ends it.",
)
@click.option(
    "--looks",
    type=COUNT,
    metavar="N",
    default=20,
    show_default=True,
    help="Validations in the whole run.",
)
@click.option(
    "--minutes",
    type=positive,
    metavar="N",
    help="Time of the whole run; 60 if --steps is not given.",
)
@click.option("--steps", type=COUNT, metavar="N", help="Steps of the whole run.")
@click.option("--batch", type=COUNT, metavar="N", help="Clips (4) or frames (8) in a batch.")
@click.option(
    "--length",
    type=click.IntRange(min=2),
    metavar="N",
    default=4,
    show_default=True,
    help="Frames per clip.",
)
@click.option(
    "--accumulate",
    type=COUNT,
    metavar="N",
    default=1,
    show_default=True,
    help="Batches per step.",
)
@click.option(
    "--precision",
    type=click.Choice(("no", "bf16", "fp16")),
    default="no",
    show_default=True,
    help="Mixed precision.",
)
@click.option(
    "--learning-rate",
    type=positive,
    metavar="RATE",
    help="Peak; by default 1e-4 for earvid-nano, 5e-5 for others.",
)
@click.option(
    "--encoder-rate",
    type=positive,
    metavar="RATE",
    help="Peak for the image encoder; by default 0.6 of the other.",
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
    "--device",
    type=click.Choice(("auto", "cpu", "cuda", "mps")),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    data: tuple[Path, ...],
    run: Path,
    checkpoint: Path | None,
    images: Path | None,
    clips: Path | None,
    replay: tuple[Path, ...],
    as_json: bool,
    **values: Any,
) -> None:
    """Fine-tune a model on DATA, any mix of three kinds.

    Stores (*.earvid.zarr): frames corrected by hand, or else well scored ones. Folders with
    images/ and masks/. COCO files (*.json) beside their photos: one ear per annotation.

    Some subjects are held out; the run ends when they gain nothing any more. Its folder gets the
    best weights, which 'earvid track --checkpoint' reads, a log, pictures, and report.json.
    Stopped and called again, the run goes on. For several GPUs and mixed precision:
    'accelerate launch -m earvid finetune ...'.
    """
    hush_opencv()
    from earvid.finetune import FinetuneSettings, Sources, finetune

    report = finetune(
        Sources(data, replay, images, clips),
        run,
        FinetuneSettings(**values),
        checkpoint=checkpoint,
        log=lambda line: click.echo(line, err=True),
    )
    if report.document:  # of several processes, one reports
        click.echo(to_json(report.document) if as_json else report.sentence())
