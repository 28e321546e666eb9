"""One writer at a time in a bucket, where no kernel holds a lock: a lease, kept by renewing it.

The lease is an object that its writer replaces every few seconds. It is taken and renewed by
conditional PUTs, of which a server lets one of several through. Nobody's clock is trusted: whoever
finds a lease watches it by the own clock, and takes it over when nothing has moved for `EXPIRES`; a
writer that died on the same machine, in the same boot and pid namespace, is known to be dead at
once.

A writer that could not renew the lease for `HOLDS` seconds, because the network was cut or the
machine slept, changes nothing until it could, and nothing at all when another has taken it over.
`earvid.store._bucket` looks before every request, of which one that was begun ends within the time
that is left until `EXPIRES`, or fails. So two writers do not write at once. What remains is a
process that is stopped in the instant between this check and its request, and goes on a minute
later; storage without fencing cannot tell. It would write a shard of the same store, made from the
same clip, prompt and settings.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from earvid.errors import StoreError
from earvid.store._errors import StoreBusyError

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import S3Store

RENEW = 5.0  # seconds between two renewals
HOLDS = 20.0  # seconds from the begin of a renewal in which its writer may begin a request
EXPIRES = 60.0  # seconds without a renewal after which another may take over
LOOK = 0.5  # seconds between two looks at another's lease

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _There:
    """A lease as the server has it."""

    about: dict[str, Any]
    tag: str | None


class Lease:
    """Keeps other writers out of a store until it is released, or not renewed any more.

    Args:
        objects: The prefix of the store.
        key: Of the lease in it.
        store: What errors call the store.

    Raises:
        StoreBusyError: Another writer renews it.
    """

    def __init__(self, objects: S3Store, key: str, store: str) -> None:
        self._objects, self._key, self._store = objects, key, store
        self._about = {"holder": uuid.uuid4().hex, "host": socket.gethostname(), **_process()}
        self._beat = 0
        self._lost = False
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._renewed = _clock()
        self._take()
        self._thread = threading.Thread(target=self._keep, name="earvid-lease", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """See that nobody else can have it.

        Raises:
            StoreError: Somebody has, or the server cannot be reached.
        """
        if not self._lost and not self._holds:
            with suppress(OSError, BaseError):
                self._renew()
        if self._lost or not self._holds:
            raise StoreError(
                f"{self._store} could not be reached for so long that another process may be "
                f"writing it: run the same again, and it goes on from the last whole shard."
            )

    def release(self) -> None:
        """Let others in; more than one call does no harm."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        with suppress(OSError, BaseError):
            there = self._read()
            # One that was not renewed for long may be another's between this look and the deletion.
            if there is not None and self._is_ours(there) and self._holds:
                obstore.delete(self._objects, self._key)

    @property
    def _holds(self) -> bool:
        return _clock() - self._renewed <= HOLDS

    def _take(self) -> None:
        while True:
            if self._put("create"):
                return
            there = self._read()
            if there is None:
                continue
            if not _is_dead(there.about):
                self._outwait(there)
            if self._put({"e_tag": there.tag}):
                return

    def _outwait(self, there: _There) -> None:
        """Wait until a lease has expired.

        Raises:
            StoreBusyError: It is renewed.
        """
        about, began = there.about, _clock()
        who = f"Process {about.get('pid')} on {about.get('host')}"
        _log.warning("%s may be writing %s; waiting to see", who, self._store)
        while _clock() - began < EXPIRES:
            time.sleep(LOOK)
            now = self._read()
            if now is None:
                return
            if now != there:
                raise StoreBusyError(
                    f"{who} is writing {self._store}: wait for it to end, or stop it."
                )

    def _keep(self) -> None:
        while not self._ended.wait(RENEW) and not self._lost:
            with suppress(OSError, BaseError):  # until `confirm` finds that it took too long
                self._renew()

    def _renew(self) -> None:
        with self._turn:
            there = self._read()
            if there is None or not self._is_ours(there):
                self._lost = True
            else:
                # Refused, it may be that the answer to the last renewal was lost; the next one will
                # tell.
                self._put({"e_tag": there.tag})

    def _put(self, mode: PutMode) -> bool:
        """Write the lease, if the server has what `mode` says; whether it is ours now."""
        self._beat += 1
        began = _clock()
        data = json.dumps({**self._about, "beat": self._beat}).encode()
        with suppress(AlreadyExistsError, PreconditionError):
            obstore.put(self._objects, self._key, data, mode=mode)
        # There are servers that know no conditions; and an answer can be lost where the PUT was
        # not. What is there now tells.
        there = self._read()
        if there is None or there.about != {**self._about, "beat": self._beat}:
            return False
        self._renewed = began
        return True

    def _read(self) -> _There | None:
        try:
            found = obstore.get(self._objects, self._key)
            about = json.loads(found.bytes().to_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            about = {}
        return _There(about if isinstance(about, dict) else {}, found.meta.get("e_tag"))

    def _is_ours(self, there: _There) -> bool:
        return bool(there.about.get("holder") == self._about["holder"])


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _process() -> dict[str, Any]:
    """What tells this process from all others that ever were on this machine."""
    return {"pid": os.getpid(), "born": _born(os.getpid()), "machine": _machine()}


def _is_dead(about: dict[str, Any]) -> bool:
    """Whether the process was on this machine, where it can be looked for, and is no more."""
    machine = _machine()
    if machine is None or about.get("machine") != machine:
        return False
    return about.get("born") != _born(int(about.get("pid", 0)))


def _machine() -> str | None:
    """Boot and pid namespace, by which a pid means one process; None where they are not told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _born(pid: int) -> str | None:
    """When a process started, in ticks; None when there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = fields.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]
