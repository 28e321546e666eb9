"""``earvid evaluate model``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earvid.cli.messages import hush_opencv, say
from earvid.cli.options import AS_JSON, CHECKPOINT, FILE, MODEL, as_path, count, output_folder
from earvid.cli.words import to_json


@click.command("model")
@click.argument("data", nargs=-1, required=True, type=FILE, callback=as_path, metavar="DATA...")
@MODEL
@CHECKPOINT
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Photos to judge by, such as 'closeup/bs03*'; can be given again; all by default.",
)
@count("--clips", 12, "Synthetic clips per scene; 0 judges photos only.", least=0)
@output_folder("Folder for report.json, reliability.png (needs matplotlib) and worst.png.")
@AS_JSON
def command(
    data: tuple[Path, ...],
    name: str,
    checkpoint: Path | None,
    only: tuple[str, ...],
    clips: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Segment photos and track clips made from them, and print scores.

    Each DATA folder has images/ and masks/ with files of the same names. Judge by photos that the
    model did not learn from. Every ear is prompted by its exact box. Clips are made from the
    close-ups: clean (smooth motion), occluded (something passes over the ear) and away (the ear is
    gone for a third of the clip).
    """
    from earvid.errors import EarvidError

    hush_opencv()
    if output is not None and clips:
        _need_matplotlib()
    from earvid.evaluate.model_report import evaluate_model, write_report
    from earvid.models import load_model
    from earvid.train import find_stills, load_still, select

    refs = select(find_stills(data), only) if only else find_stills(data)
    stills = [s for s in map(load_still, refs) if s is not None]
    if not stills:
        raise EarvidError("No mask of these photos holds an ear of at least 60 pixels.")
    loaded = load_model(name, checkpoint=checkpoint)
    report = evaluate_model(loaded.model, stills, clips=clips, progress=say)
    about = {"model": loaded.name, "weights_sha256": loaded.sha256, **report.to_dict()}
    if output is not None:
        write_report(report, loaded.model, stills, output)
        (output / "report.json").write_text(to_json(about) + "\n")
    click.echo(to_json(about) if as_json else "\n".join(_lines(about)))


def _need_matplotlib() -> None:
    from importlib.util import find_spec

    from earvid.errors import EarvidError

    if find_spec("matplotlib") is None:
        raise EarvidError(
            "The reliability plot needs matplotlib; install it with: pip install 'earvid[plot]'"
        )


def _lines(about: dict[str, Any]) -> list[str]:
    lines = [f"{about['model']} ({about['weights_sha256'][:12]})"]
    for folder, s in about["photos"].items():
        lines.append(
            f"{folder}: {s['ears']} ears, IoU {s['iou']:.3f}, median {s['iou_median']:.3f}"
        )
        for part in ("by_longer_side", "by_brightness_of_the_ear"):
            groups = [f"{k} {g['iou']:.3f} ({g['ears']})" for k, g in s[part].items() if g["ears"]]
            lines.append(f"  {part.replace('_', ' ')}: " + ", ".join(groups))
    for kind, s in about["clips"].items():
        said = [
            f"{k.replace('_', ' ')} {v:.3f}"
            for k, v in s.items()
            if k != "frames" and v is not None
        ]
        lines.append(f"{kind} clips, {s['frames']} frames: " + ", ".join(said))
    for title, s in about["calibration"].items() if about["clips"] else ():
        error = s["expected_calibration_error"]
        lines.append(
            f"calibration error of {title}: " + ("none seen" if error is None else f"{error:.3f}")
        )
    return lines
