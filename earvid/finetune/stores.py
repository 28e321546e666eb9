"""Frames of tracked clips, corrected by hand or well scored, with the clip they are of.

This is which masks of a store are learned from, ear by ear and frame by frame:

- **By hand.** On a frame that was corrected, the masks of the ears that were prompted anew there,
  whatever their score; an empty one says that there is no ear. A store that does not tell which
  ears were corrected, as of another program, is believed about all of them.
- **By score.** Everywhere else, masks that are done and have at least the least score.

Frames by hand are never left out in favor of others, where only some frames of a clip are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earvid.errors import EarvidError, StoreError
from earvid.finetune.subjects import clip_subject
from earvid.store import PENDING, Store
from earvid.train.photos import DETAIL, Photo, PhotoCache, shrink, shrink_mask
from earvid.train.stills import MIN_EAR_AREA, Still
from earvid.video import Clip

SUFFIX = ".earvid.zarr"
MAX_GAP = 5  # frames between neighbors of a stretch; beyond that an ear may be anywhere
STILLS_PER_STORE = 60  # neighboring frames look alike


@dataclass(eq=False)
class StoreSource:
    """An open store and its clip.

    Args:
        store: the store.
        clip: the clip that it was made from.
        name: ``folder/stem`` of the clip.
        frames: object id to the frames whose masks can be trusted, in order.
        by_hand: object id to those of them that were corrected by hand.
    """

    store: Store
    clip: Clip
    name: str
    frames: dict[int, list[int]]
    by_hand: dict[int, frozenset[int]]

    @cached_property
    def extent(self) -> float:
        """Typical longer side of an ear's box, pixels."""
        box = self.store.tracks.box
        sides = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
        return float(np.nanmedian(sides)) + 1 if np.isfinite(sides).any() else 1.0

    @cached_property
    def corrected(self) -> frozenset[int]:
        """Frames on which somebody said by hand where an ear is, rather than that it is not."""
        return frozenset().union(*(self._shown(ear, ts) for ear, ts in self.by_hand.items()))

    @cached_property
    def scored(self) -> frozenset[int]:
        """Other frames on which an ear was seen."""
        seen = (self._shown(ear, frames) for ear, frames in self.frames.items())
        return frozenset().union(*seen) - self.corrected

    def _shown(self, ear: int, frames: Iterable[int]) -> frozenset[int]:
        """Frames on which nobody said that an ear is absent."""
        out = self.store.ruled_out[:, self.store.object_ids.index(ear)]
        return frozenset(t for t in frames if not out[t])

    @property
    def mark(self) -> str:
        """Digest of the clip, and of all masks that are used."""
        return self._survey[0]

    def shows(self, frame: int, ear: int) -> bool:
        """Whether a frame shows an ear, and more of it than a speck."""
        return self._survey[1][frame, ear] >= MIN_EAR_AREA

    @cached_property
    def _survey(self) -> tuple[str, dict[tuple[int, int], int]]:
        """Digest of all that is used, and areas by frame and ear; every mask is read once."""
        total = hashlib.sha256(self.clip.digest().encode())
        areas: dict[tuple[int, int], int] = {}
        used = {ear: set(frames) for ear, frames in self.frames.items()}
        for t in sorted(set().union(*used.values())):
            labels = self.store.mask(t)
            for ear in (ear for ear, frames in used.items() if t in frames):
                mask = labels == ear
                areas[t, ear] = int(mask.sum())
                total.update(f"{ear}:{t}:".encode() + np.packbits(mask).tobytes())
        return total.hexdigest()[:24], areas

    def load(self, frame: int, ears: Sequence[int]) -> Still:
        """Decode a frame with masks of some ears, which may be empty."""
        picture = self.clip.frame(frame)
        if picture.damaged:
            raise StoreError(
                f"Frame {frame} of {self.clip.info.path} is damaged; track its clip again."
            )
        labels = self.store.mask(frame)
        masks = tuple(np.where(labels == ear, 255, 0).astype(np.uint8) for ear in ears)
        return Still(f"{self.name}#{frame}", picture.image, masks)


@dataclass(frozen=True, eq=False)
class StoreFrame:
    """A frame of a clip as a photo; see :class:`earvid.train.photos.Photo`."""

    source: StoreSource
    frame: int
    ears: tuple[int, ...]
    subject: str

    @property
    def name(self) -> str:
        """``folder/clip#frame``."""
        return f"{self.source.name}#{self.frame}"

    @property
    def mark(self) -> str:
        """That of the whole store."""
        return self.source.mark

    def load(self) -> Still:
        """Decode the frame and its masks."""
        return self.source.load(self.frame, self.ears)


@dataclass(frozen=True, eq=False)
class Track:
    """A stretch of a clip on which one ear's masks can be trusted.

    Args:
        source: store and clip.
        ear: object id.
        frames: in order, no two further apart than :data:`MAX_GAP`.
        visible: ``(len(frames),)`` bool: there is an ear.
        subject: whose ear it is.
    """

    source: StoreSource
    ear: int
    frames: tuple[int, ...]
    visible: NDArray[np.bool_]
    subject: str

    @property
    def name(self) -> str:
        """``folder/clip``."""
        return self.source.name

    def still(self, at: int, side: int, cache: PhotoCache[Still]) -> Still:
        """Decode the stretch's frame number ``at``, no finer than crops of ``side`` can show."""
        frame, factor = self.frames[at], DETAIL * side / self.source.extent
        key = f"{self.source.mark}:{frame}:{self.ear}"
        return cache.get(key, lambda: _scaled(self.source.load(frame, (self.ear,)), factor))


def open_source(
    path: Path, clips: Path | None, pattern: str | None, min_score: float
) -> tuple[list[Photo], list[Track]]:
    """Open a store and list what can be learned from it.

    Args:
        path: the store.
        clips: folder of the clips; None is the folder of the store.
        pattern: see :func:`earvid.finetune.subjects.clip_subject`.
        min_score: least score of a mask that was not corrected by hand.

    Raises:
        EarvidError: the store cannot be read, its clip is missing or another one, or no frame of
            it can be trusted.
    """
    store = Store.open(path)
    clip = _open_clip(store, clips)
    by_hand = corrected_frames(store)
    frames = trusted_frames(store, by_hand, min_score)
    name = f"{path.resolve().parent.name}/{Path(store.clip_name).stem}"
    source = StoreSource(store, clip, name, frames, by_hand)
    if not any(source.shows(t, ear) for ear in frames for t in frames[ear]):
        clip.close()
        raise StoreError(
            f"No frame of {path} was corrected by hand or shows an ear scored at least "
            f"{min_score:g}; correct some frames, or lower --min-score."
        )
    subject = clip_subject(name, pattern)
    return _photos(source, subject), _tracks(source, subject)


def corrected_frames(store: Store) -> dict[int, frozenset[int]]:
    """Frames on which an ear was corrected by hand, by object id."""
    by_ear = store.corrected.T
    return {
        ear: frozenset(np.flatnonzero(frames).tolist())
        for ear, frames in zip(store.object_ids, by_ear, strict=True)
    }


def trusted_frames(
    store: Store, by_hand: Mapping[int, frozenset[int]], min_score: float
) -> dict[int, list[int]]:
    """Frames to learn from, by object id: those corrected by hand, and those scored well."""
    done = store.status != PENDING
    good = done[:, None] & (np.nan_to_num(store.tracks.score, nan=-1) >= min_score)
    return {
        ear: sorted(by_hand[ear] | set(np.flatnonzero(good[:, n]).tolist()))
        for n, ear in enumerate(store.object_ids)
    }


def _open_clip(store: Store, clips: Path | None) -> Clip:
    recorded = store.provenance.get("clip") or {}
    folder = clips or Path(store.path).resolve().parent
    path = folder / str(recorded.get("name") or store.clip_name)
    if not path.exists():
        raise EarvidError(
            f"The clip of {store.path} is not at {path}; put it there, or name its folder with "
            "--clips."
        )
    clip = Clip.open(path)
    digest = recorded.get("sha256")
    if len(clip) != store.frame_count or digest not in (None, clip.digest()):
        clip.close()
        raise EarvidError(
            f"{path} is not the clip that {store.path} was made from, or was changed since; "
            "name the folder of the right one with --clips."
        )
    return clip


def _photos(source: StoreSource, subject: str) -> list[Photo]:
    """Frames as photos, evenly spread over the clip, those corrected by hand first of all."""
    ears: dict[int, list[int]] = {}
    for ear, frames in source.frames.items():
        for t in frames:
            if source.shows(t, ear):
                ears.setdefault(t, []).append(ear)
    by_hand = _spread(sorted(ears.keys() & source.corrected), STILLS_PER_STORE)
    others = _spread(sorted(ears.keys() - source.corrected), STILLS_PER_STORE - len(by_hand))
    return [StoreFrame(source, t, tuple(ears[t]), subject) for t in sorted(by_hand + others)]


def _spread(frames: Sequence[int], most: int) -> list[int]:
    """At most so many of some frames, evenly chosen."""
    step = -(-len(frames) // most) if most else len(frames)
    return list(frames[:: max(1, step)])[:most]


def _tracks(source: StoreSource, subject: str) -> list[Track]:
    tracks = []
    for ear, frames in source.frames.items():
        for stretch in stretches(frames):
            visible = np.array([source.shows(t, ear) for t in stretch])
            if len(stretch) > 1 and visible.any():
                tracks.append(Track(source, ear, tuple(stretch), visible, subject))
    return tracks


def stretches(frames: Sequence[int]) -> list[list[int]]:
    """Split frame numbers where more than :data:`MAX_GAP` lie between neighbors."""
    parts = [[frames[0]]] if frames else []
    for before, after in pairwise(frames):
        if after - before > MAX_GAP:
            parts.append([])
        parts[-1].append(after)
    return parts


def _scaled(still: Still, factor: float) -> Still:
    if factor > 0.8:
        return still
    ears = tuple(shrink_mask(ear, factor) for ear in still.ears)
    return Still(still.name, shrink(still.image, factor), ears)
