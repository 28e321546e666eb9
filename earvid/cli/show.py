"""``earvid show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("show")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(store: Path, as_json: bool) -> None:
    """Say what is in a STORE: its clip, how far it is, and each ear's score and gaps."""
    from earvid.pipeline.report import ear_dict, summarize
    from earvid.store import Store

    opened = Store.open(store)
    ears = summarize(opened)
    about: dict[str, Any] = {
        "store": str(store),
        "clip": opened.clip_name,
        "frames": opened.frame_count,
        "size": [opened.width, opened.height],
        "fps": round(opened.fps, 3),
        "complete": opened.complete,
        "done": round(opened.progress, 4),
        "model": opened.provenance.get("model", {}).get("name"),
        "landmarks": len(opened.keypoints),
        "ears": [ear_dict(ear) for ear in ears],
        "fingerprint": opened.fingerprint,
        "provenance": opened.provenance,
    }
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    state = "complete" if opened.complete else f"{100 * opened.progress:.0f} % done"
    click.echo(
        f"{about['clip']}: {opened.frame_count} frames of {opened.width}×{opened.height} at "
        f"{opened.fps:.2f} frames/s, {state}, model {about['model']}"
    )
    for ear in about["ears"]:
        score = "–" if ear["mean_score"] is None else f"{ear['mean_score']:.3f}"
        gaps = ", ".join(f"{a}–{b - 1}" if b - a > 1 else str(a) for a, b in ear["absent"])
        click.echo(
            f"  {ear['name']}: visible on {ear['visible']} frames, mean score {score}"
            + (f", not visible on {gaps}" if gaps else "")
        )
