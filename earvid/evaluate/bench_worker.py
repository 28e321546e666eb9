"""One run of the benchmark, in a process of its own: ``python -m earvid.evaluate.bench_worker``.

A job comes as JSON on standard input, and what was measured goes as JSON to standard output. Peak
memory is that of a whole process and never goes down, and so every run needs its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from sam2.sam2_video_predictor import SAM2VideoPredictor

from earvid.errors import EarvidError
from earvid.evaluate.bench_clips import BenchClip, MaskTruth, limited
from earvid.evaluate.bench_measures import Measures, Stopwatch, mean_of
from earvid.evaluate.bench_rows import Row
from earvid.evaluate.bench_stock import PackedMasks, run_stock
from earvid.evaluate.bench_track import run_alone, run_track
from earvid.evaluate.metrics import j_and_f
from earvid.models import LoadedModel, load_model, random_model
from earvid.prompt import Prompt
from earvid.store import Store, compress_in_one_thread

MaskOf = Callable[[int, int], NDArray[np.bool_]]


@dataclass(frozen=True)
class Job:
    """What a process is asked for.

    Args:
        row: what to measure.
        clip: what to run on.
        threads: of PyTorch and OpenCV; 0 leaves them as they are.
        folder: for temporary files.
    """

    row: Row
    clip: BenchClip
    threads: int
    folder: Path

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Job:
        """Read a job from plain values."""
        clip = told["clip"]
        truth = None if clip["truth"] is None else Path(clip["truth"])
        paths = BenchClip(Path(clip["video"]), Path(clip["prompt"]), truth)
        return cls(Row(**told["row"]), paths, told["threads"], Path(told["folder"]))


def run(job: Job) -> Measures:
    """Do a job.

    Raises:
        EarvidError: the model or the clip cannot be used.
    """
    if job.threads:
        torch.set_num_threads(job.threads)
        cv2.setNumThreads(job.threads)
    row = job.row
    prompt = limited(Prompt.load(job.clip.prompt), row.ears)
    began = time.perf_counter()
    loaded = load(row)
    watch = Stopwatch(row.device, time.perf_counter() - began)
    truth = MaskTruth.load(job.clip.truth) if job.clip.truth and row.trained else None
    if row.engine == "stock":
        assert isinstance(loaded.model, SAM2VideoPredictor)
        measures, masks = run_stock(loaded.model, job.clip.video, prompt, watch)
        return _judged(measures, truth, prompt, _packed(masks, truth))
    if row.engine == "alone":
        return run_alone(row, loaded, job.clip.video, prompt, watch)
    compress_in_one_thread()  # as earvid track does
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        store = Path(folder) / "bench.earvid.zarr"
        measures = run_track(row, loaded, job.clip.video, prompt, store, watch)
        return _judged(measures, truth, prompt, _stored(store, prompt))


def load(row: Row) -> LoadedModel:
    """Load the model of a row; with random weights if nobody trained one for it here."""
    kind: type[SAM2Base] = SAM2VideoPredictor if row.engine == "stock" else SAM2Base
    how: dict[str, Any] = {
        "device": row.device,
        "dtype": row.dtype,
        "quantize": row.quantize,
        "model_class": kind,
        "tuned": row.engine != "stock",  # stock is what its README gives
    }
    if row.trained:
        return load_model(row.model, **how)
    return random_model(row.model, image_size=row.image_size, **how)


def _packed(masks: PackedMasks, truth: MaskTruth | None) -> MaskOf:
    width = 0 if truth is None else truth.width
    return lambda index, ear: np.unpackbits(masks[index][ear], axis=-1, count=width).astype(bool)


def _stored(path: Path, prompt: Prompt) -> MaskOf:
    store = Store.open(path)
    return lambda index, ear: store.mask(index) == prompt.objects[ear].id


def _judged(measures: Measures, truth: MaskTruth | None, prompt: Prompt, mask: MaskOf) -> Measures:
    """Add how good the masks are; memory and time were measured before."""
    if truth is None:
        return measures
    scores = [
        j_and_f(mask(index, ear), truth.mask(index, ear))
        for index in range(1, measures.frames)
        for ear in range(len(prompt.objects))
    ]
    return replace(measures, j_and_f=mean_of(scores))


def main() -> int:
    """Do the job that standard input tells."""
    told = json.load(sys.stdin)
    try:
        answer = run(Job.from_dict(told)).to_dict()
    except EarvidError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
