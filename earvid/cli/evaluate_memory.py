"""``earvid evaluate memory``."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earvid.cli.comparing import ONLY, SEED, Watch, photo_stills, photos_option, write_tables
from earvid.cli.messages import hush_opencv
from earvid.cli.options import (
    AS_JSON,
    CHECKPOINT,
    DEVICE,
    MODEL,
    count,
    kinds_of_clips,
    output_folder,
    refuse_given,
)
from earvid.cli.tracking import POLICIES
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.evaluate.memory import MemoryPlan
    from earvid.evaluate.memory_material import Material
    from earvid.evaluate.memory_report import MemoryReport
    from earvid.models import LoadedModel

KINDS = ("clean", "occlusion", "reentry", "distractor", "crossing", "long")


@click.command("memory")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Choice(POLICIES),
    help="Policy to compare; can be given again; all by default.",
)
@kinds_of_clips(KINDS, "Kind of clips to compare on; can be given again; all by default.")
@count(
    "--clips",
    1,
    "Clips of each kind, but for the one long clip of 2,000 frames; 10 give a verdict.",
)
@photos_option(
    "Folder with images/ and masks/ to cut ears from, instead of drawing them; can be given again."
)
@ONLY
@SEED
@click.option(
    "--reentry",
    type=click.Choice(["anywhere", "nearby"]),
    default="anywhere",
    show_default=True,
    help="How lost ears are looked for, as in 'earvid track'; nearby lets memory alone decide.",
)
@MODEL
@CHECKPOINT
@DEVICE
@output_folder("Folder for table.csv, table.json and, if matplotlib is installed, memory.png.")
@AS_JSON
@click.pass_context
def command(
    ctx: click.Context,
    policies: tuple[str, ...],
    kinds: tuple[str, ...],
    clips: int,
    photos: tuple[Path, ...],
    only: tuple[str, ...],
    seed: int,
    reentry: str,
    name: str,
    checkpoint: Path | None,
    device: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Track scripted clips with every memory policy, and print one table.

    The clips are drawn with exact truth, 640×360 pixels: clean (an ear that moves), occlusion
    (something passes over it, twice), reentry (away for 150 frames, back elsewhere at 0.6 to 1.6
    times the size), distractor (another's ear beside it), crossing (two ears cross) and long.
    Columns: J&F; J&F after the ear was out of view; how often it was found within 10 frames of its
    return; share of frames without the ear on which it was painted; clips in which a mask went over
    to another's ear; time of tracking; the largest bank of an ear and when it grew last; and what a
    second ear adds to a frame's time.

    All policies on all kinds take about a quarter of an hour on two cores, most of it for the long
    clip, and each further clip of every kind about 5 minutes; --kind and --policy shorten that.
    Judge by photos that the model did not learn from.

    \b
    Examples:
      earvid evaluate memory --kind clean --policy fifo --policy gated
      earvid evaluate memory --clips 10 --photos photos/ --output report
    """
    hush_opencv()
    if not photos:
        refuse_given(ctx, "without --photos", "only")
    from earvid.evaluate.memory import MemoryPlan
    from earvid.models import load_model

    plan = MemoryPlan(policies or POLICIES, kinds or KINDS, clips, seed)
    material = _material(photos, only)
    loaded = load_model(name, checkpoint=checkpoint, device=device)
    report = _measure(plan, material, loaded, reentry)
    about = {
        "model": loaded.name,
        "weights_sha256": loaded.sha256,
        "clips_of": "photos" if photos else "drawn ears",
        "seed": seed,
        "reentry": reentry,
        **report.to_dict(),
    }
    if output is not None:
        write_tables(report, about, partial(_draw, report), output)
    click.echo(to_json(about) if as_json else report.to_text())


def _material(photos: tuple[Path, ...], only: tuple[str, ...]) -> Material:
    from earvid.evaluate.memory_material import DrawnMaterial, PhotoMaterial

    return PhotoMaterial(photo_stills(photos, only)) if photos else DrawnMaterial()


def _measure(
    plan: MemoryPlan, material: Material, loaded: LoadedModel, reentry: str
) -> MemoryReport:
    from earvid.detect import load_scout
    from earvid.evaluate.memory import evaluate_memory, make_session
    from earvid.pipeline.alternatives import has_alternatives

    session = partial(
        make_session,
        alternatives=has_alternatives(loaded.weights),
        scout=load_scout(device=loaded.device, dtype=loaded.numbers, quantize=loaded.quantize)
        if reentry == "anywhere"
        else None,
    )
    with ExitStack() as stack:
        watch, ways = Watch(stack), f"{len(plan.policies)} policies"

        def told(clip: str, done: int, length: int) -> None:
            watch(clip, done, length, ways)

        return evaluate_memory(loaded.model, plan, material, session=session, progress=told)


def _draw(report: MemoryReport, folder: Path) -> None:
    from earvid.evaluate.memory_plot import plot_memory

    plot_memory(report, folder / "memory.png")
