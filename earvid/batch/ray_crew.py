"""Workers in a Ray cluster.

Ray places the workers, each with its cores and its GPU, tells when one is lost with its node, and
places another one as soon as there is room. Which clip is tried again is the batch's to say, as it
is on one machine, so that both have the same summary: Ray's own retries would not count.

Nothing is done twice. A clip whose store is complete is left as it is, and one that was lost goes
on from the last whole shard. Two workers never write one store, for a worker that is lost is not
always dead, but may be cut off: who writes a store has it locked, and the next worker waits until
the lock is free. On a file system of several machines that asks for locks that reach across them
(NFS from version 4, Lustre with `flock`, CephFS); a store on S3 has a lease, see
:mod:`earvid.store._lease`.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from os import environ
from types import TracebackType
from typing import Any, Self

from earvid.batch.crew import Done, Event, Lost, Moved
from earvid.batch.manifest import Entry
from earvid.batch.ray_connection import connected, first_line, import_ray
from earvid.batch.ray_worker import RayWorker
from earvid.batch.share import Shares, share_cluster
from earvid.batch.task import TrackJob
from earvid.batch.worker import PATIENCE
from earvid.errors import EarvidError

ROOM = 60.0  # seconds after which it is told that there is no room
INTERVAL = 0.5  # seconds between two looks at how far the clips are
FALSE_STARTS = 8  # workers that were lost before they were ready, until it is taken for a rule

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RayCluster:
    """The engine of a Ray cluster.

    Args:
        address: of the cluster, as `ray.init` takes it; without it, and without `RAY_ADDRESS`, one
            is started on this machine and ended with the batch. It listens on loopback alone,
            unless Ray was imported before.
        attempts: how often a clip is tried whose worker is lost.
    """

    address: str | None = None
    attempts: int = 4

    def check(self, job: TrackJob) -> None:
        """See that Ray is installed, and this machine has the device if it will be the cluster.

        Of another cluster its nodes say what they have.

        Raises:
            UsageError: Ray is not installed.
            ModelError: the device is not there.
        """
        from earvid.models import pick_device

        ray = import_ray(self._there)
        if self._there is None and not ray.is_initialized():
            pick_device(job.settings.device)

    def hire(self, job: TrackJob, workers: int | None, clips: int) -> RayCrew:
        """Gather a crew; the cluster is reached when it is entered."""
        return RayCrew(self._there, job, workers, clips)

    @property
    def _there(self) -> str | None:
        return self.address or environ.get("RAY_ADDRESS") or None


@dataclass(eq=False)
class _Hand:
    """A worker as its employer sees it; what is awaited of it is None or a Ray reference."""

    actor: Any
    started: Any
    work: Any = None
    frames: Any = None
    number: int | None = None

    @property
    def is_idle(self) -> bool:
        return self.started is None and self.number is None

    @property
    def awaited(self) -> dict[Any, str]:
        names = ("started", "work", "frames")
        return {ref: name for name in names if (ref := getattr(self, name)) is not None}


class RayCrew:
    """A crew of Ray actors.

    Args:
        address: of the cluster; None starts one.
        job: what is asked of every clip.
        workers: how many; None leaves it to the cluster's size.
        clips: there is no use for more workers than clips.

    Raises:
        UsageError: no cluster answers, or it has no GPU where one is asked for.
        EarvidError: workers do not start.
    """

    def __init__(self, address: str | None, job: TrackJob, workers: int | None, clips: int) -> None:
        self._ray = import_ray(address)
        self._address, self._wanted, self._clips = address, workers, clips
        checkpoint = job.settings.checkpoint
        if checkpoint is not None:  # other processes are in other folders
            job = replace(job, settings=replace(job.settings, checkpoint=checkpoint.absolute()))
        self._job = job
        self._hands: list[_Hand] = []
        self._false_starts = 0
        self._open = ExitStack()
        self._actor: Any = None
        self._quiet_until = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(connected(self._ray, self._address, self._job))
            nodes = [one["Resources"] for one in self._ray.nodes() if one["Alive"]]
            shares = share_cluster(nodes, self._job.settings.device, self._wanted, self._clips)
            self._actor = self._ray.remote(
                num_cpus=shares.cores,
                num_gpus=shares.gpus,
                max_restarts=0,
                max_concurrency=4,  # `track`, and those beside it
            )(RayWorker)
            self._shares = shares
            for _ in range(shares.workers):
                self._start()
            self._open = stack.pop_all()
        self._quiet_until = time.monotonic() + ROOM
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._open:
            work = [hand.work for hand in self._hands if hand.work is not None]
            if work:
                for hand in self._hands:
                    hand.actor.stop.remote()
                self._ray.wait(work, num_returns=len(work), timeout=PATIENCE)
            for hand in self._hands:
                self._dismiss(hand)
            self._hands.clear()

    @property
    def shares(self) -> Shares:
        """What each worker has."""
        return self._shares

    @property
    def has_room(self) -> bool:
        """Whether a worker is placed and idle."""
        return any(hand.is_idle for hand in self._hands)

    def give(self, number: int, entry: Entry, attempt: int) -> None:
        """Have a clip tracked by an idle worker."""
        hand = next(hand for hand in self._hands if hand.is_idle)
        hand.number = number
        hand.work = hand.actor.track.remote(entry.absolute(), attempt, entry.clip.exists())

    def listen(self) -> list[Event]:
        """Wait until a worker has something to say, or is lost."""
        for hand in self._hands:
            if hand.work is not None and hand.frames is None:
                hand.frames = hand.actor.frames.remote()
        awaited = {ref: (hand, name) for hand in self._hands for ref, name in hand.awaited.items()}
        self._say_if_full()
        # Answers about frames come at once; a worker that is done ends the wait.
        ends = [ref for ref, (_, name) in awaited.items() if name != "frames"]
        self._ray.wait(ends, num_returns=1, timeout=INTERVAL)
        ready, _ = self._ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
        events: list[Event] = []
        for ref in ready:
            hand, name = awaited[ref]
            if getattr(hand, name) is ref:  # its worker may have been lost a moment ago
                events += self._hear(hand, name, ref)
        return events

    def _say_if_full(self) -> None:
        """Tell, once, that no worker has found room yet; others may use the cluster."""
        waits = all(hand.started is not None for hand in self._hands)
        if waits and time.monotonic() > self._quiet_until:
            self._quiet_until = float("inf")
            cores, gpus = self._shares.cores, self._shares.gpus
            _log.warning("the Ray cluster has no room for %d cores and %g GPUs yet", cores, gpus)

    def _hear(self, hand: _Hand, name: str, ref: Any) -> list[Event]:
        number = hand.number
        setattr(hand, name, None)
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            # How far a lost worker is does not matter; that it is lost shows in its work.
            return [] if name == "frames" else self._lose(hand, error)
        if name == "started":
            self._false_starts = 0
            return []
        assert number is not None
        if name == "frames":
            return [Moved(number, answer)]
        hand.number = hand.frames = None  # nobody waits for an answer about this clip any more
        return [Done(number, answer)]

    def _lose(self, hand: _Hand, error: Exception) -> list[Event]:
        """Put a worker aside that is dead or cut off, and have another one placed."""
        self._hands.remove(hand)
        self._dismiss(hand)
        if hand.number is None:
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS:
                raise EarvidError(
                    f"The workers that Ray places do not start ({first_line(error)}): see that "
                    f"the same earvid is installed on every node."
                ) from error
        self._start()
        return [] if hand.number is None else [Lost(hand.number, "was lost")]

    def _dismiss(self, hand: _Hand) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):  # it may be dead already
            self._ray.kill(hand.actor)

    def _start(self) -> None:
        actor = self._actor.remote(self._job, self._shares.cores)
        self._hands.append(_Hand(actor, actor.ready.remote()))
