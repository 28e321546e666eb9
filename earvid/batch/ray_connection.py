"""The way to a Ray cluster, there or to be started; Ray is imported here and nowhere else."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from earvid.batch.share import share_threads
from earvid.batch.task import TrackJob
from earvid.batch.worker import environment
from earvid.errors import UsageError

KNOCK = 10.0  # seconds that a cluster has to answer
# Read by Ray when it is imported, and on Linux, too: it takes 127.0.0.1 for its address.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def import_ray(address: str | None) -> Any:
    """Import Ray.

    Args:
        address: of the cluster; None says that one will be started.

    Raises:
        UsageError: it is not installed.
    """
    try:
        with environment({} if address else LOOPBACK):
            import ray
    except ImportError as error:
        raise UsageError(
            "The engine ray needs Ray: install it with pip install 'earvid[batch]'."
        ) from error
    return ray


@contextmanager
def connected(ray: Any, address: str | None, job: TrackJob) -> Iterator[None]:
    """Be in a cluster: that of the caller, the one at the address, or a new one on this machine.

    Raises:
        UsageError: no cluster answers.
    """
    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    local = {
        "address": "local",
        "num_cpus": share_threads(1),
        "include_dashboard": False,
        **({"num_gpus": 0} if job.settings.device in ("cpu", "mps") else {}),
    }
    try:
        _knock(address)
        with environment({"RAY_USAGE_STATS_ENABLED": "0", **({} if address else LOOPBACK)}):
            ray.init(**quiet, **({"address": address} if address else local))
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"at {address}" if address else "on this machine"
        raise UsageError(f"No Ray cluster answers {where}: {first_line(error)}.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """See that somebody is there, of which Ray would try to convince itself for minutes.

    Raises:
        OSError: nobody is.
    """
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK).close()


def first_line(error: Exception) -> str:
    """The part of an error's text that people read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".:")
