"""Whole photos in motion: ears among what is really around them, however large the crop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from earvid.evaluate.model_report import LARGE_EAR
from earvid.evaluate.roi_clips import EarTruth, JudgedFrame
from earvid.evaluate.scenes import make_scenes
from earvid.prompt import FramePrompt, ObjectPrompt, Prompt
from earvid.tracker.results import mask_box
from earvid.train.clips import TrainingClip
from earvid.train.geometry import ear_box
from earvid.train.stills import Still

KINDS = ("clean", "occluded")


class SceneClip:
    """A clip made of one photo.

    Args:
        clip: with its ear in view on frame 0.
        group: what it is made of.
        name: of the clip.
    """

    def __init__(self, clip: TrainingClip, group: str, name: str) -> None:
        self._clip, self.group, self.name = clip, group, name
        self.length, height, width = clip.masks.shape
        self.size = (width, height)

    def prompt(self) -> Prompt:
        """The exact box on frame 0."""
        box = mask_box(self._clip.masks[0] > 0)
        assert box is not None
        return Prompt((ObjectPrompt(id=1, name="ear", frames={0: FramePrompt(box=box)}),))

    def forward(self) -> Iterator[JudgedFrame]:
        """All frames."""
        return map(self._judged, range(self.length))

    def backward(self) -> Iterator[JudgedFrame]:
        """None."""
        return iter(())

    def _judged(self, t: int) -> JudgedFrame:
        clip = self._clip
        judged = bool(clip.present[t]) or clip.visible[t] == 0
        ears = {1: EarTruth(np.asarray(clip.masks[t] > 0))} if judged else {}
        return JudgedFrame(t, clip.images[t], ears)


def make_scene_clips(
    stills: Sequence[Still], count: int, group: str, seed: int = 0
) -> list[SceneClip]:
    """Make clips of 24 frames of the close-ups among photos; none where there are no close-ups.

    Args:
        stills: photos that a model did not learn from.
        count: how many of each kind.
        group: what they are called together.
        seed: the same one gives the same clips.
    """
    near = [s for s in stills if _extent(s) >= LARGE_EAR]
    return [
        SceneClip(clip, group, f"{kind} scene {number + 1}")
        for kind in (KINDS if near else ())
        for number, clip in enumerate(make_scenes(near, kind, count, seed))
    ]


def _extent(still: Still) -> float:
    x0, y0, x1, y1 = ear_box(still.ears[0])
    return float(max(x1 - x0, y1 - y0))
