"""``earvid finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.messages import hush_opencv
from earvid.cli.options import DATA, FILE, RUN, as_path, count, hold_out, positive, refuse_given
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.finetune import FinetuneSettings, Sources

SHARE = click.FloatRange(0, 1, max_open=True)


@click.command("finetune")
@DATA
@RUN
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
@count(
    "--image-size",
    None,
    "Input side in training, for SAM 2.1 models on small machines; tracking keeps 1024.",
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
    help="Of stores: least score of masks that were not corrected by hand.",
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
    help="Share of the replay in what is learned from.",
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
@hold_out("Hold these out instead, such as 'phone/anna*', with all of their subjects.")
@count(
    "--patience", 5, "Validations without progress before the run ends; 0 never ends it.", least=0
)
@count("--looks", 20, "Validations in the whole run.")
@click.option(
    "--minutes",
    type=positive,
    metavar="N",
    help="Time of the whole run by the clock, with validations; 60 if --steps is not given.",
)
@count("--steps", None, "Steps of the whole run.")
@count("--batch", None, "Clips (4) or frames (8) in a batch.")
@count("--length", 4, "Frames per clip, in the video recipe.", least=2)
@count("--accumulate", 1, "Batches per step.")
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
@count("--seed", 0, "Of everything random.", least=0)
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda", "mps")),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
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

    Stores (*.earvid.zarr): masks that were corrected by hand, and well scored ones. Folders with
    images/ and masks/. COCO files (*.json) beside their photos: one ear per annotation.

    Some subjects are held out; the run ends when they gain nothing any more. Its folder gets the
    best weights, which 'earvid track --checkpoint' reads, a log, pictures, and report.json.
    Stopped and called again, the run goes on. For several GPUs and mixed precision:
    'accelerate launch -m earvid finetune ...'.

    \b
    Examples:
      earvid finetune labeled/ --run runs/mine --minutes 30
      earvid finetune labeled/ --run runs/mine --recipe image --replay photos/
    """
    hush_opencv()
    from earvid.finetune import FinetuneSettings, Sources, finetune

    settings = FinetuneSettings(**values)
    sources = Sources(data, replay, images, clips)
    _refuse_idle(ctx, settings, sources)
    report = finetune(
        sources,
        run,
        settings,
        checkpoint=checkpoint,
        log=lambda line: click.echo(line, err=True),
    )
    if report.document:  # of several processes, one reports
        click.echo(to_json(report.document) if as_json else report.sentence())


def _refuse_idle(ctx: click.Context, settings: FinetuneSettings, sources: Sources) -> None:
    """Refuse options that would do nothing beside the others, or for this data."""
    from earvid.finetune import kind_of

    kinds = {kind_of(path) for path in (*sources.data, *sources.replay)}
    if "store" not in kinds:
        refuse_given(ctx, "without a store among the data", "clips", "min_score")
    if "coco" not in kinds:
        refuse_given(ctx, "without a COCO file among the data", "images", "category")
    if not settings.is_video:
        refuse_given(ctx, "in the image recipe, which learns from single frames", "length")
    if not sources.replay:
        refuse_given(ctx, "without --replay", "replay_share")
        if settings.hold_out:
            refuse_given(ctx, "beside --hold-out, which says who is held out", "validation")
    if not settings.validation and not settings.hold_out:
        refuse_given(ctx, "without validation", "patience", "looks")
