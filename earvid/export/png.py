"""A folder of label images: 8-bit gray PNG, in which a pixel is the id of its ear.

Gray rather than a palette, so that every reader gives the ids.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from earvid import __version__
from earvid.export.formats import Job
from earvid.export.output import MARK
from earvid.export.view import View
from earvid.store import PALETTE


def write(view: View, path: Path, job: Job) -> None:
    """Write `000012.png` for frame 12 and so on, and `labels.json` with what the ids mean."""
    path.mkdir()
    for done, item in enumerate(view.items(), 1):
        _, data = cv2.imencode(".png", item.mask)
        (path / f"{item.index:06d}.png").write_bytes(data.tobytes())
        job.step(done, len(view))
    (path / "labels.json").write_text(json.dumps(_about(view), indent=1) + "\n", encoding="utf-8")


def _about(view: View) -> dict[str, object]:
    ears = [
        {"id": ear.id, "name": ear.name, "color": PALETTE[(ear.id - 1) % len(PALETTE)]}
        for ear in view.ears
    ]
    return {
        MARK: __version__,
        "clip": view.store.clip_name,
        "fingerprint": view.store.fingerprint,
        "ears": ears,
    }
