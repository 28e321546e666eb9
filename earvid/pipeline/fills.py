"""Tracking stretches of a clip anew, with checkpoints, and writing whole shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from earvid.errors import StoreError
from earvid.pipeline.changes import Fill
from earvid.pipeline.merging import Merger
from earvid.pipeline.sessions import Sessions
from earvid.prefetch import Prefetch
from earvid.prompt import Prompt
from earvid.store import PENDING, StoreWriter
from earvid.tracker import (
    FrameResult,
    ObjectResult,
    Session,
    dump_results,
    dump_session,
    load_results,
    load_session,
)
from earvid.video import Clip, Frame


class Fills:
    """The stretches of a correction, one after the other.

    The results of a stretch are staged, a shard at a time, until the last stretch that touches a
    shard has passed; then the shard is merged with the old store and written. Shards that none
    touches are copied at the end. Checkpoints lie at shard boundaries within each stretch.

    Args:
        clip: the frames.
        prompt: the ears.
        sessions: makes one session per stretch.
        fills: the stretches.
        merger: joins results and the old store.
        writer: of the new store, begun or resumed.
        progress: called with frames done and frames in all; a frame counts once per stretch.
    """

    def __init__(
        self,
        clip: Clip,
        prompt: Prompt,
        sessions: Sessions,
        fills: tuple[Fill, ...],
        merger: Merger,
        writer: StoreWriter,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._clip, self._prompt, self._sessions = clip, prompt, sessions
        self._fills, self._merger, self._writer = fills, merger, writer
        self._progress = progress or (lambda done, total: None)
        self._length = writer.spec.shard_length
        self._total = sum(len(fill.frames) for fill in fills)
        self._done = 0

    def run(self) -> int:
        """Track and write what is not done yet; returns how many frames this run tracked."""
        number, passed, data = self._restore()
        before = sum(len(fill.frames) for fill in self._fills[:number]) + passed
        self._done = before
        for at in range(number, len(self._fills)):
            self._fill(at, passed, data)
            passed, data = 0, None
        for shard in np.flatnonzero(self._writer.status[:: self._length] == PENDING):
            self._write(int(shard), {})
        return self._done - before

    def _restore(self) -> tuple[int, int, bytes | None]:
        """Return which stretch to go on with, how many of its frames are done, and its session."""
        saved = self._writer.load_state()
        if saved is None:
            return 0, 0, None
        try:
            about = json.loads(saved["fill"])
            return int(about["number"]), int(about["passed"]), saved["session"]
        except (KeyError, ValueError) as error:
            raise self._damaged() from error

    def _fill(self, number: int, passed: int, data: bytes | None) -> None:
        fill = self._fills[number]
        frames = fill.frames[passed:]
        if not frames:
            return
        session = self._session(fill, data)
        results: list[FrameResult] = []
        with Prefetch(self._frames(frames)) as decoded:
            for frame in decoded:
                skips = frame.damaged
                results.append(session.skip(frame.index) if skips else session.step(frame))
                passed += 1
                self._done += 1
                if frame.index == frames[-1] or self._ends_shard(frame.index, fill.direction):
                    self._close(number, passed, session, results)
                    results = []
                self._progress(self._done, self._total)

    def _frames(self, frames: range) -> Iterable[Frame]:
        if frames.step > 0:
            return self._clip.frames(frames.start, frames.stop)
        return self._clip.frames_backward(frames.start, frames.stop + 1)

    def _session(self, fill: Fill, data: bytes | None) -> Session:
        object_id, keyframe = fill.object_id, fill.keyframe
        if data is None:
            return self._sessions.starting_at(self._prompt, object_id, keyframe, fill.direction)
        prompt = self._sessions.begun_at(self._prompt, object_id, keyframe)
        session = self._sessions.blank(prompt, fill.direction)
        load_session(session, data)
        return session

    def _ends_shard(self, index: int, direction: int) -> bool:
        return index // self._length != (index + direction) // self._length

    def _close(
        self, number: int, passed: int, session: Session, results: list[FrameResult]
    ) -> None:
        """Stage or write what a stretch had for a shard, then save how far it is."""
        shard = results[0].index // self._length
        staged = {**(self._writer.load_stage(shard) or {}), str(number): dump_results(results)}
        whole = number == self._touching(shard)[-1]
        if whole:
            self._write(shard, staged)
        else:
            self._writer.stage(shard, staged)
        about = json.dumps({"number": number, "passed": passed}).encode()
        self._writer.save_state({"fill": about, "session": dump_session(session)})
        if whole:
            self._writer.drop_stage(shard)

    def _touching(self, shard: int) -> list[int]:
        """The stretches that have frames in a shard."""
        frames = self._writer.spec.shard_range(shard)
        return [
            n
            for n, fill in enumerate(self._fills)
            if min(fill.frames) < frames.stop and max(fill.frames) >= frames.start
        ]

    def _write(self, shard: int, staged: Mapping[str, bytes]) -> None:
        if [int(number) for number in staged] != self._touching(shard):
            raise self._damaged()
        frames = self._writer.spec.shard_range(shard)
        tracked: dict[int, dict[int, ObjectResult]] = {index: {} for index in frames}
        for data in staged.values():
            for index, result in load_results(data).items():
                tracked[index].update(result.objects)
        for index, results in tracked.items():
            self._writer.add(self._merger.record(index, results))

    def _damaged(self) -> StoreError:
        path = self._writer.path
        return StoreError(
            f"What was saved of this correction is damaged: remove the folder {path} and run the "
            f"same again to begin it anew."
        )
