"""``earvid prompt``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.found import keep, save_option
from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import FILE, as_path
from earvid.cli.progress import progress_bar
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.detect import Candidate, FoundEar

SHOWN = 3  # keyframes of an ear that are listed


@click.command("prompt")
@click.argument("clip", type=FILE, callback=as_path)
@click.option("--png", type=FILE, callback=as_path, metavar="FILE.png", help="Draw the candidates.")
@save_option("Write the prompt that 'earvid track' would use.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    clip: Path, png: Path | None, save_prompt: Path | None, overwrite: bool, as_json: bool
) -> int:
    """Find the ears of a CLIP and list their best keyframes, without tracking.

    Confidence is the probability that the box holds an ear; quality also counts how sharp, large
    and turned to the camera it is. Ends with 1 when there is no ear. --save-prompt writes what
    'earvid track' would take without a prompt: ears that are certain and that its default model
    sees, too.
    """
    hush_opencv()
    from earvid.batch.prompts import second_look
    from earvid.detect import candidate_sheet, choose_prompt, find_ears, load_detector
    from earvid.models import DEFAULT_MODEL, load_model
    from earvid.pipeline import TrackSettings
    from earvid.render import write_png
    from earvid.render._output import checked_output
    from earvid.video import Clip

    detector = load_detector()
    with Clip.open(clip) as source:
        if png is not None:
            checked_output(png, ".png", source=source.info.path, overwrite=overwrite)
        with progress_bar(f"{clip.name}: looking for ears") as progress:
            ears = find_ears(source, detector, progress=progress)
        shown = [candidate for ear in ears for candidate in ear.candidates[:SHOWN]]
        _print(clip, ears, shown, as_json)
        if png is not None and shown:
            write_png(png, candidate_sheet(source, shown))
            say(f"The candidates are drawn in {png}.")
        if save_prompt is not None:
            verifier = second_look(load_model(DEFAULT_MODEL), TrackSettings())
            chosen = choose_prompt(source, ears, detector, verifier=verifier)
            keep(chosen.prompt, save_prompt, overwrite=overwrite)
    return 0 if ears else 1


def _print(clip: Path, ears: Sequence[FoundEar], shown: Sequence[Candidate], as_json: bool) -> None:
    if as_json:
        click.echo(to_json(_document(clip, ears)))
    elif not ears:
        say(f"No ear was found in {clip}.")
    else:
        click.echo(f"{'name':10} {'frame':>6} {'time':>8}  {'confidence':>10} {'quality':>8}  box")
        for c in shown:
            box = ",".join(f"{value:g}" for value in c.box)
            click.echo(
                f"{c.name:10} {c.frame:6d} {c.time:8.2f}  {c.confidence:10.2f} {c.quality:8.2f}  "
                f"{box}"
            )


def _document(clip: Path, ears: Sequence[FoundEar]) -> dict[str, Any]:
    from earvid.detect import SURE

    return {
        "clip": str(clip),
        "ears": [
            {
                "name": ear.name,
                "confidence": round(ear.confidence, 4),
                "certain": ear.confidence >= SURE,
                "seen": ear.seen,
                "candidates": [c.to_dict() for c in ear.candidates[:SHOWN]],
            }
            for ear in ears
        ],
    }
