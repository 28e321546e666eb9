"""Pages of stores, one by one, and the page of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from earvid.errors import EarvidError, StoreError
from earvid.qc.clips import find_clip
from earvid.qc.output import write_whole
from earvid.qc.overview import Failure, Row, index_page, link, row_of
from earvid.qc.page import store_page
from earvid.qc.plan import Plan
from earvid.qc.review import review
from earvid.store import Store, StorePath

Progress = Callable[[int, int], None]


@contextmanager
def _silent(store: StorePath) -> Iterator[Progress]:
    yield lambda done, total: None


@dataclass
class Made:
    """What was made.

    Args:
        pages: files, the page of all clips last.
        failures: stores that have no page, since one or the other cannot be read or written.
    """

    pages: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def write_pages(
    plan: Plan,
    clip: Path | None = None,
    *,
    progress: Callable[[StorePath], AbstractContextManager[Progress]] = _silent,
    told: Callable[[Path], None] = lambda page: None,
) -> Made:
    """Write all pages of a plan; of several, a bad store does not stop the others.

    Args:
        plan: what to make.
        clip: of the one store, if it is not beside it.
        progress: called with each store, gives a context with what is called with frames done and
            frames in all.
        told: called with each page as soon as it is there.

    Raises:
        EarvidError: the page of all clips cannot be written, or of the one store its page.
    """
    made, rows = Made(), list[Row]()
    for store, page in plan.pages:
        try:
            with progress(store) as report:
                rows.append(_write(store, page, clip, plan.index, report))
        except EarvidError as error:
            if plan.index is None:
                raise
            state = "unreadable" if isinstance(error, StoreError) else "no page"
            made.failures.append(Failure(store.name, state, str(error)))
            continue
        made.pages.append(page)
        told(page)
    if plan.index is not None:
        folder = plan.index.parent
        text = index_page(plan.title, rows, made.failures, plan.outcomes, folder)
        write_whole(plan.index, text.encode())
        made.pages.append(plan.index)
        told(plan.index)
    return made


def _write(
    path: StorePath, page: Path, clip_path: Path | None, index: Path | None, progress: Progress
) -> Row:
    store = Store.open(path)
    with ExitStack() as stack:
        clip, note = find_clip(store, clip_path)
        if clip is not None:
            stack.enter_context(clip)
        found = review(store, progress)
        home = None if index is None else link(index, page.parent)
        text = store_page(found, clip, clip_note=note, home=home)
    write_whole(page, text.encode())
    return row_of(found, page)
