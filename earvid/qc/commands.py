"""The commands that a page shows, ready to be pasted into a shell of any folder.

Paths in them are absolute, and so they never begin with a dash either.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earvid.qc.measures import Measures
from earvid.qc.spans import Span
from earvid.store import RemotePath, Store, StorePath

Words = tuple[str, ...]
"""A command, word by word as a shell reads it; joined by spaces it is ready."""


@dataclass(frozen=True)
class Correction:
    """How a span is corrected: a keyframe more, with a box.

    Args:
        frame: of the keyframe.
        words: of the command, up to ``--box``.
        box: whole pixels x0, y0, x1, y1 to begin with; the tracked one, or one between those
            before and after where the ear is not seen. It is not in the words, for a correction
            with the box that is wrong would make that firm.
        tracked: whether the box is the tracked one.
        reach: first and last frame that are tracked anew.
    """

    frame: int
    words: Words
    box: tuple[int, int, int, int]
    tracked: bool
    reach: tuple[int, int]


def correction(store: Store, clip: Path | None, ear: Measures, span: Span) -> Correction:
    """The command that corrects a span on its worst frame.

    Args:
        store: that is corrected.
        clip: where the clip is; None where it was not found.
        ear: of the span.
        span: the span.
    """
    words = ["earvid", "correct", absolute(store.path), "--frame", str(span.worst)]
    words += [
        *_ear_words(store, ear),
        *_clip_words(store, clip),
        *_prompt_words(store, clip),
        "--box",
    ]
    box = _box(ear, span.worst, store.width, store.height)
    seen = bool(ear.seen[span.worst])
    return Correction(span.worst, _quoted(words), box, seen, _reach(ear, span.worst))


@dataclass(frozen=True)
class Absence:
    """How a span is corrected in which the ear is not.

    Args:
        words: of the whole command.
        out: whether it takes the ear out of the clip, for nothing but these frames tells where the
            ear is.
    """

    words: Words
    out: bool


def absence(store: Store, clip: Path | None, ear: Measures, span: Span) -> Absence:
    """The command that says of a span that the ear is not there.

    Args:
        store: that is corrected.
        clip: where the clip is; None where it was not found.
        ear: of the span.
        span: the span.
    """
    keyframes = np.flatnonzero(ear.prompted)
    inside = (keyframes >= span.start) & (keyframes < span.stop)
    out = bool(len(keyframes) and inside.all())
    words = ["earvid", "correct", absolute(store.path), *_ear_words(store, ear)]
    words += [*_clip_words(store, clip), *_prompt_words(store, clip)]
    words += ["--absent", ":" if out else f"{span.start}:{span.stop}"]
    return Absence(_quoted(words), out)


def watching(store: Store, clip: Path | None, span: Span, around: int) -> Words:
    """The command that draws a video of a span and what is around it.

    Args:
        store: whose results are drawn.
        clip: where the clip is; None where it was not found.
        span: the span.
        around: frames before and after.
    """
    first, last = max(0, span.start - around), min(len(store), span.stop + around)
    name = f"{page_stem(store.path)}.{first}-{last - 1}.mp4"
    video = name if isinstance(store.path, RemotePath) else store.path.resolve().with_name(name)
    words = ["earvid", "render", absolute(store.path), *_clip_words(store, clip)]
    words += ["--start", str(first), "--end", str(last), "--output", str(video)]
    return _quoted([*words, "--overwrite"])  # to be run again after a correction


def absolute(path: StorePath) -> str:
    """A path that is the same in every folder, or the URL of a store in a bucket."""
    return str(path) if isinstance(path, RemotePath) else str(path.resolve())


def beside(store: Store) -> Path | None:
    """Where the clip of a store is looked for; None for a store in a bucket."""
    path = store.path
    return None if isinstance(path, RemotePath) else path.resolve().parent / store.clip_name


def prompt_file(store: Store, clip: Path | None) -> Path | None:
    """The file that corrections of a store go on from, and where they leave the corrected prompt.

    Args:
        store: that is corrected.
        clip: where the clip is; None where it was not found.

    Returns:
        ``<clip>.prompt.json`` beside the clip, where 'earvid track' looks, too; or None where the
        store knows its prompt, as it does unless that has masks.
    """
    ears = (store.provenance.get("prompt") or {}).get("objects") or []
    if not any("mask" in frame for ear in ears for frame in ear.get("frames", {}).values()):
        return None
    there = clip or beside(store) or Path(store.clip_name)
    stem = there.name if there.is_dir() else there.stem
    return there.resolve().with_name(f"{stem}.prompt.json")


def page_stem(store: StorePath) -> str:
    """The name of a store without its suffixes, as names of other results begin."""
    return store.name.removesuffix(".zarr").removesuffix(".earvid") or store.name


def _ear_words(store: Store, ear: Measures) -> list[str]:
    """The option that names the ear, where there are several."""
    return ["--ear", ear.name] if len(store.object_names) > 1 else []


def _clip_words(store: Store, clip: Path | None) -> list[str]:
    """The option that names the clip, unless it lies where it is looked for."""
    if clip is None or clip.resolve() == beside(store):
        return []
    return ["--clip", str(clip.resolve())]


def _prompt_words(store: Store, clip: Path | None) -> list[str]:
    """The options for a prompt file; one and the same, for the next correction needs this one."""
    file = prompt_file(store, clip)
    if file is None:
        return []
    return ["--prompt", str(file), "--save-prompt", str(file), "--overwrite"]


def _reach(ear: Measures, frame: int) -> tuple[int, int]:
    """First and last frame between the keyframes beside a frame."""
    keyframes = np.flatnonzero(ear.prompted)
    before, after = keyframes[keyframes < frame], keyframes[keyframes > frame]
    first = int(before[-1]) + 1 if len(before) else 0
    return first, int(after[0]) - 1 if len(after) else len(ear) - 1


def _box(ear: Measures, frame: int, width: int, height: int) -> tuple[int, int, int, int]:
    known = np.flatnonzero(np.isfinite(ear.box).all(axis=1))
    if not len(known):  # never seen: something to begin with, in the middle
        box = np.array([0.4 * width, 0.4 * height, 0.6 * width, 0.6 * height])
    else:
        box = np.array([np.interp(frame, known, ear.box[known, side]) for side in range(4)])
    limit = np.array([width - 1, height - 1, width - 1, height - 1])
    low = np.clip(np.round(box[:2]), 0, np.maximum(limit[:2] - 2, 0))
    high = np.clip(np.round(box[2:]), low + 2, limit[2:])
    x0, y0, x1, y1 = (int(value) for value in (*low, *high))
    return x0, y0, x1, y1


def _quoted(words: list[str]) -> Words:
    return tuple(map(shlex.quote, words))
