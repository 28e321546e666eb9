"""The seam between a batch and what does its work: workers of this machine, or of a cluster.

A batch says which clip is next, how often one is tried, and what came of each. An engine has
workers, each with a model of its own, and tells what happens to the clips that they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from earvid.batch.manifest import Entry
from earvid.batch.summary import ClipResult
from earvid.batch.task import TrackJob


@dataclass(frozen=True)
class Moved:
    """A clip has come so far.

    Args:
        number: of the clip.
        frames: that are done.
    """

    number: int
    frames: int


@dataclass(frozen=True)
class Done:
    """A clip is done, well or not.

    Args:
        number: of the clip.
        result: what became of it.
    """

    number: int
    result: ClipResult


@dataclass(frozen=True)
class Lost:
    """The worker of a clip is gone, and the clip is not done.

    Args:
        number: of the clip.
        how: what happened to the worker, such as `was killed by signal 9`.
    """

    number: int
    how: str


Event: TypeAlias = Moved | Done | Lost


class Crew(Protocol):
    """Workers, each of which has at most one clip at a time.

    Left in order, they are dismissed; left by an error or Ctrl-C they end what they do at once, so
    that each store can be gone on with. No worker is left either way.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def has_room(self) -> bool:
        """Whether there is somebody for one more clip."""

    def give(self, number: int, entry: Entry, attempt: int) -> None:
        """Have a clip tracked.

        Args:
            number: of the clip, for events.
            entry: the clip.
            attempt: 1, or more when a worker was lost over it, whose store may still be locked for
                a while.
        """

    def listen(self) -> Sequence[Event]:
        """Wait a while for something to happen; it may be nothing."""


class Engine(Protocol):
    """Has workers."""

    @property
    def attempts(self) -> int:
        """How often a clip is tried whose worker is lost."""

    def check(self, job: TrackJob) -> None:
        """See that there can be workers for such a job.

        Raises:
            EarvidError: there cannot.
        """

    def hire(self, job: TrackJob, workers: int | None, clips: int) -> Crew:
        """Gather a crew.

        Args:
            job: what is asked of every clip.
            workers: how many; None leaves it to the engine.
            clips: there is no use for more workers than clips.
        """
