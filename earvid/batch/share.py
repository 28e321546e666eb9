"""What a worker has of the machine: a share of the processor cores, or a GPU."""

from __future__ import annotations

import os


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
