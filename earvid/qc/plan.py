"""Which stores get a page, and where pages go; checked before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earvid.errors import StoreError, UsageError
from earvid.qc.commands import absolute, page_stem
from earvid.qc.outcomes import SUFFIXES, Outcome, outcomes_in, read_outcomes
from earvid.qc.output import check_page
from earvid.store import RemotePath, StorePath, read_header

PAGE, INDEX = ".qc.html", "qc.html"


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Args:
        pages: store and file of its page, in order.
        outcomes: what a batch says about its clips.
        index: file of the page of all clips; None where there is just one store.
        title: of that page.
    """

    pages: tuple[tuple[StorePath, Path], ...]
    outcomes: tuple[Outcome, ...] = ()
    index: Path | None = None
    title: str = ""


def plan_pages(
    sources: Sequence[StorePath], to: Path | None = None, *, overwrite: bool = False
) -> Plan:
    """Decide what to make of the sources.

    Args:
        sources: stores, folders that hold stores, and summaries of batches.
        to: a file ``.html`` for one store, or a folder; by default pages are beside their stores.
        overwrite: replace files that are no pages of ours, too.

    Raises:
        UsageError: a folder holds no stores, a summary is none, or a page cannot be written.
    """
    stores: dict[str, StorePath] = {}
    outcomes: dict[str, Outcome] = {}
    several = len(sources) > 1
    for source in sources:
        found, said = _of_source(source)
        several |= _is_store(source) is False
        for one in found:
            stores.setdefault(absolute(one), one)
        outcomes |= {one.key: one for one in said}
    named = list(stores.values())
    pages = _pages(named, to, several)
    index = _index(sources, named, to) if several else None
    for path in [page for _, page in pages] + ([index] if index else []):
        check_page(path, overwrite=overwrite)
    title = "" if index is None else index.resolve().parent.name or "All clips"
    return Plan(tuple(pages), tuple(outcomes.values()), index, title)


def _of_source(source: StorePath) -> tuple[list[StorePath], tuple[Outcome, ...]]:
    """The stores that a source names, and what it says about clips."""
    if isinstance(source, RemotePath) or _is_store(source):
        return [source], ()
    if source.is_dir():
        outcomes = outcomes_in(source)
        stores = _stores_in(source)
        folder = source
        if not stores and not outcomes:
            raise UsageError(f"{source} holds no stores; track its clips first.")
    else:
        outcomes, stores, folder = read_outcomes(source), [], source.parent
    named = [path for one in outcomes if (path := _store_of(one, folder)) is not None]
    return [*stores, *named], outcomes


def _is_store(source: StorePath) -> bool:
    """Whether a source is to be opened as a store: also what is not there, to say so."""
    if isinstance(source, RemotePath):
        return True
    if source.is_dir():
        return (source / "zarr.json").exists() or source.suffix == ".zarr"
    return source.suffix.lower() not in SUFFIXES


def _stores_in(folder: Path) -> list[Path]:
    """Stores of ours, damaged ones too; other zarr folders are left alone."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix == ".zarr" and path.is_dir()]
    return [path for path in found if path.name.endswith(".earvid.zarr") or _has_header(path)]


def _has_header(path: Path) -> bool:
    try:
        return read_header(path) is not None
    except StoreError:
        return False


def _store_of(outcome: Outcome, folder: Path) -> StorePath | None:
    """The store that an outcome names, where it was or in the folder of the summary."""
    if isinstance(outcome.place, RemotePath):
        return None if outcome.error else outcome.place
    places = (outcome.place, folder / outcome.place.name)
    return next((path for path in places if outcome.store and path.is_dir()), None)


def _pages(
    stores: Sequence[StorePath], to: Path | None, several: bool
) -> list[tuple[StorePath, Path]]:
    if to is not None and to.suffix.lower() == ".html" and not to.is_dir():
        if several:
            raise UsageError(f"{to} names one page; for several, name a folder.")
        _check_folder(to.parent)
        return [(store, to) for store in stores]
    if to is not None:
        _check_target(to)
    pages: list[tuple[StorePath, Path]] = []
    for store in stores:
        folder, stem = _folder(store) if to is None else to, page_stem(store)
        names = [stem, *(f"{stem}-{number}" for number in range(2, len(stores) + 2))]
        taken = {page for _, page in pages}
        free = (page for name in names if (page := folder / f"{name}{PAGE}") not in taken)
        pages.append((store, next(free)))
    return pages


def _check_target(to: Path) -> None:
    """A folder for pages that is there, or can be made in one that is."""
    if to.is_dir():
        return
    if to.exists():
        raise UsageError(f"{to} is neither a folder nor a name that ends in .html.")
    _check_folder(to.resolve().parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"The folder {folder} does not exist; create it first.")


def _folder(store: StorePath) -> Path:
    """That of a store's page; of a store in a bucket, the current one."""
    return Path() if isinstance(store, RemotePath) else store.parent


def _is_folder(source: Path) -> bool:
    return source.is_dir() and not _is_store(source)


def _index(sources: Sequence[StorePath], stores: Sequence[StorePath], to: Path | None) -> Path:
    """In the folder asked for, else in the one that was named, else above all stores."""
    if to is not None:
        return to / INDEX
    folders = [one for one in sources if isinstance(one, Path) and _is_folder(one)]
    if len(folders) == 1:
        return folders[0] / INDEX
    parents = [_folder(store) for store in stores] or [Path()]
    common = Path(os.path.commonpath([parent.resolve() for parent in parents]))
    relative = not any(parent.is_absolute() for parent in parents)
    return (Path(os.path.relpath(common)) if relative else common) / INDEX
