"""How a crop did on one clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earvid.evaluate.metrics import boundary_f, iou
from earvid.evaluate.roi_clips import EarTruth, JudgedClip, JudgedFrame
from earvid.evaluate.roi_settings import RoiSetting
from earvid.evaluate.tables import plain
from earvid.tracker import Session, label_frame

Clock = Callable[[], float]


@dataclass(frozen=True)
class ClipScore:
    """One setting on one clip.

    Args:
        setting: of the crop.
        group: what the clip is made of.
        clip: its name.
        judged: ears on frames that show them, prompts left out.
        j: mean region similarity over these; NaN without any.
        f: mean contour accuracy likewise.
        absent: ears on frames that do not show them.
        painted: of these, how many were painted all the same.
        frames: that were tracked.
        seconds: that this took.
        crop: mean side of the crops, pixels of the frame.
    """

    setting: RoiSetting
    group: str
    clip: str
    judged: int
    j: float
    f: float
    absent: int
    painted: int
    frames: int
    seconds: float
    crop: float

    @property
    def j_and_f(self) -> float:
        """Mean of both."""
        return (self.j + self.f) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, rounded."""
        return {
            **asdict(self),
            "j": plain(self.j),
            "f": plain(self.f),
            "j_and_f": plain(self.j_and_f),
            "seconds": plain(self.seconds, 3),
            "crop": plain(self.crop, 1),
        }


class RoiRun:
    """One setting on its way through a clip.

    Args:
        clip: the clip.
        setting: of the crop.
        session: forward, fresh.
        clock: seconds of computing.
    """

    def __init__(
        self, clip: JudgedClip, setting: RoiSetting, session: Session, clock: Clock
    ) -> None:
        self.session = session
        self._clip, self._setting, self._clock = clip, setting, clock
        self._seconds: list[float] = []
        self._crops: list[float] = []
        self._shown: list[tuple[float, float]] = []
        self._painted: list[bool] = []

    def turn(self) -> None:
        """Begin the way back."""
        self.session = self.session.backward()

    def step(self, frame: JudgedFrame) -> None:
        """Track a frame, and judge it where there is truth."""
        start = self._clock()
        session = self.session
        result = session.skip(frame.index) if frame.damaged else session.step(frame)
        self._seconds.append(self._clock() - start)
        tracked = {i: one for i, one in result.objects.items() if not one.keyframe}
        self._crops += [max(one.roi.width, one.roi.height) for one in tracked.values()]
        judged = {i: truth for i, truth in frame.ears.items() if i in tracked}
        if judged:
            labels = label_frame(result.objects.values(), *self._clip.size).labels
            for object_id, truth in judged.items():
                self._judge(labels == object_id, truth)

    def score(self) -> ClipScore:
        """What was measured."""
        j, f = np.array(self._shown).mean(0) if self._shown else (np.nan, np.nan)
        return ClipScore(
            setting=self._setting,
            group=self._clip.group,
            clip=self._clip.name,
            judged=len(self._shown),
            j=float(j),
            f=float(f),
            absent=len(self._painted),
            painted=sum(self._painted),
            # The prompt's frame, on which the model warms up, is no measure.
            frames=len(self._seconds) - 1,
            seconds=sum(self._seconds[1:]),
            crop=float(np.mean(self._crops)),
        )

    def _judge(self, painted: NDArray[np.bool_], truth: EarTruth) -> None:
        if truth.mask.any():
            quality = (
                iou(painted, truth.mask, truth.ignore),
                boundary_f(painted, truth.mask, ignore=truth.ignore),
            )
            self._shown.append(quality)
        else:
            self._painted.append(bool(painted.any()))
