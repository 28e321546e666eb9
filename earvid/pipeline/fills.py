"""Tracking stretches of a clip anew, with checkpoints, and writing whole shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from earvid.errors import StoreError
from earvid.pipeline.changes import Fill
from earvid.pipeline.marks import Marking, Marks, MarkTracks, dump_marks, load_marks
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

_LANDMARKS = ".landmarks"


class Fills:
    """The stretches of a correction, one after the other.

    The results of a stretch are staged, a shard at a time, until the last stretch that touches a
    shard has passed; then the shard is merged with the old store and written. Shards that none
    touches are copied at the end. Checkpoints lie at shard boundaries within each stretch.

    Args:
        clip: the frames.
        prompt: the ears.
        marking: their landmarks.
        sessions: makes one session per stretch.
        fills: the stretches.
        merger: joins results and the old store.
        writer: of the new store, begun or resumed.
        progress: called with frames done and frames in all; a frame counts once per stretch.
        landmarks: whether they are followed, too.
    """

    def __init__(
        self,
        clip: Clip,
        prompt: Prompt,
        marking: Marking,
        sessions: Sessions,
        fills: tuple[Fill, ...],
        merger: Merger,
        writer: StoreWriter,
        progress: Callable[[int, int], None] | None,
        *,
        landmarks: bool,
    ) -> None:
        self._marking, self._landmarks = marking, landmarks
        self._clip, self._prompt, self._sessions = clip, prompt, sessions
        self._fills, self._merger, self._writer = fills, merger, writer
        self._progress = progress or (lambda done, total: None)
        self._length = writer.spec.shard_length
        self._total = sum(len(fill.frames) for fill in fills)
        self._done = 0  # by all runs, those that lead to others included
        self._tracked = 0  # by this run, without these

    def run(self) -> int:
        """Track and write what is not done yet; returns how many frames this run tracked."""
        number, passed, saved = self._restore()
        self._done = sum(len(fill.frames) for fill in self._fills[:number]) + passed
        for at in range(number, len(self._fills)):
            self._fill(at, passed, saved)
            passed, saved = 0, None
        for shard in np.flatnonzero(self._writer.status[:: self._length] == PENDING):
            self._write(int(shard), {})
        return self._tracked

    def _restore(self) -> tuple[int, int, dict[str, bytes] | None]:
        """Return which stretch to go on with, how many of its frames are done, and its state."""
        saved = self._writer.load_state()
        if saved is None:
            return 0, 0, None
        try:
            about = json.loads(saved["fill"])
            number, passed = int(about["number"]), int(about["passed"])
        except (KeyError, ValueError) as error:
            raise self._damaged() from error
        if "session" not in saved:
            raise self._damaged()
        return number, passed, saved

    def _fill(self, number: int, passed: int, saved: dict[str, bytes] | None) -> None:
        fill = self._fills[number]
        frames = fill.frames[passed:]
        if not frames:
            return
        session, tracks = self._session(fill, saved), self._marks(fill, saved)
        results: list[FrameResult] = []
        marked: dict[int, Marks] = {}
        with Prefetch(self._frames(frames)) as decoded:
            for frame in decoded:
                skips = frame.damaged
                result = session.skip(frame.index) if skips else session.step(frame)
                marks = tracks.step(frame, result)
                if passed >= fill.lead:
                    results.append(result)
                    marked[frame.index] = marks
                    self._tracked += 1
                passed += 1
                self._done += 1
                if frame.index == frames[-1] or self._ends_shard(frame.index, fill.direction):
                    about = {"number": number, "passed": passed}
                    state = {"session": dump_session(session), **tracks.dump()}
                    self._close(about, state, results, marked)
                    results, marked = [], {}
                self._progress(self._done, self._total)

    def _frames(self, frames: range) -> Iterable[Frame]:
        if frames.step > 0:
            return self._clip.frames(frames.start, frames.stop)
        return self._clip.frames_backward(frames.start, frames.stop + 1)

    def _session(self, fill: Fill, saved: dict[str, bytes] | None) -> Session:
        start = self._prompt, fill.object_id, fill.keyframe, fill.direction
        if saved is None:
            return self._sessions.starting_at(*start)
        session = self._sessions.resumed(*start)
        load_session(session, saved["session"])
        return session

    def _marks(self, fill: Fill, saved: dict[str, bytes] | None) -> MarkTracks:
        marking = self._marking.only(fill.object_id)
        tracks = MarkTracks(self._clip, marking, fill.direction, wanted=self._landmarks)
        if saved is not None:
            tracks.load(saved)
        elif fill.direction < 0 and fill.keyframe is not None:
            tracks.begin(fill.object_id, fill.keyframe)
        return tracks

    def _ends_shard(self, index: int, direction: int) -> bool:
        return index // self._length != (index + direction) // self._length

    def _close(
        self,
        about: dict[str, int],
        state: dict[str, bytes],
        results: list[FrameResult],
        marked: dict[int, Marks],
    ) -> None:
        """Stage or write what a stretch had for a shard, then save how far it is."""
        progress = {"fill": json.dumps(about).encode(), **state}
        if not results:  # all of these frames led to others
            self._writer.save_state(progress)
            return
        shard, number = results[0].index // self._length, about["number"]
        staged = {
            **(self._writer.load_stage(shard) or {}),
            f"{number}": dump_results(results),
            f"{number}{_LANDMARKS}": dump_marks(marked),
        }
        whole = number == self._touching(shard)[-1]
        if whole:
            self._write(shard, staged)
        else:
            self._writer.stage(shard, staged)
        self._writer.save_state(progress)
        if whole:
            self._writer.drop_stage(shard)

    def _touching(self, shard: int) -> list[int]:
        """The stretches that have frames in a shard."""
        frames = self._writer.spec.shard_range(shard)
        return [
            n
            for n, fill in enumerate(self._fills)
            if min(fill.kept) < frames.stop and max(fill.kept) >= frames.start
        ]

    def _write(self, shard: int, staged: Mapping[str, bytes]) -> None:
        fills = [name for name in staged if not name.endswith(_LANDMARKS)]
        if [int(number) for number in fills] != self._touching(shard):
            raise self._damaged()
        frames = self._writer.spec.shard_range(shard)
        tracked: dict[int, dict[int, ObjectResult]] = {index: {} for index in frames}
        marked: dict[int, Marks] = {index: {} for index in frames}
        for number in fills:
            for index, result in load_results(staged[number]).items():
                tracked[index].update(result.objects)
            for index, marks in load_marks(staged.get(number + _LANDMARKS)).items():
                marked[index].update(marks)
        for index, results in tracked.items():
            self._writer.add(self._merger.record(index, results, marked[index]))

    def _damaged(self) -> StoreError:
        path = self._writer.path
        return StoreError(
            f"What was saved of this correction is damaged: remove the folder {path} and run the "
            f"same again to begin it anew."
        )
