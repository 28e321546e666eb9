"""Clips that a camera recorded, with masks that a person drew on some of their frames.

A folder of them looks like this; only the clips and the masks have to be there::

    talk.mp4                             any video, or a folder of images
    truth/talk/mask_00030_1.png          frame 30, ear 1: anything but 0 is ear; all 0: no ear there
    truth/talk/ignore_00030_1.png        pixels of it that are not judged
    truth/talk/truth.json                {"keyframe": 30, "objects": {"1": "left ear"},
                                          "absent": [[60, 1]]}

An ear is prompted by the box of its mask on the keyframe; without one, or without a mask there, on
the first frame that shows it. Absent ears are given by frame and ear, in place of empty masks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from earvid.batch.manifest import gather
from earvid.errors import EarvidError
from earvid.evaluate.memory_figures import Bools
from earvid.evaluate.roi_clips import EarTruth, JudgedFrame
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt, read_mask
from earvid.tracker.results import Box, mask_box
from earvid.video import Clip, Frame

TRUTH = "truth"
NOTES = "truth.json"
GROUP = "recorded"
_NAME = re.compile(r"mask_(\d{1,9})_(\d{1,3})\.png", re.ASCII)


class TruthNotes(BaseModel):
    """What ``truth.json`` says; whatever else it says is for people.

    Attributes:
        keyframe: on which ears are prompted.
        objects: names of the ears, by object id.
        absent: frame and object id of ears that are known to be out of view.
    """

    model_config = ConfigDict(strict=True, extra="ignore")
    keyframe: int | None = None
    objects: dict[str, str] = {}
    absent: list[tuple[int, int]] = []


@dataclass(frozen=True)
class TruthFolder:
    """The masks of one clip.

    Args:
        path: of the folder.
        masks: file by frame and object id.
        notes: what else is known.
    """

    path: Path
    masks: dict[tuple[int, int], Path]
    notes: TruthNotes = field(default_factory=TruthNotes)

    @classmethod
    def read(cls, path: Path) -> TruthFolder:
        """List a folder.

        Raises:
            EarvidError: it holds no masks, or notes that make no sense.
        """
        found = [(_NAME.fullmatch(file.name), file) for file in sorted(path.iterdir())]
        masks = {(int(name[1]), int(name[2])): file for name, file in found if name}
        if not masks:
            raise EarvidError(
                f"{path} holds no masks; name them mask_FRAME_EAR.png, such as mask_00030_1.png."
            )
        return cls(path, masks, _read_notes(path / NOTES))

    @property
    def frames(self) -> list[int]:
        """Frames of which something is known."""
        return sorted({index for index, _ in (*self.masks, *self.notes.absent)})

    def on(self, index: int, shape: tuple[int, int]) -> dict[int, EarTruth]:
        """What is known of a frame, by object id.

        Args:
            index: the frame.
            shape: of its masks, ``(H, W)``.

        Raises:
            PromptError: a mask cannot be read.
            EarvidError: a mask is not of the clip's size.
        """
        gone = {i: EarTruth(np.zeros(shape, bool)) for t, i in self.notes.absent if t == index}
        drawn = {
            i: EarTruth(_read(file, shape), self._ignored(index, i, shape))
            for (t, i), file in self.masks.items()
            if t == index
        }
        return {**drawn, **gone}

    def box(self, object_id: int, shape: tuple[int, int]) -> tuple[int, Box] | None:
        """The frame on which an ear is prompted, and its box; ``None`` when no frame shows it."""
        frames = sorted(t for t, i in self.masks if i == object_id)
        for index in sorted(frames, key=lambda t: t != self.notes.keyframe):
            box = mask_box(_read(self.masks[index, object_id], shape))
            if box is not None:
                return index, box
        return None

    def _ignored(self, index: int, object_id: int, shape: tuple[int, int]) -> Bools | None:
        mask = self.masks[index, object_id]
        file = mask.with_name(mask.name.replace("mask", "ignore", 1))
        return _read(file, shape) if file.is_file() else None


class RecordedClip:
    """A clip with the masks of some frames.

    Args:
        path: of the clip.
        truth: its masks.

    Raises:
        VideoError: the clip cannot be read.
        EarvidError: the masks lie beyond the clip's last frame.
    """

    group = GROUP

    def __init__(self, path: Path, truth: TruthFolder) -> None:
        self.path, self._truth = path, truth
        self.name = path.stem
        with Clip.open(path) as clip:
            self.size = (clip.info.width, clip.info.height)
            self.length = len(clip)
        self._check()

    def prompt(self) -> Prompt:
        """A box for each ear that is seen."""
        return self._prompt

    @cached_property
    def judged(self) -> bool:
        """Whether an ear is seen on a frame beside that on which it is prompted.

        Raises:
            PromptError: a mask cannot be read.
            EarvidError: a mask is not of the clip's size.
        """
        return any(
            t != at[0] and _read(file, self._shape).any()
            for object_id, at in self._boxes.items()
            for (t, i), file in self._truth.masks.items()
            if i == object_id and (t, i) not in self._truth.notes.absent
        )

    def forward(self) -> Iterator[JudgedFrame]:
        """Frames from the first keyframe to the last that is judged."""
        with Clip.open(self.path) as clip:
            stop = max(self._keyframes[-1], self._truth.frames[-1]) + 1
            yield from map(self._judged, clip.frames(self._keyframes[0], stop))

    def backward(self) -> Iterator[JudgedFrame]:
        """Frames before the last keyframe, back to the first that is judged."""
        start, stop = self._keyframes[-1] - 1, self._truth.frames[0]
        if start < stop:
            return
        with Clip.open(self.path) as clip:
            yield from map(self._judged, clip.frames_backward(start, stop))

    @cached_property
    def _prompt(self) -> Prompt:
        names = self._truth.notes.objects
        return Prompt(
            tuple(
                ObjectPrompt(
                    id=i, name=names.get(str(i), f"ear {i}"), frames={at[0]: FramePrompt(box=at[1])}
                )
                for i, at in self._boxes.items()
            )
        )

    @cached_property
    def _boxes(self) -> dict[int, tuple[int, Box]]:
        """The frame on which each ear is prompted, and its box, of the ears that are seen."""
        ids = sorted({object_id for _, object_id in self._truth.masks})
        found = {object_id: self._truth.box(object_id, self._shape) for object_id in ids}
        return {object_id: at for object_id, at in found.items() if at is not None}

    @property
    def _shape(self) -> tuple[int, int]:
        return self.size[1], self.size[0]

    @property
    def _keyframes(self) -> list[int]:
        return sorted(ear.first_keyframe for ear in self._prompt.objects)

    def _judged(self, frame: Frame) -> JudgedFrame:
        ears = {} if frame.damaged else self._truth.on(frame.index, self._shape)
        return JudgedFrame(frame.index, frame.image, ears, frame.damaged)

    def _check(self) -> None:
        last = self._truth.frames[-1]
        if last >= self.length:
            raise EarvidError(
                f"{self._truth.path} has truth of frame {last}, but {self.path.name} has the "
                f"frames 0 to {self.length - 1}; count frames from 0."
            )


def find_recorded(
    folder: Path, told: Callable[[str], None] = lambda message: None
) -> list[RecordedClip]:
    """The clips of a folder that have masks to judge by.

    Args:
        folder: of clips, with their masks in ``truth/``.
        told: called with a sentence for each clip that is left out, since its masks show no ear on
            two frames, one to prompt and one to judge by.

    Raises:
        EarvidError: there are none, masks have no clip, or do not fit it.
        PromptError: a mask cannot be read.
        VideoError: a clip cannot be read.
    """
    clips = [RecordedClip(path, truth) for path, truth in _with_truth(folder)]
    for clip in clips:
        if not clip.judged:
            told(f"{clip.path} is left out, since its masks show no ear on two frames.")
    kept = [clip for clip in clips if clip.judged]
    if not kept:
        raise EarvidError(
            f"{folder / TRUTH} shows no ear on two frames of a clip, one to prompt and one to "
            "judge by; draw more masks."
        )
    return kept


def _with_truth(folder: Path) -> list[tuple[Path, TruthFolder]]:
    truths = folder / TRUTH
    if not truths.is_dir():
        raise EarvidError(
            f"{folder} has no folder {TRUTH}/; put the masks of each clip into {TRUTH}/NAME/."
        )
    clips = {entry.clip.stem: entry.clip for entry in gather([folder])}
    found = [path for path in sorted(truths.iterdir()) if path.is_dir()]
    if not found:
        raise EarvidError(f"{truths} is empty; put the masks of each clip into a folder in it.")
    for path in found:
        if path.name not in clips:
            raise EarvidError(f"{path} belongs to no clip; {folder} has no video {path.name}.*.")
    return [(clips[path.name], TruthFolder.read(path)) for path in found]


def _read(file: Path, shape: tuple[int, int]) -> Bools:
    mask = read_mask(file)
    if mask.shape != shape:
        raise EarvidError(
            f"The mask {file} is {mask.shape[1]}×{mask.shape[0]} pixels, its clip "
            f"{shape[1]}×{shape[0]}; draw it on a whole frame."
        )
    return mask


def _read_notes(file: Path) -> TruthNotes:
    if not file.is_file():
        return TruthNotes()
    try:
        return TruthNotes.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise EarvidError(f"{file} makes no sense at {place}: {first['msg']}.") from error
