"""From what the tracker says to what the store keeps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from earvid.landmarks.chart import gray_of
from earvid.pipeline.marks import Marks, landmark_names
from earvid.prompt import Prompt
from earvid.store import CORRECTED, DONE, PROXY_STEP, FrameRecord
from earvid.tracker import FrameResult, LabeledFrame, label_frame


@dataclass(frozen=True, eq=False)
class RecordMaker:
    """Builds the record of a frame.

    Args:
        prompt: of the clip.
        width: of the frames, pixels.
        height: of the frames, pixels.
        keypoints: names of all landmarks in the store.
        slots: memory frames that are recorded per mask.
        tidy: drop specks from masks.
    """

    prompt: Prompt
    width: int
    height: int
    keypoints: tuple[str, ...]
    slots: int
    tidy: bool

    def record(self, image: NDArray[np.uint8], result: FrameResult, marks: Marks) -> FrameRecord:
        """Build the record of one frame.

        Args:
            image: ``(H, W)`` uint8 gray, or ``(H, W, 3)`` RGB.
            result: all ears of the frame.
            marks: their landmarks.
        """
        labeled = label_frame(result.objects.values(), self.width, self.height, tidy=self.tidy)
        status = CORRECTED if self._corrected(result) else DONE
        return self.assemble(result, labeled, marks, proxy(image), status)

    def assemble(
        self,
        result: FrameResult,
        labeled: LabeledFrame,
        marks: Marks,
        gray: NDArray[np.uint8],
        status: int,
    ) -> FrameRecord:
        """Put the record of one frame together.

        Args:
            result: ears of the frame; those that are missing have a record without values.
            labeled: their masks.
            marks: their landmarks.
            gray: the frame as :func:`proxy` gives it.
            status: of the frame.
        """
        ears = self.prompt.objects
        count = len(ears)
        box = np.full((4, count), np.nan, np.float32)
        score = np.full(count, np.nan, np.float32)
        presence = np.full(count, np.nan, np.float32)
        area = np.zeros(count, np.float32)
        memory = np.full((count, self.slots), -1, np.int32)
        duplicate_of = np.zeros(count, np.uint8)
        for n, ear in enumerate(ears):
            one = result.objects.get(ear.id)
            if one is None:
                continue
            # The drawing decides where no lookout did, as in a run without a crop.
            drawn = labeled.duplicates.get(ear.id)
            presence[n] = one.presence if drawn is None else min(one.presence, 0.5)
            duplicate_of[n] = drawn or one.duplicate_of
            frames = one.memory[: self.slots]
            memory[n, : len(frames)] = frames
            found = labeled.boxes.get(ear.id)
            if found is not None:
                box[:, n], score[n], area[n] = found, one.score, labeled.areas[ear.id]
        position, confidence, visible = self._landmarks(marks)
        return FrameRecord(
            index=result.index,
            mask=labeled.labels,
            proxy=gray,
            box=box,
            score=score,
            presence=presence,
            area=area,
            memory=memory,
            duplicate_of=duplicate_of,
            position=position,
            confidence=confidence,
            visible=visible,
            status=status,
        )

    def _corrected(self, result: FrameResult) -> bool:
        """Whether a person came back to this frame.

        It has a prompt, but not an ear's first, or an ear is said not to be there.
        """
        return any(
            (result.index in ear.frames and result.index != ear.first_keyframe)
            or ear.is_absent(result.index)
            for ear in self.prompt.objects
        )

    def _landmarks(
        self, marks: Marks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
        """Position, confidence and visibility of the landmarks of all ears."""
        count, keypoints = len(self.prompt.objects), len(self.keypoints)
        position = np.full((2, keypoints, count), np.nan, np.float32)
        confidence = np.full((keypoints, count), np.nan, np.float32)
        visible = np.zeros((keypoints, count), np.uint8)
        row = {name: k for k, name in enumerate(self.keypoints)}
        for n, ear in enumerate(self.prompt.objects):
            one = marks.get(ear.id)
            if one is None or not keypoints:
                continue
            rows = [row[name] for name in landmark_names(ear)]
            position[:, rows, n] = one.points.T
            confidence[rows, n] = one.confidence
            visible[rows, n] = one.visible
        return position, confidence, visible


def proxy(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small gray copy of a frame, a quarter of its size, rounded up.

    Args:
        image: ``(H, W)`` uint8 gray, or ``(H, W, 3)`` RGB.
    """
    gray = gray_of(image)
    size = (-(-gray.shape[1] // PROXY_STEP), -(-gray.shape[0] // PROXY_STEP))
    small = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    # Sensor noise would take a hundred times the bytes of the masks; 32 grays show where one is.
    return np.asarray((small & 0xF8) | 0x04, np.uint8)


def keypoint_names(prompt: Prompt) -> tuple[str, ...]:
    """All landmark names of a prompt, in the order in which they first appear."""
    return tuple({name: None for ear in prompt.objects for name in landmark_names(ear)})
