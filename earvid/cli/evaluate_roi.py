"""``earvid evaluate roi``."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.comparing import ONLY, SEED, Watch, photo_stills, photos_option, write_tables
from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import (
    AS_JSON,
    CHECKPOINT,
    DEVICE,
    FILE,
    MODEL,
    as_path,
    count,
    kinds_of_clips,
    output_folder,
    refuse_given,
)
from earvid.cli.words import to_json
from earvid.errors import UsageError

if TYPE_CHECKING:
    from earvid.evaluate.roi_clips import JudgedClip
    from earvid.evaluate.roi_report import RoiReport
    from earvid.evaluate.roi_settings import RoiPlan
    from earvid.models import LoadedModel

KINDS = ("clean", "occlusion", "fast", "scale")


@click.command("roi")
@click.option(
    "--factor",
    "factors",
    multiple=True,
    type=float,
    metavar="X",
    help="Side of the crop over the longer side of the ear, to be tried; can be given again.",
)
@click.option(
    "--smoothing",
    "smoothings",
    multiple=True,
    type=float,
    metavar="X",
    help="Share of the crop's old side that is kept per frame, 0 to 1, likewise.",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    type=int,
    metavar="N",
    help="Side of the model's input, a multiple of 32 pixels, likewise.",
)
@kinds_of_clips(KINDS, "Kind of drawn clips; can be given again; all by default.")
@count("--each", 2, "Clips of each kind.")
@click.option("--no-drawn", is_flag=True, help="Leave out the clips of drawn ears.")
@photos_option(
    "Folder with images/ and masks/, of whose ears clips of the same kinds are made too; can be "
    "given again."
)
@ONLY
@SEED
@click.option(
    "--clips",
    type=FILE,
    callback=as_path,
    metavar="FOLDER",
    help="Folder of recorded clips with masks in truth/, to be tracked too.",
)
@click.option(
    "--reentry",
    type=click.Choice(["anywhere", "nearby"]),
    default="anywhere",
    show_default=True,
    help="How lost ears are looked for, as in 'earvid track'.",
)
@MODEL
@CHECKPOINT
@DEVICE
@output_folder("Folder for table.csv, table.json and, if matplotlib is installed, roi.png.")
@AS_JSON
@click.pass_context
def command(
    ctx: click.Context,
    factors: tuple[float, ...],
    smoothings: tuple[float, ...],
    sizes: tuple[int, ...],
    kinds: tuple[str, ...],
    each: int,
    no_drawn: bool,
    photos: tuple[Path, ...],
    only: tuple[str, ...],
    seed: int,
    clips: Path | None,
    reentry: str,
    name: str,
    checkpoint: Path | None,
    device: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Track clips with other crops and input sizes, and print one table.

    One thing is changed at a time, all else as in 'earvid track'; then what was best of each is
    tried together, with the model's own input size and with the best one. Where any of --factor,
    --smoothing and --size is given, only what is given is tried; else factors 1.5 to 4, smoothings
    0 to 0.95, and inputs of 192 and 320 pixels, and so on. Clips are drawn with exact truth: clean
    (an ear that moves), occlusion (something passes over it, twice), fast (it moves by up to two
    fifths of its size per frame) and scale (it comes nearer and goes away). With --photos, ears cut
    out of photos do the same, and whole photos of large ears move, without and with something that
    passes. Judge by photos that the model did not learn from.

    --clips names a folder of videos NAME.mp4, with masks of some frames of each, the size of a
    frame, in truth/NAME/: mask_00030_1.png is ear 1 on frame 30, frames counted from 0. All black
    means that the ear is out of view. Pixels that are not to be judged are white in a file
    ignore_00030_1.png. Each ear is prompted by the box of its mask on its first frame that has one,
    or on that of truth.json, such as {"keyframe": 30}. A clip is left out if no other mask of an
    ear shows it.

    Columns: J, F and J&F, means over groups of clips (drawn, photos, recorded) of means over clips;
    J&F of each group; its gain over the default, with the standard error over clips; share of
    absent ears that were painted; mean side of the crops; frames per second of tracking alone.
    """
    hush_opencv()
    if not photos:
        refuse_given(ctx, "without --photos", "only")
    if no_drawn and not photos:
        refuse_given(ctx, "without drawn clips or --photos", "kinds", "each", "seed")
        if clips is None:
            raise UsageError("Nothing is left to track; give --photos or --clips with --no-drawn.")
    from earvid.evaluate.roi_settings import default_plan
    from earvid.models import load_model

    loaded = load_model(name, checkpoint=checkpoint, device=device)
    plan = default_plan(loaded.model.image_size, factors, smoothings, sizes)
    chosen = _scripted(not no_drawn, photos, only, kinds or KINDS, each, seed) + _recorded(clips)
    report = _measure(loaded, plan, chosen, reentry)
    about = {
        "model": loaded.name,
        "weights_sha256": loaded.sha256,
        "seed": seed,
        "reentry": reentry,
        **report.to_dict(),
    }
    if output is not None:
        write_tables(report, about, partial(_draw, report), output)
    click.echo(to_json(about) if as_json else report.to_text())


def _scripted(
    drawn: bool,
    photos: tuple[Path, ...],
    only: tuple[str, ...],
    kinds: tuple[str, ...],
    each: int,
    seed: int,
) -> list[JudgedClip]:
    from earvid.evaluate.memory_material import DrawnMaterial, PhotoMaterial
    from earvid.evaluate.roi_scenes import make_scene_clips
    from earvid.evaluate.roi_sweep import make_clips

    made = make_clips(DrawnMaterial(), "drawn", kinds, each, seed) if drawn else []
    if not photos:
        return made
    stills = photo_stills(photos, only)
    cut_out = make_clips(PhotoMaterial(stills), "photos", kinds, each, seed)
    return [*made, *cut_out, *make_scene_clips(stills, each, "photos", seed)]


def _recorded(folder: Path | None) -> list[JudgedClip]:
    from earvid.evaluate.roi_recorded import find_recorded

    return [] if folder is None else list(find_recorded(folder, say))


def _measure(
    loaded: LoadedModel, plan: RoiPlan, clips: list[JudgedClip], reentry: str
) -> RoiReport:
    from earvid.evaluate.roi_sweep import sweep

    with ExitStack() as stack:
        watch = Watch(stack)

        def told(clip: str, done: int, length: int, settings: int) -> None:
            watch(clip, done, length, f"{settings} settings")

        return sweep(loaded, plan, clips, reentry=reentry, progress=told)


def _draw(report: RoiReport, folder: Path) -> None:
    from earvid.evaluate.roi_plot import plot_roi

    plot_roi(report, folder / "roi.png")
