"""COCO JSON: masks as run lengths, boxes and keypoints; see https://cocodataset.org/#format-data.

Frames are images of one video, as CocoVID has it, and an ear is an instance of the category `ear`.
COCO's boxes run along pixel edges, and its keypoints are numbers of pixels, as ours are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from earvid import __version__
from earvid.export.formats import Job
from earvid.export.skeleton import edges
from earvid.export.view import Item, View

CATEGORY = 1
VIDEO = 1
NONE, HIDDEN, VISIBLE = 0, 1, 2  # of a keypoint


def write(view: View, path: Path, job: Job) -> None:
    """Write a `.json` file; numbers of images are those of frames, plus 1."""
    head = {
        "info": _info(view),
        "licenses": [],
        "categories": [_category(view)],
        "videos": [{"id": VIDEO, "name": view.store.clip_name}],
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ",\n")
        _write_list(file, "images", _images(view))
        file.write(",\n")
        _write_list(file, "annotations", _annotations(view, job))
        file.write("}\n")


def _write_list(file: TextIO, name: str, entries: Iterator[dict[str, Any]]) -> None:
    """Write a list an entry at a time."""
    file.write(f'"{name}": [')
    for count, entry in enumerate(entries):
        file.write((",\n" if count else "\n") + json.dumps(entry, allow_nan=False))
    file.write("\n]")


def _info(view: View) -> dict[str, Any]:
    return {
        "description": f"Ears of {view.store.clip_name}",
        "contributor": f"earvid {__version__}",
        "fingerprint": view.store.fingerprint,
    }


def _category(view: View) -> dict[str, Any]:
    category: dict[str, Any] = {"id": CATEGORY, "name": "ear", "supercategory": "person"}
    if view.keypoints:
        category["keypoints"] = list(view.keypoints)
        category["skeleton"] = [[a + 1, b + 1] for a, b in edges(view.keypoints)]
    return category


def _images(view: View) -> Iterator[dict[str, Any]]:
    stem = Path(view.store.clip_name).stem
    for frame in view.frames.tolist():
        yield {
            "id": frame + 1,
            "file_name": f"{stem}/{frame:06d}.png",
            "width": view.store.width,
            "height": view.store.height,
            "video_id": VIDEO,
            "frame_id": frame,
            "time": float(view.store.times[frame]),
        }


def _annotations(view: View, job: Job) -> Iterator[dict[str, Any]]:
    number = 0
    for done, item in enumerate(view.items(), 1):
        for place in np.flatnonzero(item.shown).tolist():
            number += 1
            yield {"id": number, **_annotation(view, item, place)}
        job.step(done, len(view))


def _annotation(view: View, item: Item, place: int) -> dict[str, Any]:
    from pycocotools import mask as coder

    ear = view.ears[place]
    packed = coder.encode(np.asfortranarray(item.mask == ear.id, np.uint8))
    entry: dict[str, Any] = {
        "image_id": item.index + 1,
        "video_id": VIDEO,
        "category_id": CATEGORY,
        "instance_id": ear.id,
        "segmentation": {"size": packed["size"], "counts": packed["counts"].decode("ascii")},
        "bbox": [float(value) for value in coder.toBbox(packed)],
        "area": int(coder.area(packed)),
        "iscrowd": 0,
        "attributes": {"ear": ear.name, "corrected": bool(item.corrected[place])},
    }
    if np.isfinite(item.score[place]):
        entry["score"] = round(float(item.score[place]), 6)
    if view.keypoints:
        entry.update(_keypoints(item, place))
    return entry


def _keypoints(item: Item, place: int) -> dict[str, Any]:
    flat: list[float | int] = []
    known = np.isfinite(item.position[place]).all(axis=1)
    rows = zip(item.position[place].tolist(), known, item.visible[place], strict=True)
    for (x, y), is_known, is_visible in rows:
        kind = NONE if not is_known else VISIBLE if is_visible else HIDDEN
        flat += [round(x, 4), round(y, 4), kind] if is_known else [0, 0, NONE]
    return {"keypoints": flat, "num_keypoints": int(known.sum())}
