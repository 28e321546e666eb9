"""Many clips: a list of them, workers that share the machine, and a line on each at the end."""

from earvid.batch.crew import Engine
from earvid.batch.manifest import Entry, gather, read_manifest, shard
from earvid.batch.processes import Processes
from earvid.batch.ray_crew import RayCluster
from earvid.batch.run import Batch, BatchProgress
from earvid.batch.summary import ClipResult, as_table, write_summary
from earvid.batch.task import TrackJob

__all__ = [
    "Batch",
    "BatchProgress",
    "ClipResult",
    "Engine",
    "Entry",
    "Processes",
    "RayCluster",
    "TrackJob",
    "as_table",
    "gather",
    "read_manifest",
    "shard",
    "write_summary",
]
