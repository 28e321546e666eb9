"""What ``earvid correct`` is told about an ear, as a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earvid.cli.messages import say
from earvid.errors import PromptError, UsageError

if TYPE_CHECKING:
    from earvid.prompt import FramePrompt, Prompt
    from earvid.store import Store

SAME_BOX = "This is the box of the tracked mask, so the mask will hardly change."

AbsentRange = tuple[int, int | None]


def absent_range(text: str) -> AbsentRange:
    """Parse the value of ``--absent`` or ``--present``."""
    from earvid.prompt import parse_range

    try:
        return parse_range(text)
    except PromptError as error:
        raise click.BadParameter(str(error)) from error


@dataclass(frozen=True)
class Correction:
    """What the options say.

    Args:
        ear: name of the ear; None where there is one.
        frame: that is wrong.
        given: what is on it.
        absent: frames on which the ear is not.
        present: frames on which nobody says so any more.
    """

    ear: str | None
    frame: int | None
    given: FramePrompt | None
    absent: tuple[AbsentRange, ...]
    present: tuple[AbsentRange, ...]

    def apply(self, before: Prompt, store: Store) -> Prompt:
        """The corrected prompt; what may surprise is said.

        Args:
            before: the prompt that the store was made from.
            store: that is corrected.

        Raises:
            UsageError, PromptError: one sentence on what makes no sense.
        """
        from earvid.pipeline.again import with_ear, with_keyframe

        prompt = self._without(before, store) if self.absent else before
        if self.present:
            known = {} if self.frame is None or self.given is None else {self.frame: self.given}
            return with_ear(prompt, self.ear, self._within("--present", self.present, store), known)
        if self.frame is None or self.given is None:
            return prompt
        self._check_absence(before, self.frame)
        if _is_tracked_box(store, self.ear, self.frame, self.given):
            say(SAME_BOX)
        return with_keyframe(prompt, self.ear, self.frame, self.given)

    def _without(self, before: Prompt, store: Store) -> Prompt:
        from earvid.pipeline.again import without_ear

        count = len(store)
        ranges = self._within("--absent", self.absent, store)
        prompt, dropped = without_ear(before, self.ear, ranges)
        ear = next(one for one in prompt.objects if self.ear in (None, one.name))
        if dropped and not ear.frames and self.given is None and ear.absent != ((0, count),):
            raise UsageError(
                f"Nothing else than {_keyframes(dropped)} says where {ear.name} is: take it out "
                f"of the clip with --absent :, or say where it is on another frame with --frame "
                f"and --box."
            )
        if dropped and (ear.frames or self.given is not None):
            say(f"{ear.name} is no longer prompted on {_keyframes(dropped)}.")
        return prompt

    def _check_absence(self, prompt: Prompt, frame: int) -> None:
        """See that nobody said that the ear is not where it is said to be now."""
        for one in prompt.objects:
            for start, stop in one.absent if self.ear in (None, one.name) else ():
                if start <= frame < stop:
                    raise UsageError(
                        f"{one.name} is said to be absent on frame {frame}; take that back with "
                        f"--present {start}:{stop}, or a part of it, beside this."
                    )

    def _within(
        self, option: str, ranges: tuple[AbsentRange, ...], store: Store
    ) -> tuple[tuple[int, int], ...]:
        """Ranges with both ends."""
        count = len(store)
        if late := [start for start, _ in ranges if start >= count]:
            raise UsageError(f"{option} {late[0]}: is beyond the clip, which has {count} frames.")
        return tuple((start, count if stop is None else stop) for start, stop in ranges)


def read_correction(
    items: Sequence[tuple[Any, str]],
    ear: str | None,
    frame: int | None,
    absent: tuple[AbsentRange, ...],
    present: tuple[AbsentRange, ...],
    prompt_file: Path | None,
) -> Correction:
    """Put together what the options say; nothing, where a prompt file says it all.

    Raises:
        UsageError: they say nothing, or not on which frame.
        PromptError: a file cannot be read.
    """
    if items and frame is None:
        raise UsageError("Say with --frame on which frame the ear is there.")
    if not items and frame is not None:
        raise UsageError(
            "Nothing says where the ear is on that frame; give --box, --point, --mask or "
            "--landmarks."
        )
    silent = not items and not absent and not present
    if silent and prompt_file is None:
        raise UsageError(
            "Nothing says where the ear is; give --frame with --box, --point, --mask or "
            "--landmarks, or --absent where it is not."
        )
    if silent and ear is not None:
        raise UsageError("--ear does nothing here: the file of --prompt names the ears.")
    given = None if frame is None else _frame_prompt(items, frame)
    return Correction(ear, frame, given, absent, present)


def _frame_prompt(items: Sequence[tuple[Any, str]], frame: int) -> FramePrompt:
    """What the options say about the ear on a frame."""
    from earvid.prompt import prompt_from_options

    prompt = prompt_from_options(items, frame)
    if len(prompt.objects) > 1:
        raise UsageError("A correction is of one ear; give one --box, --mask and --landmarks.")
    return prompt.objects[0].frames[frame]


def _keyframes(frames: Sequence[int]) -> str:
    return f"frame{'' if len(frames) == 1 else 's'} {', '.join(map(str, frames))}"


def _is_tracked_box(store: Store, ear: str | None, frame: int, given: FramePrompt) -> bool:
    """Whether all that is said is a box, and that the tracked one to within a pixel."""
    names = store.object_names
    if given.box is None or len(given.points) or given.mask is not None or frame >= len(store):
        return False
    if ear not in names and len(names) > 1:
        return False
    tracked = store.tracks.box[frame, :, names.index(ear) if ear in names else 0]
    return all(abs(one - other) <= 1 for one, other in zip(given.box, tracked, strict=True))
