"""Finding out what the data is, and splitting it by subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earvid.errors import EarvidError, UsageError
from earvid.finetune.coco import coco_photos
from earvid.finetune.settings import FinetuneSettings
from earvid.finetune.stores import SUFFIX, StoreFrame, StoreSource, Track, open_source
from earvid.finetune.subjects import held_subjects, share_of
from earvid.train.photo_files import photos_of
from earvid.train.photos import Photo
from earvid.train.stills import find_stills

Kind = Literal["store", "folder", "coco"]


@dataclass(frozen=True)
class Sources:
    """Where data lies.

    Args:
        data: stores, folders and COCO files, in any mix.
        replay: likewise; ears that must not be forgotten.
        images: folder of the photos of COCO files, if not beside them.
        clips: folder of the clips of stores, if not beside them.
    """

    data: Sequence[Path]
    replay: Sequence[Path] = ()
    images: Path | None = None
    clips: Path | None = None


@dataclass(frozen=True)
class Collection:
    """Photos, and stretches of clips; frames of the latter are among the former too."""

    photos: list[Photo] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)

    @property
    def named(self) -> list[tuple[str, str]]:
        """Name and subject of everything."""
        photos = [(photo.name, photo.subject) for photo in self.photos]
        return photos + [(track.name, track.subject) for track in self.tracks]

    @property
    def stores(self) -> list[StoreSource]:
        """Stores of which there is something, in order."""
        sources = [photo.source for photo in self.photos if isinstance(photo, StoreFrame)]
        return list(dict.fromkeys(sources + [track.source for track in self.tracks]))

    @property
    def subjects(self) -> list[str]:
        """All subjects, in order."""
        return sorted({subject for _, subject in self.named})

    def fingerprint(self) -> str:
        """Changes with every photo, mask, frame or subject."""
        total = hashlib.sha256()
        for one in self.photos:
            total.update(f"{one.name}\0{one.subject}\0{one.mark}\n".encode())
        for track in self.tracks:
            total.update(f"{track.name}\0{track.ear}\0{track.frames}\n".encode())
        return total.hexdigest()

    def parted(self, held: frozenset[str]) -> tuple[Collection, Collection]:
        """What is not of the given subjects, and what is."""
        rest, kept = Collection(), Collection()
        for photo in self.photos:
            (kept if photo.subject in held else rest).photos.append(photo)
        for track in self.tracks:
            (kept if track.subject in held else rest).tracks.append(track)
        return rest, kept


@dataclass(frozen=True)
class Split:
    """The data of a run.

    Args:
        train: to learn from.
        held: for validation, of other subjects.
        replay: mixed in, so that it is not forgotten.
        replay_held: for the report.
    """

    train: Collection
    held: Collection
    replay: Collection
    replay_held: Collection

    def fingerprint(self) -> str:
        """Of all data and its split."""
        parts = (self.train, self.held, self.replay, self.replay_held)
        return hashlib.sha256("".join(p.fingerprint() for p in parts).encode()).hexdigest()


def kind_of(path: Path) -> Kind:
    """What kind of data lies at a path.

    Raises:
        EarvidError: none of the three.
    """
    if path.is_dir():
        is_store = path.name.endswith(SUFFIX) or (path / "zarr.json").exists()
        return "store" if is_store else "folder"
    if path.suffix.lower() == ".json":
        return "coco"
    raise _unknown(path)


def gather(paths: Sequence[Path], sources: Sources, settings: FinetuneSettings) -> Collection:
    """Read what lies at the paths, whatever it is.

    Raises:
        EarvidError: something is none of the three kinds, or broken, or there is no ear at all.
    """
    found = Collection()
    pattern = settings.subject
    for path in paths:
        match kind_of(path):
            case "store":
                photos, tracks = open_source(path, sources.clips, pattern, settings.min_score)
                found.photos.extend(photos)
                found.tracks.extend(tracks)
            case "folder":
                found.photos.extend(photos_of(find_stills([path]), pattern))
            case "coco":
                found.photos.extend(coco_photos(path, sources.images, pattern, settings.category))
    if not found.photos:
        raise EarvidError("No photo in the data has a mask with an ear of at least 60 pixels.")
    return found


def split_data(sources: Sources, settings: FinetuneSettings) -> Split:
    """Gather all data of a run and hold some subjects out.

    Raises:
        EarvidError: as for `gather`.
        UsageError: nobody can be held out, a path is in the data and in the replay, or nothing of
            the replay is left to learn from.
    """
    resolved = [p.resolve() for p in sources.data]
    for path in sources.replay:
        if path.resolve() in resolved:
            raise UsageError(f"{path} is both in the data and in the replay; name it once.")
    found = gather(sources.data, sources, settings)
    train, held = found.parted(held_subjects(found.named, settings))
    replay = gather(sources.replay, sources, settings) if sources.replay else Collection()
    kept: frozenset[str] = frozenset()
    strangers = tuple(s for s in replay.subjects if s not in set(train.subjects))
    if len(strangers) > 1 and settings.validation:
        kept = share_of(strangers, settings.validation, settings.seed)
    # A person in both must not be learned from in one and held out in the other.
    rest, replay_held = replay.parted(kept | set(held.subjects))
    if replay.photos and not rest.photos:
        raise UsageError(
            f"Everybody in the replay ({', '.join(replay.subjects)}) is held out for validation, "
            "so that nothing of it can be learned from; replay other people too, or choose whom "
            "to hold out by --hold-out."
        )
    return Split(train, held, rest, replay_held)


def _unknown(path: Path) -> EarvidError:
    if not path.exists():
        return EarvidError(f"{path} does not exist; name a store, a folder or a COCO file.")
    return EarvidError(
        f"{path} is neither a store (*{SUFFIX}), nor a folder with images/ and masks/, nor a COCO "
        "file (*.json)."
    )
