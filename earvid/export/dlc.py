"""A table of landmarks as DeepLabCut writes it, with one animal or several.

Readers of this format count rows rather than read frame numbers. There is therefore a row for every
frame of the clip, without values where the frame was not selected. What is missing is written out:
pandas, by which they read it, takes a first row of empty cells for a part of the header.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from earvid.export.formats import Job
from earvid.export.text import number
from earvid.export.view import Item, View

SCORER = "earvid"
COORDS = ("x", "y", "likelihood")
MISSING = "nan"


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.csv` file; a landmark's confidence is its likelihood."""
    width = len(view.ears) * len(view.keypoints) * len(COORDS)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows(_header(view))
        following = 0
        for done, item in enumerate(view.items(masks=False), 1):
            table.writerows(_missing(following, item.index, width))
            table.writerow([item.index, *_cells(item)])
            following = item.index + 1
            job.step(done, len(view))
        table.writerows(_missing(following, view.store.frame_count, width))


def _header(view: View) -> list[list[str]]:
    columns = [
        (ear.name, landmark, coord)
        for ear in view.ears
        for landmark in view.keypoints
        for coord in COORDS
    ]
    ears, landmarks, coords = ([column[level] for column in columns] for level in range(3))
    rows = [["scorer", *[SCORER] * len(columns)]]
    if len(view.ears) > 1:
        rows.append(["individuals", *ears])
    return [*rows, ["bodyparts", *landmarks], ["coords", *coords]]


def _cells(item: Item) -> list[str]:
    values = np.concatenate([item.position, item.confidence[:, :, None]], axis=2)
    return [number(value) or MISSING for value in values.ravel()]


def _missing(start: int, stop: int, width: int) -> list[list[Any]]:
    return [[frame, *[MISSING] * width] for frame in range(start, stop)]
