"""What a worker has of a machine or a cluster: a share of the processor cores, or a GPU."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earvid.errors import UsageError

CORES = 4  # for each worker, where nobody says how many there are


def share_threads(workers: int) -> int:
    """Threads for each of so many workers, of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit):
        cores = min(cores, int(limit))  # what the user or a job's manager allows in all
    return max(1, cores // workers)


def gpus(device: str) -> tuple[str, ...]:
    """Names of the GPUs to use, as `CUDA_VISIBLE_DEVICES` has them; none for other devices."""
    if device not in ("auto", "cuda"):
        return ()
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip()]
    return tuple(visible[:count]) if visible else tuple(map(str, range(count)))


@dataclass(frozen=True)
class Shares:
    """What each worker of a cluster has.

    Args:
        workers: how many there are.
        cores: of each.
        gpus: of each; a fraction where workers share one.
    """

    workers: int
    cores: int
    gpus: float


def share_cluster(
    nodes: Sequence[Mapping[str, float]], device: str, workers: int | None, clips: int
) -> Shares:
    """Share out a cluster among workers.

    Args:
        nodes: `CPU` and `GPU` of each node, as Ray counts them.
        device: as of `TrackSettings`; `auto` takes GPUs if a node has one.
        workers: how many; by default one per GPU, or one for every four cores of a node.
        clips: there is no use for more workers than clips.

    Raises:
        UsageError: GPUs are asked for, and no node has one; Ray would wait for such a node.
    """
    cores = [int(node.get("CPU", 0)) for node in nodes]
    there = sum(int(node.get("GPU", 0)) for node in nodes)
    if device not in ("auto", "cuda") or (device == "auto" and not there):
        count = workers or max(1, sum(max(1, n // CORES) for n in cores if n))
        count = min(count, clips, max(1, sum(cores)))
        return Shares(count, _fit(cores, count), 0.0)
    if not there:
        raise UsageError("No node of the Ray cluster has a GPU; use --device auto or cpu.")
    count = min(workers or there, clips)
    with_gpu = [int(node.get("CPU", 0)) for node in nodes if node.get("GPU", 0)]
    share = 1.0 if count <= there else 1.0 / -(-count // there)
    return Shares(count, _fit(with_gpu, count), share)


def _fit(cores: Sequence[int], count: int) -> int:
    """The most cores each of so many workers can have, none of which spans two nodes."""
    for share in range(max(cores, default=1), 1, -1):
        if sum(n // share for n in cores) >= count:
            return share
    return 1
