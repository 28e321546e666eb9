"""``earvid show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earvid.cli.options import FILE, as_path
from earvid.cli.words import ear_line, to_json


@click.command("show")
@click.argument("store", type=FILE, callback=as_path)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(store: Path, as_json: bool) -> None:
    """Say what is in a STORE: its clip, how far it is, and each ear's score and gaps."""
    about = _about(store)
    if as_json:
        click.echo(to_json(about))
        return
    width, height = about["size"]
    state = "complete" if about["complete"] else f"{100 * about['done']:.0f} % done"
    click.echo(
        f"{about['clip']}: {about['frames']} frames of {width} × {height} pixels at "
        f"{about['fps']:.2f} frames/s, {state}, model {about['model'] or 'unknown'}"
    )
    if about["landmarks"]:
        scheme = f" ({about['scheme']})" if about["scheme"] else ""
        click.echo(f"{about['landmarks']} landmarks per ear{scheme}")
    for ear in about["ears"]:
        click.echo(ear_line(ear))


def _about(path: Path) -> dict[str, Any]:
    from earvid.landmarks import scheme_of
    from earvid.pipeline.report import ear_dict, summarize
    from earvid.store import Store

    store = Store.open(path)
    return {
        "store": str(store.path),
        "clip": store.clip_name,
        "frames": store.frame_count,
        "size": [store.width, store.height],
        "fps": round(store.fps, 3),
        "complete": store.complete,
        "done": round(store.progress, 4),
        "model": (store.provenance.get("model") or {}).get("name"),
        "landmarks": len(store.keypoints),
        "scheme": scheme_of(store.keypoints).name or None,
        "ears": [ear_dict(ear) for ear in summarize(store)],
        "fingerprint": store.fingerprint,
        "provenance": store.provenance,
    }
