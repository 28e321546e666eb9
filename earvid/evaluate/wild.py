"""Clips that nobody prepared, tracked without a prompt: is every ear one track, and no more?

A person says of each clip how many ears a careful observer would have tracked, at least and at most
(an ear under hair may be tracked or not), and perhaps where all ears are on some of its frames::

    {"clips": {"talk.mp4": {"ears": [1, 2], "why": "one mostly under hair",
                            "boxes": {"30": [[412, 160, 498, 301]]}}}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earvid.errors import EarvidError, NoEarError
from earvid.evaluate.tables import aligned, percent
from earvid.qc.shapes import shape_of
from earvid.store import Store
from earvid.tracker.looks import overlap
from earvid.tracker.results import Box

NOTES = "ears.json"
TWO = 0.05  # share of the frames of an ear on which it is another one, too, from which it is two
NEAR = 0.5  # distance of the centers of two masks, over the larger height, that is one ear
TORN = 0.4  # share of a mask apart from its largest piece from which it is in shreds
SHREDS = 0.01  # share of the frames with a mask in shreds from which a clip is not fine
ON = 0.1  # IoU of the box of a mask with the true one from which it is on that ear

Count = Annotated[int, Field(ge=0)]


class WildClip(BaseModel):
    """What a person says of a clip.

    Attributes:
        ears: how many there are to be tracked, at least and at most.
        boxes: by frame, a box ``x0, y0, x1, y1`` around every ear that is there.
        why: there is a choice; for people.
    """

    model_config = ConfigDict(extra="forbid")
    ears: tuple[Count, Count]
    boxes: dict[Count, list[Box]] = {}
    why: str = ""


class WildNotes(BaseModel):
    """What a person says of the clips of a folder; whatever else the file says is for people.

    Attributes:
        clips: by file name.
    """

    model_config = ConfigDict(extra="ignore")
    clips: dict[str, WildClip]


def read_notes(path: Path) -> WildNotes:
    """Read the file that says how many ears there are.

    Raises:
        EarvidError: it cannot be read, or is malformed.
    """
    try:
        notes = WildNotes.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EarvidError(f"{path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EarvidError(
            f"{path} does not say how many ears there are: {where}: {first['msg']}."
        ) from error
    if not notes.clips:
        raise EarvidError(f"{path} names no clip.")
    return notes


@dataclass(frozen=True)
class WildScore:
    """What became of a clip.

    Args:
        clip: its file name.
        frames: of the clip.
        expected: ears, at least and at most.
        ears: names of those that were tracked.
        two: pairs of names that are one ear.
        none: names of what is on no true ear, wherever it could be compared.
        missed: true boxes on which there was no mask.
        shreds: share of the frames with a mask that is in shreds, or shared out.
        refused: why nothing was tracked, if nothing was.
    """

    clip: str
    frames: int
    expected: tuple[int, int]
    ears: tuple[str, ...] = ()
    two: tuple[tuple[str, str], ...] = ()
    none: tuple[str, ...] = ()
    missed: int = 0
    shreds: float = 0.0
    refused: str = ""

    @property
    def too_many(self) -> bool:
        """Whether more was tracked than there is."""
        return len(self.ears) > self.expected[1]

    @property
    def too_few(self) -> bool:
        """Whether less was tracked than there surely is."""
        return len(self.ears) < self.expected[0]

    @property
    def is_fine(self) -> bool:
        """Whether it is right in every respect."""
        wrong = self.too_many or self.too_few or self.two or self.none or self.missed
        return not wrong and self.shreds <= SHREDS

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "too_many": self.too_many, "too_few": self.too_few,
                "fine": self.is_fine}  # fmt: skip


@dataclass(frozen=True)
class WildReport:
    """What became of all clips.

    Args:
        clips: one by one.
    """

    clips: tuple[WildScore, ...]

    @property
    def shreds(self) -> float:
        """Share of all frames on which a mask is in shreds."""
        frames = sum(one.frames for one in self.clips)
        return sum(one.shreds * one.frames for one in self.clips) / frames if frames else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "clips": [one.to_dict() for one in self.clips],
            "fine": sum(one.is_fine for one in self.clips),
            "with_an_ear_that_is_two": sum(bool(one.two) for one in self.clips),
            "with_what_is_no_ear": sum(bool(one.none) for one in self.clips),
            "too_many": sum(one.too_many for one in self.clips),
            "too_few": sum(one.too_few for one in self.clips),
            "shreds": round(self.shreds, 5),
        }

    def lines(self) -> list[str]:
        """A table for people, and a sentence."""
        head = ("clip", "ears", "tracked", "shreds", "what is wrong")
        rows = [head, *(_row(one) for one in self.clips)]
        sums = self.to_dict()
        return [
            *aligned(rows, left=3),
            f"{sums['fine']} of {len(self.clips)} clips are fine; "
            f"{sums['with_an_ear_that_is_two']} have an ear that is two, {sums['too_many']} too "
            f"many ears, {sums['too_few']} too few, {sums['with_what_is_no_ear']} what is no ear; "
            f"masks are in shreds on {percent(self.shreds)} of all frames.",
        ]


def _row(one: WildScore) -> tuple[str, ...]:
    low, high = one.expected
    wrong = [
        *(f"{a} and {b} are one" for a, b in one.two),
        *(f"{name} is no ear" for name in one.none),
        *(["too many"] if one.too_many else []),
        *(["too few"] if one.too_few else []),
        *([f"{one.missed} missed"] if one.missed else []),
        *(["in shreds"] if one.shreds > SHREDS else []),
    ]
    expected = str(low) if low == high else f"{low}-{high}"
    told = ", ".join(one.ears) or "none"
    return one.clip, expected, told, percent(one.shreds), "; ".join(wrong) or "-"


def evaluate_wild(
    folder: Path,
    notes: WildNotes,
    stores: Path,
    track: Callable[[Path, Path], None],
    said: Callable[[str], None] = lambda _: None,
) -> WildReport:
    """Track the clips of a folder without a prompt, and judge what comes of it.

    Args:
        folder: of the clips that the notes name.
        notes: how many ears there are.
        stores: folder for the results; what is complete there is not tracked again.
        track: tracks a clip into a store; raises :class:`~earvid.errors.NoEarError` where it finds
            no ear.
        said: called with a line before each clip.

    Raises:
        EarvidError: a clip is missing or cannot be tracked.
    """
    scores = []
    for number, (name, clip) in enumerate(notes.clips.items(), 1):
        said(f"{number}/{len(notes.clips)} {name}")
        store = stores / f"{Path(name).stem}.earvid.zarr"
        try:
            track(folder / name, store)
        except NoEarError as error:
            missed = sum(len(boxes) for boxes in clip.boxes.values())
            scores.append(WildScore(name, 0, clip.ears, missed=missed, refused=str(error)))
            continue
        scores.append(score_store(Store.open(store), name, clip))
    return WildReport(tuple(scores))


def score_store(store: Store, name: str, clip: WildClip) -> WildScore:
    """Judge the store of a clip.

    Args:
        store: complete.
        name: of the clip.
        clip: what a person says of it.
    """
    boxes = np.asarray(store.tracks.box, np.float64)
    shared = _shared(store, boxes)
    two = [
        (store.object_names[a], store.object_names[b])
        for (a, b), flags in shared.items()
        if flags.sum() > TWO * max(1, _together(store, a, b))
    ]
    torn = _torn(store) | np.any([*shared.values(), np.zeros(len(store), bool)], axis=0)
    none, missed = _compared(store, boxes, clip)
    return WildScore(
        name,
        len(store),
        clip.ears,
        tuple(store.object_names),
        tuple(two),
        none,
        missed,
        float(np.mean(torn)),
    )


def _together(store: Store, one: int, other: int) -> int:
    """Frames on which one of two ears was seen, or yielded to the other."""
    area = store.tracks.area
    return int(((area[:, one] > 0) | (area[:, other] > 0)).sum())


def _shared(store: Store, boxes: NDArray[np.float64]) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """By pairs of columns, frames on which both are in one place, or one yielded to the other."""
    winners = store.tracks.duplicate_of
    pairs: dict[tuple[int, int], NDArray[np.bool_]] = {}
    for a, b in combinations(range(len(store.object_ids)), 2):
        one, other = boxes[:, :, a], boxes[:, :, b]
        way = np.hypot(*(_center(one) - _center(other)).T)
        height = np.fmax(one[:, 3] - one[:, 1], other[:, 3] - other[:, 1]) + 1
        near = np.nan_to_num(way / height, nan=np.inf) < NEAR
        yields = (winners[:, a] == store.object_ids[b]) | (winners[:, b] == store.object_ids[a])
        pairs[a, b] = near | yields
    return pairs


def _center(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], axis=1) / 2


def _torn(store: Store) -> NDArray[np.bool_]:
    """Frames with a mask of which much lies apart from its largest piece."""
    torn = np.zeros(len(store), bool)
    for index in range(len(store)):
        mask = store.mask(index)
        shapes = (shape_of(mask, n) for n in store.object_ids)
        torn[index] = any(shape is not None and shape.apart > TORN for shape in shapes)
    return torn


def _compared(
    store: Store, boxes: NDArray[np.float64], clip: WildClip
) -> tuple[tuple[str, ...], int]:
    """Names of what is on no true ear, on any frame with boxes, and boxes without a mask."""
    hits: dict[str, list[bool]] = {}
    missed = 0
    for index, truth in clip.boxes.items():
        if index >= len(store):
            continue
        seen = list(_seen(store, boxes[index]))
        for name, box in seen:
            hits.setdefault(name, []).append(any(overlap(box, true) >= ON for true in truth))
        missed += sum(all(overlap(box, true) < ON for _, box in seen) for true in truth)
    return tuple(name for name, on in hits.items() if not any(on)), missed


def _seen(store: Store, boxes: NDArray[np.float64]) -> Iterator[tuple[str, Box]]:
    for column, name in enumerate(store.object_names):
        x0, y0, x1, y1 = (float(value) for value in boxes[:, column])
        if np.isfinite(x0):
            yield name, (x0, y0, x1, y1)


def write_report(report: WildReport, folder: Path) -> None:
    """Write ``report.json`` into a folder."""
    text = json.dumps(report.to_dict(), indent=2, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")


def worst_first(clips: Sequence[WildScore]) -> list[WildScore]:
    """Those that are not fine first, by the share of frames in shreds."""
    return sorted(clips, key=lambda one: (one.is_fine, -one.shreds, one.clip))
