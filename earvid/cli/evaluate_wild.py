"""``earvid evaluate wild``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import AS_JSON, CHECKPOINT, FILE, MODEL, as_path, output_folder
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.batch.task import Tracker


@click.command("wild")
@click.argument("folder", type=FILE, callback=as_path)
@click.option(
    "--ears",
    "notes",
    type=FILE,
    callback=as_path,
    metavar="FILE.json",
    help="How many ears there are in each clip; by default ears.json in the folder.",
)
@MODEL
@CHECKPOINT
@output_folder(
    "Folder for report.json, the stores, and a contact sheet of each clip; called again, clips "
    "that are complete there are not tracked again."
)
@AS_JSON
def command(
    folder: Path,
    notes: Path | None,
    name: str,
    checkpoint: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Track the clips of a FOLDER without a prompt, and count what is wrong.

    A small file says how many ears a careful person would have tracked in each clip, at least and
    at most, and perhaps where all ears are on some frames. Counted are clips with an ear that is
    two, with more or fewer ears than there are, with tracks of what is no ear, and frames with
    masks in shreds. It has the form

    \b
      {"clips": {"talk.mp4": {"ears": [1, 2],
                              "boxes": {"30": [[412, 160, 498, 301]]}}}}
    """
    hush_opencv()
    from earvid.batch.task import Tracker, TrackJob
    from earvid.errors import EarvidError
    from earvid.evaluate.wild import NOTES, evaluate_wild, read_notes, write_report
    from earvid.pipeline import TrackSettings

    if not folder.is_dir():
        raise EarvidError(f"The folder {folder} does not exist.")
    told = read_notes(folder / NOTES if notes is None else notes)
    tracker = Tracker(TrackJob(TrackSettings(model=name, checkpoint=checkpoint)))
    if output is None:
        with TemporaryDirectory() as place:
            report = evaluate_wild(folder, told, Path(place), partial(_track, tracker), say)
    else:
        output.mkdir(parents=True, exist_ok=True)
        report = evaluate_wild(folder, told, output, partial(_track, tracker), say)
        write_report(report, output)
        for one in report.clips:
            if one.ears:
                _draw(folder / one.clip, output)
    click.echo(to_json(report.to_dict()) if as_json else "\n".join(report.lines()))


def _track(tracker: Tracker, clip: Path, store: Path) -> None:
    from earvid.batch import Entry

    tracker.track(Entry(clip, output=store), unprompted=True)


def _draw(clip: Path, output: Path) -> None:
    from earvid.render import contact_sheet
    from earvid.store import Store
    from earvid.video import Clip

    store = Store.open(output / f"{clip.stem}.earvid.zarr")
    with Clip.open(clip) as source:
        contact_sheet(store, source, output / f"{clip.stem}.png", overwrite=True)
