"""Running the two passes over a clip, with checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from earvid.errors import StoreError
from earvid.pipeline.background import Background, Task
from earvid.pipeline.marks import Marks, MarkTracks, dump_marks, load_marks
from earvid.pipeline.plan import Plan
from earvid.pipeline.records import RecordMaker
from earvid.prefetch import Prefetch
from earvid.stages import Stages, each, stage
from earvid.store import StoreWriter
from earvid.tracker import (
    FrameResult,
    Session,
    dump_results,
    dump_session,
    load_results,
    load_session,
)
from earvid.video import Clip, Frame

QUEUE_BYTES = 24 * 2**20  # of decoded frames that wait, on either side of the model


class Passes:
    """The forward and the backward pass of one clip.

    Decoding, inference, and landmarks with writing overlap: frames come from one thread, and what
    the model makes of them goes to another.

    Args:
        clip: the frames.
        session: forward, fresh, prepared with the keyframes.
        marks: follows the landmarks, forward and fresh.
        maker: builds records.
        writer: of the store, new or resumed.
        shard_length: frames per shard.
        progress: called with frames done and frames in all.
        stages: measures ``decode``, ``wait`` (for a frame, or for room in the queue of what is to
            be written), ``track``, ``landmarks`` and ``write``.
    """

    def __init__(
        self,
        clip: Clip,
        session: Session,
        marks: MarkTracks,
        maker: RecordMaker,
        writer: StoreWriter,
        shard_length: int,
        progress: Callable[[int, int], None] | None,
        stages: Stages | None = None,
    ) -> None:
        self.clip, self.session, self.marks = clip, session, marks
        self.maker, self.writer = maker, writer
        self.plan = Plan.make(session.prompt, len(clip), shard_length)
        self._progress = progress or (lambda done, total: None)
        self._stages = stages
        self._depth = max(2, min(32, QUEUE_BYTES // clip.frame_bytes))
        self._tracked = 0  # by this run
        self._before = 0  # by the runs that this one resumes

    def run(self) -> int:
        """Track what is not done yet; returns how many frames this run tracked."""
        direction, start = self._restore()
        with Background(self._depth) as background:
            if direction == "forward":
                self._forward(background, start)
                background.drain()  # the way back reads what was staged
                start = self.plan.seam - 1
                self.session, self.marks = self.session.backward(), self.marks.backward()
            if start >= 0:
                self._backward(background, start)
        return self._tracked

    def _restore(self) -> tuple[str, int]:
        """Return where to go on: the pass and its next frame."""
        saved = self.writer.load_state()
        if saved is None:
            return "forward", self.plan.first
        try:
            about = json.loads(saved["pass"])
            direction, start = str(about["direction"]), int(about["next"])
            data = saved["session"]
        except (KeyError, ValueError) as error:
            raise StoreError(
                "The saved state of this store is damaged; use --overwrite."
            ) from error
        if direction == "backward":
            self.session, self.marks = self.session.backward(), self.marks.backward()
            self._before = len(self.clip) - min(start + 1, self.plan.first)
        else:
            self._before = start - self.plan.first
        load_session(self.session, data)
        self.marks.load(saved)
        return direction, start

    def _forward(self, background: Background, start: int) -> None:
        plan = self.plan
        staged: list[FrameResult] = []
        marked: dict[int, Marks] = {}
        with Prefetch(self._timed(self.clip.frames(start)), self._depth) as frames:
            for frame in each(self._stages, "wait", frames):
                result = self._track(frame)
                if frame.index >= plan.seam:
                    self._submit(background, partial(self._write, frame, result))
                else:
                    staged.append(result)
                    self._submit(background, partial(self._keep, frame, result, marked))
                if plan.ends_forward(frame.index):
                    if staged:
                        shard = plan.shard(frame.index)
                        self._submit(background, partial(self._stage, shard, staged, marked))
                        staged, marked = [], {}
                    self._checkpoint(background, "forward", frame.index + 1)
                self._count()

    def _backward(self, background: Background, start: int) -> None:
        plan = self.plan
        staged: dict[int, FrameResult] = {}
        marked: dict[int, Marks] = {}
        with Prefetch(self._timed(self.clip.frames_backward(start)), self._depth) as frames:
            for frame in each(self._stages, "wait", frames):
                index = frame.index
                if index >= plan.first and index not in staged:
                    staged, marked = self._staged(plan.shard(index))
                before = staged.pop(index) if index >= plan.first else None
                task = partial(self._write, frame, self._track(frame), before, marked.get(index))
                self._submit(background, task)
                if plan.ends_backward(index):
                    self._checkpoint(background, "backward", index - 1)
                    self._submit(background, partial(self.writer.drop_stage, plan.shard(index)))
                if index < plan.first:
                    self._count()

    def _track(self, frame: Frame) -> FrameResult:
        with stage(self._stages, "track"):
            return self.session.skip(frame.index) if frame.damaged else self.session.step(frame)

    def _timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return each(self._stages, "decode", frames)

    def _submit(self, background: Background, task: Task) -> None:
        with stage(self._stages, "wait"):
            background.submit(task)

    # What follows is done in the background, frame after frame: no mask waits for landmarks.

    def _follow(self, frame: Frame, result: FrameResult) -> Marks:
        with stage(self._stages, "landmarks"):
            return self.marks.step(frame, result)

    def _keep(self, frame: Frame, result: FrameResult, marked: dict[int, Marks]) -> None:
        marked[frame.index] = self._follow(frame, result)

    def _write(
        self,
        frame: Frame,
        result: FrameResult,
        staged: FrameResult | None = None,
        marked: Marks | None = None,
    ) -> None:
        """Add a frame to the store, with what the way forward had found on it, if any."""
        marks = {**self._follow(frame, result), **(marked or {})}
        if staged is not None:
            result = FrameResult(frame.index, {**result.objects, **staged.objects})
        with stage(self._stages, "write"):
            self.writer.add(self.maker.record(frame.gray, result, marks))

    def _stage(self, shard: int, staged: list[FrameResult], marked: dict[int, Marks]) -> None:
        blobs = {"results": dump_results(staged), "landmarks": dump_marks(marked)}
        with stage(self._stages, "write"):
            self.writer.stage(shard, blobs)

    def _save(self, about: dict[str, Any], session: bytes) -> None:
        blobs = {"pass": json.dumps(about).encode(), "session": session, **self.marks.dump()}
        with stage(self._stages, "write"):
            self.writer.save_state(blobs)

    def _staged(self, shard: int) -> tuple[dict[int, FrameResult], dict[int, Marks]]:
        blobs = self.writer.load_stage(shard)
        if blobs is None:
            raise StoreError("The staged results of this store are damaged; use --overwrite.")
        return load_results(blobs["results"]), load_marks(blobs.get("landmarks"))

    def _checkpoint(self, background: Background, direction: str, following: int) -> None:
        about: dict[str, Any] = {"direction": direction, "next": following}
        # In the writer's order: a checkpoint never precedes the shard that it speaks of.
        self._submit(background, partial(self._save, about, dump_session(self.session)))

    def _count(self) -> None:
        self._tracked += 1
        self._progress(self._tracked + self._before, len(self.clip))
