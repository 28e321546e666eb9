"""A tidy table of ears: one row per frame and ear, also where the ear is not visible."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from earvid.export.formats import Job
from earvid.export.text import number
from earvid.export.view import Item, View

COLUMNS = (
    "clip", "frame", "time", "ear", "id", "visible", "score", "presence", "area",
    "x0", "y0", "x1", "y1", "corrected",
)  # fmt: skip


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.csv` file; boxes and areas are in pixels of the frame, times in seconds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for done, item in enumerate(view.items(), 1):
            table.writerows(_row(view, item, place) for place in range(len(view.ears)))
            job.step(done, len(view))


def _row(view: View, item: Item, place: int) -> list[object]:
    ear = view.ears[place]
    area = int(np.count_nonzero(item.mask == ear.id)) if item.shown[place] else 0
    return [
        view.store.clip_name,
        item.index,
        number(np.float64(item.time)),
        ear.name,
        ear.id,
        int(item.shown[place]),
        number(item.score[place]),
        number(item.presence[place]),
        area,
        *map(number, item.box[place]),
        int(item.corrected[place]),
    ]
