"""Which clips: those of a folder, of names and patterns, or of a manifest."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earvid.errors import EarvidError, UsageError
from earvid.prompt import path_beside
from earvid.store import RemotePath, StorePath, store_path
from earvid.video.names import DRAWN, is_image, is_video, videos_in

COLUMNS = ("clip", "prompt", "keyframe", "output")


@dataclass(frozen=True)
class Entry:
    """A clip of a batch.

    Args:
        clip: video file or folder of images.
        prompt: a prompt file, mask image or landmarks file, or a box or point as text; None is the
            prompt beside the clip, or one that is found.
        keyframe: frame of the prompt, unless that is a file that names its frames.
        output: path or URL of the store; None is beside the clip.
        folder: where a relative path of the prompt begins.
        problem: what is wrong with its line of the manifest.
    """

    clip: Path
    prompt: str | None = None
    keyframe: int | None = None
    output: StorePath | None = None
    folder: Path = Path()
    problem: str | None = None

    @property
    def store(self) -> StorePath:
        """Where its results go."""
        return self.clip.with_name(self.store_name) if self.output is None else self.output

    @property
    def store_name(self) -> str:
        """Name of its store, where nobody gave one."""
        return f"{self.clip.name if self.clip.is_dir() else self.clip.stem}.earvid.zarr"

    @property
    def is_prompted(self) -> bool:
        """Whether its ears are given, rather than to be found."""
        return self.prompt is not None or path_beside(self.clip).is_file()

    def absolute(self) -> Entry:
        """The same clip for a process in another folder."""
        output = self.store if isinstance(self.store, RemotePath) else self.store.absolute()
        return replace(
            self, clip=self.clip.absolute(), output=output, folder=self.folder.absolute()
        )


Told = Callable[[str], None]


def gather(
    sources: Sequence[str | Path], output: StorePath | None = None, *, told: Told = lambda _: None
) -> tuple[Entry, ...]:
    """List the clips of a batch.

    A folder with a video in it is one of videos, and images in it are passed over; one with images
    alone is a clip itself.

    Args:
        sources: folders of clips, manifests (`.csv`), clips, and patterns such as `day1/*.mp4`.
        output: folder or URL below which the stores go that have no place of their own; None is
            beside the clips.
        told: called with a sentence on images that were passed over.

    Raises:
        UsageError: one names nothing, a manifest is malformed, two clips share a store, or the
            folder is missing.
    """
    entries = tuple(entry for source in sources for entry in _of_source(str(source), told))
    if output is not None:
        if isinstance(output, Path) and not output.is_dir():
            raise UsageError(f"The folder {output} does not exist; create it first.")
        entries = tuple(
            replace(entry, output=entry.output or output / entry.store_name) for entry in entries
        )
    check_stores(entries)
    return entries


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """Read a CSV file with the columns clip, prompt, keyframe and output, of which clip has to be.

    Its paths begin at its folder. A line that makes no sense is an entry that fails.

    Raises:
        UsageError: it cannot be read, has other columns, or has no clips.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restkey="", strict=True)
            _check_columns(table.fieldnames or (), path)
            entries = tuple(
                _entry(row, f"{path}, line {table.line_num}", path.parent)
                for row in table
                if any(row.values())
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"The manifest {path} cannot be read: {reason}.") from error
    if not entries:
        raise UsageError(f"The manifest {path} has no clips; add a line for each.")
    return entries


def shard(entries: Sequence[Entry], text: str) -> tuple[Entry, ...]:
    """The part of a batch that one job of several does.

    Args:
        entries: of the whole batch, the same for all jobs.
        text: `I/N`, the job's number from 1 to N.

    Raises:
        UsageError: it is no such text.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"{text!r} is no shard; write I/N with I from 1 to N, such as 2/8.")
    return tuple(entries[number - 1 :: count])


def check_stores(entries: Sequence[Entry]) -> None:
    """See that no clip would replace the results of another.

    Raises:
        UsageError: two would.
    """
    taken: dict[StorePath, Entry] = {}
    for entry in entries:
        store = entry.store if isinstance(entry.store, RemotePath) else entry.store.absolute()
        if store in taken:
            raise UsageError(
                f"{taken[store].clip} and {entry.clip} would share the store {entry.store}; name "
                f"another in the column output of a manifest."
            )
        taken[store] = entry


def _of_source(source: str, told: Told) -> Iterator[Entry]:
    path = Path(source)
    if path.suffix.lower() == ".csv":
        yield from read_manifest(path)
    elif path.is_dir() and not _is_image_clip(path):
        yield from map(Entry, _clips_in(path, told))
    elif path.exists() or not glob.has_magic(source):
        yield Entry(path)  # a clip that is not there is one that fails
    else:
        found = sorted(glob.glob(source, recursive=True))  # noqa: PTH207  # Path's has no roots
        if not found:
            raise UsageError(f"Nothing matches {source!r}; check the pattern.")
        paths = [path for path in map(Path, found) if not _is_ours(path)]
        yield from map(Entry, _without_images(source, paths, told))


def _clips_in(folder: Path, told: Told) -> list[Path]:
    paths = [path for path in sorted(folder.iterdir()) if _is_clip(path) or is_image(path)]
    if not paths:
        raise UsageError(f"{folder} holds no clips; name a folder of videos or of image folders.")
    return _without_images(str(folder), paths, told)


def _without_images(source: str, paths: Sequence[Path], told: Told) -> list[Path]:
    """What is left without images where there are videos, for those are pictures of the clips."""
    videos = sum(map(is_video, paths))
    kept = [path for path in paths if not (videos and is_image(path) and path.is_file())]
    if ignored := len(paths) - len(kept):
        told(f"{source}: {_count(videos, 'video')}; {_count(ignored, 'image')} ignored")
    return kept


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _is_clip(path: Path) -> bool:
    if path.name.startswith(".") or _is_ours(path):
        return False
    return _is_image_clip(path) if path.is_dir() else is_video(path)


def _is_ours(path: Path) -> bool:
    return path.name.endswith(DRAWN) or path.suffix in (".zarr", ".labels")


def _is_image_clip(folder: Path) -> bool:
    return any(map(is_image, folder.iterdir())) and not videos_in(folder)


def _check_columns(names: Sequence[str], path: Path) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if "clip" not in names or unknown:
        what = f"the unknown column {unknown[0]!r}" if unknown else "no column clip"
        raise UsageError(f"The manifest {path} has {what}; its columns are {', '.join(COLUMNS)}.")


def _entry(row: dict[str, str], place: str, folder: Path) -> Entry:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    problem = None
    keyframe = cells["keyframe"]
    if not cells["clip"]:
        problem = f"{place} names no clip; fill the column clip."
    elif "" in row:
        problem = f"{place} has more cells than there are columns; put commas in quotes."
    elif keyframe and not (keyframe.isascii() and keyframe.isdigit()):
        problem = f"{place} has the keyframe {keyframe!r}; give a frame's number, from 0."
    elif keyframe and not cells["prompt"]:
        problem = f"{place} has a keyframe but no prompt; add one, or leave both empty."
    output = None
    try:
        output = _output(cells["output"], folder)
    except EarvidError as error:
        problem = problem or f"{place}: {error}"
    return Entry(
        clip=folder / cells["clip"],
        prompt=cells["prompt"] or None,
        keyframe=int(keyframe) if keyframe and problem is None else None,
        output=output,
        folder=folder,
        problem=problem,
    )


def _output(text: str, folder: Path) -> StorePath | None:
    if not text:
        return None
    path = store_path(text)
    return path if isinstance(path, RemotePath) else folder / path
