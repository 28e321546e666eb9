"""A tidy table of landmarks: one row per frame, ear and landmark that has a position."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from earvid.export.formats import Job
from earvid.export.text import number
from earvid.export.view import Item, View

COLUMNS = ("clip", "frame", "time", "ear", "landmark", "x", "y", "confidence", "visible")


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.csv` file; positions are in pixels of the frame, times in seconds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for done, item in enumerate(view.items(masks=False), 1):
            table.writerows(_rows(view, item))
            job.step(done, len(view))


def _rows(view: View, item: Item) -> Iterator[list[object]]:
    frame = [view.store.clip_name, item.index, number(np.float64(item.time))]
    for place, ear in enumerate(view.ears):
        for k in np.flatnonzero(np.isfinite(item.position[place]).all(axis=1)):
            yield [
                *frame,
                ear.name,
                view.keypoints[k],
                *map(number, item.position[place, k]),
                number(item.confidence[place, k]),
                int(item.visible[place, k]),
            ]
