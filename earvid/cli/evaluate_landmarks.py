"""``earvid evaluate landmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import AS_JSON, CHECKPOINT, FILE, MODEL, as_path, count, kinds_of_clips
from earvid.cli.words import to_json

if TYPE_CHECKING:
    from earvid.evaluate.landmark_scenes import LandmarkScene

KINDS = ("clean", "occluded", "away", "turning", "still", "long")
COLUMNS = ("nme", "median", "pck", "f1", "precision", "recall", "lost", "jitter", "drift")


@click.command("landmarks")
@click.argument("data", nargs=-1, type=FILE, callback=as_path, metavar="[DATA]...")
@click.option(
    "--mesh",
    type=FILE,
    callback=as_path,
    metavar="FILE.obj",
    help="Textured mesh of an ear, for clips of turning ears.",
)
@click.option(
    "--vertices",
    type=FILE,
    callback=as_path,
    metavar="FILE",
    help="Vertices of the mesh that are its landmarks, one number a line.",
)
@kinds_of_clips(KINDS, "Kind of clips to judge by; can be given again; all but long by default.")
@count("--clips", 4, "Clips of each kind.")
@MODEL
@CHECKPOINT
@click.option("--true-masks", is_flag=True, help="Judge the landmarks alone, beside exact masks.")
@click.option(
    "--output",
    type=FILE,
    callback=as_path,
    metavar="FILE.json",
    help="Write the scores to a file, too.",
)
@AS_JSON
def command(
    data: tuple[Path, ...],
    mesh: Path | None,
    vertices: Path | None,
    kinds: tuple[str, ...],
    clips: int,
    name: str,
    checkpoint: Path | None,
    true_masks: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Follow the true landmarks of a first frame through clips, and print how far they come.

    Each DATA folder has images/, masks/ and landmarks/ with files of the same names (.pts); without
    any, ears are drawn. Clips are clean (smooth motion), occluded (something passes over the ear),
    away (the ear leaves or is hidden for a third of the clip), turning (a mesh turns by up to 40°),
    still (only noise moves) and long (a drawn ear over 2,000 frames). Errors are in diagonals of
    the ear's box: nme is their mean, pck the share below 5 %, over the points that can be seen;
    precision and recall are those of the visible flag. A plain chain of Lucas-Kanade from frame to
    frame is measured beside.
    """
    hush_opencv()
    scenes = _scenes(data, mesh, vertices, kinds, clips)
    from earvid.evaluate.landmarks import evaluate_landmarks
    from earvid.models import load_model

    loaded = None if true_masks else load_model(name, checkpoint=checkpoint)
    report = evaluate_landmarks(scenes, None if loaded is None else loaded.model, say)
    about = {"masks": "true" if loaded is None else loaded.name, "kinds": report.to_dict()}
    if output is not None:
        output.write_text(to_json(about) + "\n")
    click.echo(to_json(about) if as_json else "\n".join(_lines(about)))


def _scenes(
    data: tuple[Path, ...],
    mesh: Path | None,
    vertices: Path | None,
    kinds: tuple[str, ...],
    clips: int,
) -> list[LandmarkScene]:
    from earvid.evaluate.landmark_scenes import EarModel, find_marked, make_landmark_scenes

    if (mesh is None) != (vertices is None):
        raise click.UsageError("--mesh and --vertices go together.")
    ear = None if mesh is None or vertices is None else EarModel.load(mesh, vertices)
    photos = find_marked(data)
    if data and not photos:
        raise click.UsageError(
            "None of the DATA folders has landmarks/ for its images/ and masks/."
        )
    possible = [k for k in KINDS if k != "long" and (k != "turning" or ear is not None)]
    return [
        scene
        for kind in kinds or possible
        for scene in make_landmark_scenes(
            kind, 1 if kind == "long" else clips, photos=photos, model=ear
        )
    ]


def _lines(about: dict[str, Any]) -> list[str]:
    lines = [f"masks: {about['masks']}"]
    for kind, methods in about["kinds"].items():
        for name, s in methods.items():
            said = [f"{c} {s[c]:.4f}" for c in COLUMNS if s[c] is not None]
            lines.append(f"{kind}, {name}: {', '.join(said)}, {s['milliseconds']:.1f} ms per frame")
    return lines
