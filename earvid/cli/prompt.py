"""``earvid prompt``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.found import check_place, keep, save_option
from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import FILE, as_path
from earvid.cli.progress import progress_bar
from earvid.cli.words import to_json
from earvid.prompt import path_beside

if TYPE_CHECKING:
    from earvid.detect import Candidate, Judgment
    from earvid.detect.choose import Verifier
    from earvid.detect.verify import Check
    from earvid.video import Clip

SHOWN = 3  # keyframes of an ear that are listed
HEAD = (
    f"{'name':10} {'frame':>6} {'time':>8}  {'confidence':>10} {'over clip':>9} {'quality':>8}  "
    f"{'box':27}  taken"
)


@click.command("prompt")
@click.argument("clip", type=FILE, callback=as_path)
@click.option(
    "--png",
    type=FILE,
    callback=as_path,
    metavar="FILE.png",
    help="Draw the candidates; gray are those that would not be taken.",
)
@save_option("Write the prompt that 'earvid track' would use.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    clip: Path, png: Path | None, save_prompt: Path | None, overwrite: bool, as_json: bool
) -> int:
    """Find the ears of a CLIP and list their best keyframes, without tracking.

    Confidence is the probability that the box holds an ear, by the detector alone, and over clip
    that of the ear, after its default model and the landmark model had a second look, which
    'earvid track' tells; quality also counts how sharp, large and turned to the camera it is.

    Taken is what 'earvid track' would take without a prompt: ears of 0.5 or more over the clip, or
    0.3 for the second ear of a head, at most one left and one right ear of each. Below 0.5 a find
    is weak. Of what is not taken, the reason is told. Ends with 1 when none would be taken.

    \b
    Examples:
      earvid prompt clip.mp4 --png candidates.png
      earvid prompt clip.mp4 --save-prompt clip.prompt.json
    """
    hush_opencv()
    from earvid.detect import (
        candidate_sheet,
        find_ears,
        judge_ears,
        load_detector,
        prompt_of,
        refusal,
    )
    from earvid.render import write_png
    from earvid.render._output import checked_output
    from earvid.video import Clip

    detector = load_detector()
    with Clip.open(clip) as source:
        if png is not None:
            checked_output(png, ".png", source=source.info.path, overwrite=overwrite)
        if save_prompt is not None:
            check_place(save_prompt)
        with progress_bar(f"{clip.name}: looking for ears") as progress:
            ears = find_ears(source, detector, progress=progress)
        judged = judge_ears(source, ears, verifier=_second_look())
        taken = [one.keyframe for one in judged if one.keyframe is not None]
        shown = [candidate for ear in ears for candidate in ear.candidates[:SHOWN]]
        _print(clip, judged, as_json)
        if png is not None and shown:
            write_png(png, candidate_sheet(source, shown, [c for c in shown if c not in taken]))
            say(f"The candidates are drawn in {png}.")
    if not taken:
        if ears:
            say(refusal(clip, judged))
        return 1
    if save_prompt is not None:
        keep(prompt_of(clip, judged, detector).prompt, save_prompt, overwrite=overwrite)
    if not as_json:
        _say_next(clip, save_prompt)
    return 0


def _second_look() -> Verifier:
    """That of 'earvid track', whose model is loaded when it is asked for the first time."""
    from earvid.batch.prompts import second_look
    from earvid.models import DEFAULT_MODEL, load_model
    from earvid.pipeline import TrackSettings

    @cache
    def verifier() -> Verifier:
        return second_look(load_model(DEFAULT_MODEL), TrackSettings())

    def verify(clip: Clip, candidate: Candidate) -> Check:
        return verifier()(clip, candidate)

    return verify


def _print(clip: Path, judged: Sequence[Judgment], as_json: bool) -> None:
    if as_json:
        click.echo(to_json(_document(clip, judged)))
    elif not judged:
        say(f"No ear was found in {clip}.")
    else:
        click.echo(HEAD)
        for one in judged:
            for c in one.ear.candidates[:SHOWN]:
                box = ",".join(f"{value:g}" for value in c.box)
                click.echo(
                    f"{c.name:10} {c.frame:6d} {c.time:8.2f}  {c.confidence:10.2f} "
                    f"{one.confidence:9.2f} {c.quality:8.2f}  {box:27}  {_taken(one, c)}"
                )


def _taken(one: Judgment, candidate: Candidate) -> str:
    """Whether a candidate is taken, and if not, why."""
    from earvid.detect import SURE

    if one.keyframe is None:
        return f"no: {one.why}"
    if one.keyframe != candidate:
        return f"no: frame {one.keyframe.frame} is"
    return "yes" if one.confidence >= SURE else "yes, but weak: look at it"


def _say_next(clip: Path, saved: Path | None) -> None:
    """End with the command that comes next."""
    track, beside = ["earvid", "track", str(clip)], path_beside(clip)
    if saved is not None:
        words = track if saved.resolve() == beside.resolve() else [*track, "--prompt", str(saved)]
        say(f"To track them, run: {shlex.join(words)}")
    elif beside.is_file():  # which would be taken instead
        found = str(beside.with_suffix("").with_suffix(".found.json"))
        save = ["earvid", "prompt", str(clip), "--save-prompt", found]
        say(
            f"To track them, and not what {beside} says, run: {shlex.join(save)} && "
            f"{shlex.join([*track, '--prompt', found])}"
        )
    else:
        say(f"To track them, run: {shlex.join(track)}")


def _document(clip: Path, judged: Sequence[Judgment]) -> dict[str, Any]:
    from earvid.detect import SURE

    return {
        "clip": str(clip),
        "ears": [
            {
                "name": one.ear.name,
                "confidence": round(one.confidence, 4),
                "certain": one.confidence >= SURE,
                "taken": one.keyframe is not None,
                "why": one.why or None,
                "seen": one.ear.seen,
                "candidates": [
                    {**c.to_dict(), "taken": c == one.keyframe} for c in one.ear.candidates[:SHOWN]
                ],
            }
            for one in judged
        ],
    }
