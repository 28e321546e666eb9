"""``earvid.stream``: results frame by frame, without a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import numpy as np

from earvid.library.frame import PER_FRAME, TrackedFrame, tracked_frame
from earvid.library.prompts import AnyPath, Asked, Boxes, Landmarks, Masks, Points, PromptLike
from earvid.library.tracking import Job, Search, make_job
from earvid.prompt import ObjectPrompt, Prompt
from earvid.video import Clip

if TYPE_CHECKING:
    from collections.abc import Generator

    from earvid.models import LoadedModel
    from earvid.pipeline import TrackSettings

AHEAD = 4  # decoded frames that may wait


def stream(
    clip: AnyPath,
    prompt: PromptLike | None = None,
    *,
    box: Boxes | None = None,
    points: Points | None = None,
    mask: Masks | None = None,
    landmarks: Landmarks | None = None,
    frame: int | None = None,
    stop: int | None = None,
    ears: int | None = None,
    only: Literal["left", "right"] | None = None,
    model: str | LoadedModel | None = None,
    checkpoint: AnyPath | None = None,
    device: str | None = None,
    policy: str | None = None,
    settings: TrackSettings | None = None,
) -> Generator[TrackedFrame, None, None]:
    """Track the ears of a clip and give each frame as soon as it is done. ::

        for frame in earvid.stream("clip.mp4", box=(412, 160, 498, 301), frame=30):
            print(frame.index, frame.ears["ear"].box)

    It runs forward from the first keyframe, and nothing is written. What it gives for a frame is
    what :func:`track` stores for it, for every ear whose first keyframe has come by. Nothing is
    read before the first frame is asked for; the clip is closed when the generator is, or when it
    is let go of. Memory does not grow with the length of the clip.

    Args:
        clip: as for :func:`track`, and so are all that are not named here.
        prompt: likewise.
        box: likewise.
        points: likewise.
        mask: likewise.
        landmarks: likewise.
        frame: number of the keyframe.
        stop: one after the last frame; None is the end of the clip.
        ears: likewise.
        only: likewise.
        model: likewise.
        checkpoint: likewise.
        device: likewise.
        policy: likewise.
        settings: likewise.

    Yields:
        Frames with image, masks, boxes, scores, presence and landmarks, in order.

    Raises:
        EarvidError: one sentence on what is wrong with clip, prompt or model.
    """
    asked = Asked(prompt, box, points, mask, landmarks, frame)
    job = make_job(
        clip, asked, settings, model=model, checkpoint=checkpoint, device=device, policy=policy
    )
    told, _ = job.prompt(asked, Search(ears, only), None, overwrite=False)
    with ExitStack() as stack:
        source = stack.enter_context(Clip.open(job.clip, reader=job.settings.reader))
        told.validate(source.info.width, source.info.height, source.info.frame_count)
        yield from _frames(stack, source, job, told, stop)


def _frames(
    stack: ExitStack, source: Clip, job: Job, prompt: Prompt, stop: int | None
) -> Iterator[TrackedFrame]:
    from earvid.pipeline.guesses import make_guesses, with_guesses
    from earvid.pipeline.marks import MarkTracks
    from earvid.pipeline.records import RecordMaker, keypoint_names
    from earvid.pipeline.sessions import Sessions
    from earvid.prefetch import Prefetch

    settings, info = job.settings, source.info
    sessions = Sessions(job.model(), source, settings)
    session = sessions.prepared(prompt)
    guesses = make_guesses(source, prompt, sessions) if settings.landmarks == "auto" else ()
    marking = with_guesses(prompt, guesses)
    marks = MarkTracks(source, marking, wanted=settings.follows_landmarks)
    slots = session.policy.slots(max(len(ear.frames) for ear in prompt.objects))
    keypoints = keypoint_names(marking.prompt) if settings.follows_landmarks else ()
    maker = RecordMaker(
        marking.prompt, info.width, info.height, keypoints, slots, tidy=settings.roi != "off"
    )
    objects = [(ear.id, ear.name) for ear in prompt.objects]
    first = min((ear.first_keyframe for ear in prompt.objects if ear.frames), default=0)
    last = info.frame_count if stop is None else stop
    for frame in stack.enter_context(Prefetch(source.frames(first, last), AHEAD)):
        result = session.skip(frame.index) if frame.damaged else session.step(frame)
        record = maker.record(frame.gray, result, marks.step(frame, result))
        values = {name: np.asarray(getattr(record, name)) for name in PER_FRAME}
        corrected = [_is_revisited(ear, frame.index) for ear in prompt.objects]
        yield tracked_frame(frame, record.mask, values, objects, corrected)


def _is_revisited(ear: ObjectPrompt, frame: int) -> bool:
    """Whether a person came back to an ear, as the status of a frame counts it."""
    prompted_again = frame in ear.frames and frame != ear.first_keyframe
    return prompted_again or ear.is_absent(frame)
