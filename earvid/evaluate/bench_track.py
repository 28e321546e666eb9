"""earvid's own runs: the whole way from clip to store, and the model alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from earvid.evaluate.bench_measures import Measures, Stopwatch, folder_bytes, model_parts
from earvid.evaluate.bench_rows import Row
from earvid.models import LoadedModel
from earvid.pipeline import TrackSettings, track
from earvid.pipeline.marks import Marking, MarkTracks
from earvid.pipeline.sessions import Sessions
from earvid.prompt import Prompt
from earvid.stages import Stages
from earvid.store.ngff import LABEL
from earvid.threads import sharing
from earvid.video import Clip, Frame

HELD_BYTES = 96 * 2**20  # of frames that are in memory at a time


def settings_of(row: Row) -> TrackSettings:
    """The settings of a row: those of ``earvid track``, as far as they make sense."""
    # Random weights see what is not there, and re-entry would search the frame for nothing.
    reentry = "anywhere" if row.trained else "nearby"
    return TrackSettings(model=row.model, device=row.device, roi=row.roi, reentry=reentry)


def run_track(
    row: Row, loaded: LoadedModel, video: Path, prompt: Prompt, store: Path, watch: Stopwatch
) -> Measures:
    """Track a clip into a store, as ``earvid track`` does.

    Args:
        row: what is asked for.
        loaded: the model.
        video: the clip.
        prompt: its ears.
        store: where to.
        watch: started.
    """
    stages = Stages(watch.clock)
    with stages.watching(model_parts(loaded.model)):
        track(
            video,
            prompt,
            store,
            settings=settings_of(row),
            model=loaded,
            progress=lambda done, total: watch.tick(),
            stages=stages,
        )
    measures = watch.stop(stages)
    masks = folder_bytes(store / "labels" / LABEL / "mask")
    return replace(measures, stored_bytes=folder_bytes(store), mask_bytes=masks)


def run_alone(
    row: Row, loaded: LoadedModel, video: Path, prompt: Prompt, watch: Stopwatch
) -> Measures:
    """Track frames that lie in memory, and throw the results away: inference alone.

    Args:
        row: what is asked for.
        loaded: the model.
        video: the clip.
        prompt: its ears.
        watch: started; the time that decoding takes is taken out again.
    """
    stages = Stages(watch.clock)
    with (
        Clip.open(video) as clip,
        stages.watching(model_parts(loaded.model)),
        sharing(small=loaded.small) as share,
    ):
        sessions = Sessions(loaded, clip, settings_of(row), beside=share.beside)
        session = sessions.prepared(prompt)
        marks = MarkTracks(clip, Marking(prompt))
        for frames in _in_memory(clip, watch):
            for frame in frames:
                with stages.stage("track"):
                    result = session.step(frame)
                with stages.stage("landmarks"):
                    marks.step(frame, result)
                watch.tick()
    return watch.stop(stages)


def _in_memory(clip: Clip, watch: Stopwatch) -> Iterator[list[Frame]]:
    """All frames, a few at a time; the watch stands still while they are decoded."""
    many = max(1, HELD_BYTES // (3 * clip.info.width * clip.info.height))
    stream = clip.frames()
    while True:
        with watch.paused():
            frames = list(islice(stream, many))
        if not frames:
            return
        yield frames
